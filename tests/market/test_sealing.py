"""An opening is stored piece by piece, paid once, and read piece by piece."""

import sqlite3
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio

from tests.storage.conftest import QUICK, SHARDS, Endpoints
from tests.support.openings import make_keys
from tests.support.refusals import refused
from walrusd.core.pieces.manifest import SHARED_BLOB_BYTES, open_manifest
from walrusd.core.pieces.names import (
    COST,
    FINAL_STATE,
    OPENINGS,
    TRACE,
    UPDATE,
    PieceKind,
    PieceName,
)
from walrusd.market.sealing import OpeningWriter, StoredOpening, compute_cut
from walrusd.settings.model import WalrusSettings
from walrusd.storage.walrus import WalrusStore

AAD = b"opening"
KEYS = make_keys()
CUT = 1 << 20
LARGE = PieceName(PieceKind.START_STATE, 1)
PIECES = {
    TRACE: bytes(224),
    LARGE: bytes(range(256)) * (10 << 10),
    PieceName(PieceKind.START_STATE, 2): b"s" * 700_000,
    PieceName(PieceKind.ROWS, 1): b"r" * 600_000,
    PieceName(PieceKind.ROWS, 2): b"R" * 300,
    FINAL_STATE: b"f" * 5000,
    UPDATE: b"u" * (1 << 20),
    OPENINGS: bytes(64),
    COST: bytes(72),
}


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """A store that a killed process used, before or after its blob arrived."""

    def __init__(self, store: WalrusStore, at: int, *, before: bool) -> None:
        self._store, self._left, self._before = store, at, before

    async def put(self, data, **options):
        if self._before and not self._left:
            raise Killed
        stored = await self._store.put(data, **options)
        if not self._left:
            raise Killed
        self._left -= 1
        return stored


@pytest.fixture
def walrus(tmp_path: Path):
    endpoints = Endpoints(tmp_path / "network")
    endpoints.add("one")
    connection = sqlite3.connect(":memory:")
    yield endpoints, connection
    connection.close()


def open_store(walrus, tmp_path: Path) -> WalrusStore:
    endpoints, connection = walrus
    return WalrusStore(
        ["http://one"], ["http://one"], SHARDS, tmp_path / "cache", connection,
        nodes=["http://one"], policy=QUICK, make_transport=endpoints.transport,
    )  # fmt: skip


async def write(store, folder: Path, pieces=PIECES, keys=KEYS, cut: int = CUT) -> StoredOpening:
    await trio.Path(folder).mkdir(exist_ok=True)
    tools = SimpleNamespace(store=store, settings=SimpleNamespace(walrus=SimpleNamespace(epochs=5)))
    writer = OpeningWriter(tools, folder, keys, AAD, cut)
    for name, data in pieces.items():
        await writer.add(name, partial(BytesIO, data))
    return await writer.finish()


async def test_pieces_are_cut_and_small_ones_share_a_blob(walrus, tmp_path: Path) -> None:
    async with open_store(walrus, tmp_path) as store:
        stored = await write(store, tmp_path / "sealing")
        sealed = await store.get(stored.blob, 1 << 20)
        manifest = open_manifest(sealed, KEYS, AAD)
        assert set(stored.pieces) == set(manifest.measure_blobs())
        assert [piece.name for piece in manifest.pieces] == list(PIECES)
        assert len(manifest.find(LARGE).extents) == 3
        assert len(manifest.find(UPDATE).extents) == 2
        shared = [manifest.find(name).extents[0].blob for name in (OPENINGS, COST)]
        assert len(set(shared)) == 1
        assert all(size <= CUT for size in manifest.measure_blobs().values())
        for blob, size in manifest.measure_blobs().items():
            assert len(await store.get(blob, size)) == size
    assert not list((tmp_path / "sealing").iterdir())


@pytest.mark.parametrize("before", [True, False])
async def test_whoever_is_killed_between_two_pieces_pays_none_twice(
    walrus, tmp_path: Path, before: bool
) -> None:
    endpoints, _connection = walrus
    killed = 0
    while True:
        async with open_store(walrus, tmp_path) as store:
            mortal = Mortal(store, killed, before=before)
            try:
                stored = await write(mortal, tmp_path / "sealing")
            except Killed:
                killed += 1
                endpoints.epoch += killed % 2  # a blob that is stored is not paid for longer either
                continue
        break
    assert killed == len(stored.pieces) + 1 == 9
    assert endpoints.count("PUT") == killed
    other = (Endpoints(tmp_path / "elsewhere"), sqlite3.connect(":memory:"))
    other[0].add("one")
    async with open_store(other, tmp_path / "elsewhere") as store:
        assert await write(store, tmp_path / "again") == stored
    other[1].close()


async def test_an_opening_made_again_shares_no_blob_with_the_first(walrus, tmp_path: Path) -> None:
    async with open_store(walrus, tmp_path) as store:
        first = await write(store, tmp_path / "sealing")
        second = await write(store, tmp_path / "sealing", keys=make_keys(attempt=2))
    assert not {first.blob, *first.pieces} & {second.blob, *second.pieces}


async def test_a_file_that_changes_while_it_is_sealed_is_noticed(walrus, tmp_path: Path) -> None:
    sources = iter([b"first", b"second"])
    async with open_store(walrus, tmp_path) as store:
        tools = SimpleNamespace(store=store)
        writer = OpeningWriter(tools, tmp_path, KEYS, AAD, CUT)
        with refused("local.file", "trace"):
            await writer.add(TRACE, lambda: BytesIO(next(sources)))
    assert walrus[0].count("PUT") == 0


@pytest.mark.parametrize(
    ("changes", "cut"),
    [
        ({}, 8 << 20),
        ({"max_blob_bytes": 2 << 20}, 2 << 20),
        ({"max_blob_bytes": 1 << 40, "chunk_bytes": 128 << 20}, 128 << 20),
        ({"max_blob_bytes": 1000}, 1 << 20),
        ({"shards": 10}, 1_834_952),
    ],
)
def test_blobs_are_no_larger_than_the_way_in_takes(changes, cut: int) -> None:
    settings = WalrusSettings((), (), shards=1000)
    assert compute_cut(replace(settings, **changes)) == cut
    assert SHARED_BLOB_BYTES < 10 << 20
