"""A devnet, and daemons' settings on it that name no contract yet."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import trio

from walrusd.chain.calls.node import SeatOffer
from walrusd.chain.layouts.objects import VerifierPool
from walrusd.chain.packages.modules import read_module
from walrusd.chain.send.signer import Signer, decode_private_key
from walrusd.crypto.keystore import KeyBundle, RawKek, seal_keystore
from walrusd.devnet.app import DevnetInfo, DevnetOptions, serve_devnet
from walrusd.devnet.chain_file import open_chain_file
from walrusd.devnet.move.packages import Contract
from walrusd.engine.tools import Tools
from walrusd.runtime.groups import first_leaf
from walrusd.services.committee.registrar import register_seat
from walrusd.settings.model import (
    DaemonSettings,
    KeysSettings,
    Role,
    Settings,
    SuiSettings,
    WalrusSettings,
)
from walrusd.units import MIST_PER_SUI, Mist

BUDGET = Mist(2 * MIST_PER_SUI)
OFFER = SeatOffer(min_fee=0, max_penalty=MIST_PER_SUI, rate=10**9, memory=1 << 30)


@asynccontextmanager
async def open_devnet(
    directory: Path,
    contract: Contract | None = None,
    further: tuple[Contract, ...] = (),
    endpoints: int = 1,
) -> AsyncIterator[DevnetInfo]:
    """Serve a devnet; another ``contract`` is what its first package was made of.

    ``further`` contracts may be published on it. It has several ``endpoints``, if need be.
    """
    await trio.Path(directory).mkdir(exist_ok=True)
    open_chain_file(directory / "sui.sqlite", seed=11, contract=contract).store.close()
    async with trio.open_nursery() as nursery:
        options = DevnetOptions(directory, further=further, endpoints=endpoints)
        yield await nursery.start(serve_devnet, options)
        nursery.cancel_scope.cancel()


def make_settings(home: Path, info: DevnetInfo, key: str | None = None, **sui: object) -> Settings:
    """Write the keys of a daemon, and return its settings; ``key`` None makes a fresh one."""
    home.mkdir(exist_ok=True)
    kek = os.urandom(32)
    bundle = KeyBundle.generate()
    if key is not None:
        bundle = replace(bundle, sui_seed=decode_private_key(key))
    for name, data in (("kek", kek), ("keystore", seal_keystore(bundle, RawKek(kek)))):
        (home / name).write_bytes(data)
        (home / name).chmod(0o600)
    return Settings(
        daemon=DaemonSettings(home / "state", home / "s", frozenset({Role.PUBLISHER}), threads=1),
        sui=replace(SuiSettings((info.sui_url,), info.chain_id), **sui),
        walrus=WalrusSettings((info.walrus_url,), (info.walrus_url,), shards=info.shards),
        keys=KeysSettings(home / "keystore", home / "kek"),
    )


def address_of(key: str) -> str:
    """Return the address of a private key."""
    return Signer(decode_private_key(key)).address


async def take_seat(tools: Tools) -> VerifierPool:
    """Take one more seat of the first pool; return the pool with it."""
    name = tools.contract.pool_ids[0]
    pool = await tools.contract.pool(name)
    limit = pool.params.stake + pool.params.fee
    await register_seat(tools, pool, OFFER, max_stake=limit, another=True)
    tools.contract.forget(name)
    return await tools.contract.pool(name)


def tamper(contract: Contract, change: Callable[[bytes], bytes], name: str = "task") -> Contract:
    """Return a contract one module of which is other code."""
    modules = tuple(change(m) if read_module(m).name == name else m for m in contract.modules)
    assert modules != contract.modules
    return replace(contract, modules=modules)


def flip_instruction(code: bytes) -> bytes:
    """Return other code of the same length; the byte before the last ends the last function."""
    return code[:-2] + bytes([code[-2] ^ 1, code[-1]])


class Raises:
    """Expect one typed error, alone or in groups; it is in ``error`` afterwards."""

    def __init__(self, kind: type[Exception], *words: str) -> None:
        self.kind, self.words = kind, words
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        assert error is not None, f"nothing was raised, {self.kind.__name__} expected"
        leaf = first_leaf(error) if isinstance(error, BaseExceptionGroup) else error
        if not isinstance(leaf, self.kind):
            return False
        for word in self.words:
            assert word in str(leaf), str(leaf)
        self.error = leaf
        return True
