"""Ports for a test that cannot let a server choose its own."""

import socket
from contextlib import ExitStack


def find_free_ports(count: int) -> list[int]:
    """Return different ports of this machine that are free now."""
    with ExitStack() as opened:
        servers = [
            opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [server.getsockname()[1] for server in servers]
