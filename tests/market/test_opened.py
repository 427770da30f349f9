"""What a reader of an opening fetches, keeps, and refuses."""

from contextlib import ExitStack

import pytest

from tests.support.market.opened import Bench
from tests.support.refusals import refused
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.core.pieces.names import (
    COST,
    OPENINGS,
    TRACE,
    UPDATE,
    PieceKind,
    PieceName,
    list_segment_pieces,
)
from walrusd.errors import BlobNotFound, StorageUnreachable
from walrusd.market import opened, sealing
from walrusd.market.fetch import Fetcher
from walrusd.market.opened import name_piece_file

CUT = 3000
"""Bytes: each piece of the bench's opening is cut, and has blobs of its own."""


@pytest.fixture
async def bench(tmp_path, monkeypatch):
    """Work whose pieces share no blobs, and are cut into several."""
    for name in ("SMALLEST_CUT", "SHARED_BLOB_BYTES"):
        monkeypatch.setattr(sealing, name, 100)
    monkeypatch.setattr(sealing, "compute_cut", lambda _walrus: CUT)
    monkeypatch.setattr("walrusd.services.contributor.opener.compute_cut", lambda _walrus: CUT)
    # A manifest of such short parts is larger than those that a reader takes.
    monkeypatch.setattr(opened, "compute_opening_manifest_size", lambda _shape: 1 << 20)
    with ExitStack() as stack:
        bench = Bench(tmp_path, stack)
        await bench.open_work()
        bench.net.store.read.clear()
        yield bench


def case_of(bench: Bench):
    return bench.case(bench.verifier)


async def list_blobs(bench: Bench, *names: PieceName) -> list[int]:
    """Return the blobs that hold some pieces, and that of the manifest."""
    case = case_of(bench)
    pieces = await Fetcher(bench.contributor)._pieces_of(case, bench.keys())
    manifest = await pieces.read_manifest()
    extents = [extent for name in names for extent in manifest.find(name).extents]
    bench.net.store.read.clear()
    return [case.submission.opening.blob, *(extent.blob for extent in extents)]


async def test_only_the_wanted_pieces_are_fetched_and_only_once(bench: Bench) -> None:
    wanted = list_segment_pieces([2])
    needed = await list_blobs(bench, *wanted)
    fetcher, case = Fetcher(bench.verifier), case_of(bench)
    opening = (await fetcher.verified_opening_of(case, bench.keys(), wanted)).opening
    assert set(opening.pieces) == set(wanted)
    manifest_of_task = case.task.manifest_blob
    assert [blob for blob in bench.net.store.read if blob != manifest_of_task] == needed
    assert len(needed) > 2
    bench.net.store.read.clear()
    await fetcher.verified_opening_of(case, bench.keys(), wanted)
    assert bench.net.store.read == []


async def test_the_key_of_the_update_opens_the_update_alone(bench: Bench) -> None:
    names = [UPDATE, OPENINGS, COST]
    needed = await list_blobs(bench, *names)
    fetcher, case = Fetcher(bench.verifier), case_of(bench)
    keys = bench.keys().update_alone()
    opening = await fetcher.opening_of(case, keys, [TRACE, PieceName(PieceKind.ROWS, 1), *names])
    assert sorted(opening.pieces) == names
    assert {blob for blob in bench.net.store.read if blob != case.task.manifest_blob} == set(needed)
    assert (
        opening.read_update() == (await fetcher.opening_of(case, bench.keys(), names)).read_update()
    )


async def test_the_key_of_the_work_leads_to_the_update(bench: Bench) -> None:
    keys = OpeningKeys(bench.keys().work, None)
    opening = await Fetcher(bench.verifier).opening_of(case_of(bench), keys, [TRACE, COST])
    assert opening.read_cost().final > 0
    assert len(opening.trace.slot_roots) == 4


async def test_an_absent_piece_of_another_segment_is_not_missed(bench: Bench) -> None:
    _manifest, *blobs = await list_blobs(bench, PieceName(PieceKind.ROWS, 1))
    for blob in blobs:
        del bench.net.blobs[blob]
    fetcher, case = Fetcher(bench.verifier), case_of(bench)
    await fetcher.verified_opening_of(case, bench.keys(), list_segment_pieces([2]))
    with refused("opening.absent"):
        await fetcher.verified_opening_of(case, bench.keys(), list_segment_pieces([1]))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda data: data[:-1], "storage.content"),
        (lambda data: data + b"!", "opening.absent"),
        (lambda data: b"!" + data[1:], "storage.content"),
    ],
)
async def test_a_blob_that_holds_something_else_is_refused(bench: Bench, spoil, code) -> None:
    *_others, last = await list_blobs(bench, TRACE)
    bench.net.blobs[last] = spoil(bench.net.blobs[last])
    with refused(code):
        await Fetcher(bench.verifier).opening_of(case_of(bench), bench.keys(), [TRACE])
    folder = bench.verifier.files.submission(case_of(bench).submission.id)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["manifest.sealed"]


@pytest.mark.parametrize("damage", [lambda data: data[:-1] + b"!", None])
async def test_what_our_disk_damages_is_our_fault_and_fetched_again(bench: Bench, damage) -> None:
    fetcher, case = Fetcher(bench.verifier), case_of(bench)
    opening = await fetcher.opening_of(case, bench.keys(), [COST])
    folder = bench.verifier.files.pieces(case.submission.id, case.submission.opening.digest)
    path = folder / name_piece_file(COST)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with refused("local.file"):
        opening.read_cost()
    (folder / "manifest.sealed").write_bytes(b"damaged")
    assert (await fetcher.opening_of(case, bench.keys(), [COST])).read_cost().final > 0


@pytest.mark.parametrize("fault", [StorageUnreachable("no node"), BlobNotFound("not here")])
async def test_what_no_node_tells_is_no_finding(bench: Bench, fault, monkeypatch) -> None:
    async def fail(_blob):
        raise fault

    monkeypatch.setattr(bench.net.store, "find_status", fail)
    await Fetcher(bench.verifier).check_lasting(case_of(bench), bench.keys())


async def test_a_blob_that_its_owner_can_delete_is_found(bench: Bench) -> None:
    case = case_of(bench)
    await Fetcher(bench.verifier).check_lasting(case, bench.keys())
    *_others, piece = await list_blobs(bench, PieceName(PieceKind.ROWS, 1))
    for blob in (piece, case.submission.opening.blob, case.submission.commitment.file_blob):
        bench.net.store.deletable = {blob}
        with refused("proof.invalid", "deleted"):
            await Fetcher(bench.verifier).check_lasting(case, bench.keys())
