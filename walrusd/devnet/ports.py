"""The ports of a devnet: whether they are free, said before anything else is done."""

import errno
import socket
from collections.abc import Mapping

from walrusd.errors import ConfigError


def check_distinct(ports: Mapping[str, int]) -> None:
    """Check that no two options name one port; 0 means any.

    Raises:
        ConfigError: if two do.
    """
    options: dict[int, str] = {}
    for option, port in ports.items():
        if port and options.setdefault(port, option) != option:
            raise ConfigError(
                f"port {port} is given twice", hint=f"{options[port]} and {option} must differ"
            )


def check_port(host: str, port: int, option: str) -> None:
    """Check that a port of this machine is free; 0, which means any, always is.

    Raises:
        ConfigError: if another program listens there. ``option`` is the one that names another.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of an earlier run that are still closing do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
            raise ConfigError(
                f"port {port} is taken: another program listens at {host}:{port}",
                hint=f"end it (`ss -ltnp` shows it), or choose another port with {option}",
            ) from exc
