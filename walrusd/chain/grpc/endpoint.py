"""Where a node listens, and how it is dialled."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import trio

Connect = Callable[[], Awaitable[trio.abc.Stream]]
"""Makes a fresh byte stream to one server; raises OSError or a trio resource error."""


@dataclass(frozen=True)
class NodeUrl:
    """Where a node listens: ``http://`` is plaintext HTTP/2, ``https://`` is TLS."""

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the endpoint of ``url``.

        Raises:
            ValueError: if it is not ``http(s)://host[:port]``.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not a node URL: {_without_userinfo(url)!r} (want https://host:port)")
        if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(
                f"a node URL is only scheme, host and port: {_without_userinfo(url)!r}"
            )
        tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls)

    @property
    def authority(self) -> str:
        """Return ``host:port`` as HTTP writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _without_userinfo(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


def dialler(endpoint: NodeUrl, tls: ssl.SSLContext | None = None) -> Connect:
    """Return a function that connects to ``endpoint`` over TCP, with TLS (ALPN ``h2``) if https."""
    context = None
    if endpoint.tls:
        context = tls or ssl.create_default_context()
        context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
        context.set_alpn_protocols(["h2"])

    async def connect() -> trio.abc.Stream:
        tcp = await trio.open_tcp_stream(endpoint.host, endpoint.port)
        if context is None:
            return tcp
        stream = trio.SSLStream(tcp, context, server_hostname=endpoint.host, https_compatible=True)
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(tcp)
            raise
        return stream

    return connect
