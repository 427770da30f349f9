"""Opens a client of a Sui network, with channels to all of its nodes."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from walrusd.chain.grpc import Connect, KeepAlive, channel_to
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.endpoints import Endpoints
from walrusd.errors import ConfigError


@asynccontextmanager
async def open_client(
    urls: Sequence[str],
    *,
    chain_id: str | None = None,
    archive_urls: Sequence[str] = (),
    connect: Callable[[str], Connect] | None = None,
    tls: ssl.SSLContext | None = None,
    metadata: Mapping[str, str] | None = None,
    keepalive: KeepAlive | None = KeepAlive(),  # noqa: B008 - frozen
) -> AsyncIterator[SuiClient]:
    """Yield a client of the network that ``urls`` serve; it connects on first use.

    Args:
        urls: ``https://host[:port]`` (or ``http://``) of full nodes, the preferred one first.
        chain_id: the base58 chain identifier, or its first four bytes in hex; None trusts the
            first node that answers.
        archive_urls: nodes used only to read history that all of ``urls`` have pruned.
        connect: returns, for a URL, a replacement of TCP and TLS, such as in-memory streams.
        tls: certificate policy; the system's by default.
        metadata: headers sent with every call, such as a provider's token.
        keepalive: when to suspect a silent connection.

    Raises:
        ConfigError: if ``urls`` is empty or one of them is malformed.
    """

    def open_endpoints(
        setting: str, urls: Sequence[str], chain_of: Endpoints | None = None
    ) -> Endpoints:
        try:
            channels = [
                channel_to(
                    url,
                    nursery,
                    connect=None if connect is None else connect(url),
                    tls=tls,
                    metadata=metadata,
                    keepalive=keepalive,
                )
                for url in urls
            ]
            return Endpoints(channels, chain_id=chain_id, setting=setting, chain_of=chain_of)
        except ValueError as error:
            raise ConfigError(f"{setting}: {error}") from error

    async with trio.open_nursery() as nursery:
        endpoints = open_endpoints("sui.urls", urls)
        archives = None
        if archive_urls:
            archives = SuiClient(open_endpoints("sui.archive_urls", archive_urls, endpoints))
        yield SuiClient(endpoints, archives=archives)
        nursery.cancel_scope.cancel()
