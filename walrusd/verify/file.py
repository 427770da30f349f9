"""Check a verification file with all that a third party may have: keys, model, dataset."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.core.opening import (
    Opening,
    check_opened_rows,
    check_opened_trace,
    verify_opened_cost,
)
from walrusd.core.pieces.keys import OpeningKeys, derive_sealing
from walrusd.core.pieces.layouts import ReadPiece
from walrusd.core.pieces.manifest import ListedPiece, complete_keys, open_manifest
from walrusd.core.pieces.names import COST, PieceKind
from walrusd.crypto.checklist import Checklist
from walrusd.crypto.cost import FIXED_POINT_BITS, CostFunction
from walrusd.crypto.number_tree import compute_number_root
from walrusd.crypto.stream import StreamKind, compute_key_check, stream_aad
from walrusd.crypto.vfile.checks import list_checks, open_cost, verify_file_update
from walrusd.crypto.vfile.header import FileSubject
from walrusd.crypto.vfile.vfile import VerificationFile, open_verification_file
from walrusd.errors import BadRequest, DecryptionFailed, PeerFault, VerificationFailed
from walrusd.market.opened import (
    MANIFEST_FILE,
    has_digest,
    iterate_sealed_piece,
    name_piece_file,
)
from walrusd.runtime.generators import load_generators
from walrusd.runtime.sources import source_of
from walrusd.verify.given import Found, Given

NO_KEY = "give its key with --key"


def check_everything(given: Given, checks: Checklist) -> dict[str, Any]:
    """Make every check that ``given`` allows; return the facts that a report shows.

    Raises:
        BadRequest: if a file cannot be read, or the inputs do not fit together.
        MalformedHeader, MalformedSection, MalformedCbor: if it is not a verification file.
    """
    given.on_step("reading the file")
    try:
        file = _open(given.file)
    except PeerFault as fault:
        checks.failed("layout", fault)
        raise
    checks.passed("layout")
    for name, check in list_checks(file, expected_digest=given.digest):
        given.on_step(name)
        checks.run(name, check)
        if name == "digest" and given.digest is None:
            checks.skipped("anchor", "give --digest with the value that the chain records")
    opening = _check_opening(given, file, checks)
    cost = _check_cost(given, file, opening, checks)
    found = Found(file, opening, cost)
    # Imported late: the checks so far work without torch, and faster.
    from walrusd.verify.work import check_work  # noqa: PLC0415

    check_work(given, found, checks)
    return _facts(given, file, cost)


def _open(path: Path) -> VerificationFile:
    try:
        return open_verification_file(source_of(path))
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error


def _facts(given: Given, file: VerificationFile, cost: CostFunction | None) -> dict[str, Any]:
    subject, block = file.header.subject, file.header.scheme
    facts: dict[str, Any] = {
        "file": str(given.file),
        "anchored": given.digest is not None,
        "digest": file.digest.hex(),
        "scheme": type(block).__name__.removesuffix("Block").lower(),
        "task": "0x" + subject.task.hex(),
        "submission": "0x" + subject.submission.hex(),
        "contributor": "0x" + subject.contributor.hex(),
        "entries": file.header.quantisation.entries,
    }
    if cost is not None and cost.trajectory.size:
        scale = float(1 << FIXED_POINT_BITS)
        facts["cost"] = {
            "definition": cost.definition,
            "steps": int(cost.trajectory.size),
            "first": int(cost.trajectory[0]) / scale,
            "last": int(cost.trajectory[-1]) / scale,
        }
    return facts


def opening_aad(subject: FileSubject) -> bytes:
    """Return the associated data of a submission's sealed opening."""
    return stream_aad(StreamKind.OPENING, subject.chain_id, subject.package, subject.submission)


def _unseal(given: Given, file: VerificationFile, folder: Path) -> Opening:
    """Return the opening whose sealed pieces are in a folder; those that are not are left out."""
    path = folder / MANIFEST_FILE
    try:
        sealed = path.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error
    aad = opening_aad(file.header.subject)
    for keys in _list_opening_keys(given.keys):
        try:
            manifest = open_manifest(sealed, keys, aad)
        except DecryptionFailed:
            continue
        whole = complete_keys(keys, manifest)
        there = [
            piece for piece in manifest.pieces if (folder / name_piece_file(piece.name)).exists()
        ]
        return Opening({piece.name: _find_piece(folder, piece, whole, aad) for piece in there})
    raise DecryptionFailed("none of the given keys decrypts the opening of this submission")


def _list_opening_keys(given: Sequence[bytes]) -> Iterator[OpeningKeys]:
    """Return each key as that of an opening's work, and as that of its update."""
    for key in given:
        yield from (OpeningKeys(key, None), OpeningKeys(None, key))


def _find_piece(folder: Path, piece: ListedPiece, keys: OpeningKeys, aad: bytes) -> ReadPiece:
    path = folder / name_piece_file(piece.name)
    if not has_digest(path, piece.sealed_digest):
        raise VerificationFailed(f"{path.name} is not the piece that the opening's manifest lists")
    return partial(
        iterate_sealed_piece, path, piece.sealed_digest, *derive_sealing(piece.name, keys, aad)
    )


def _check_opening(given: Given, file: VerificationFile, checks: Checklist) -> Opening | None:
    names = ("opening", "update", "update opened", "final cost", "opened rows")
    if given.opening is None or not given.keys:
        why = (
            NO_KEY
            if given.opening is not None
            else "give --opening with the folder of its sealed pieces"
        )
        for name in names:
            checks.skipped(name, why)
        return None
    given.on_step("opening")
    path = given.opening
    opening = checks.find("opening", lambda: _open_opening(given, file, path))
    if opening is None:
        for name in names[1:]:
            checks.skipped(name, "the check of the opening failed")
        return None
    checks.run("update", lambda: _verify_update_root(file, opening))
    given.on_step("update opened")
    load_generators()
    checks.run("update opened", lambda: _verify_opened_update(file, opening))
    checks.run("final cost", lambda: _verify_final_cost(file, opening))
    _check_opened_rows(given, file, opening, checks)
    return opening


def _open_opening(given: Given, file: VerificationFile, path: Path) -> Opening:
    opening = _unseal(given, file, path)
    _verify_trace(file, opening)
    return opening


def _verify_trace(file: VerificationFile, opening: Opening) -> None:
    """Check only the leaves: rows have their own check."""
    check_opened_trace(opening, len(file.trace_leaves) - 1, file.header.trace_root)


def _verify_update_root(file: VerificationFile, opening: Opening) -> None:
    if compute_number_root(opening.read_update()) != file.header.update_root:
        raise VerificationFailed("the opened update has another root")


def _verify_opened_update(file: VerificationFile, opening: Opening) -> None:
    update = np.frombuffer(opening.read_update(), "<i4").astype(np.int32)
    verify_file_update(file, update, opening.read_openings())


def _verify_final_cost(file: VerificationFile, opening: Opening) -> str:
    cost = opening.read_cost()
    verify_opened_cost(cost, file.header.scheme.cost_commitment)
    return f"a loss of {cost.final / (1 << FIXED_POINT_BITS):.6g}"


def _check_opened_rows(
    given: Given, file: VerificationFile, opening: Opening, checks: Checklist
) -> None:
    if given.rows is None:
        checks.skipped("opened rows", "give --rows with the number of rows that the chain records")
        return
    root, count = file.header.subject.dataset_root, given.rows

    def verify() -> str:
        segments = opening.list_segments(PieceKind.ROWS)
        found = sum(check_opened_rows(opening, segment, root, count) for segment in segments)
        return f"{found} rows"

    checks.run("opened rows", verify)


def _check_cost(
    given: Given, file: VerificationFile, opening: Opening | None, checks: Checklist
) -> CostFunction | None:
    opened = opening.read_cost() if opening is not None and COST in opening.pieces else None
    keys = [*given.keys, *([] if opened is None else [opened.key])]
    if not keys:
        checks.skipped("cost function", NO_KEY)
        return None
    if given.opening is not None and opening is None:
        # Its key may be in the opening: a failure of the given ones would prove nothing.
        checks.skipped("cost function", "the opening, which may hold its key, was not opened")
        return None
    given.on_step("cost function")
    return checks.find(
        "cost function",
        lambda: _read_cost(file, keys),
        lambda cost: f"{cost.trajectory.size} steps",
    )


def _read_cost(file: VerificationFile, keys: Sequence[bytes]) -> CostFunction:
    submission = file.header.subject.submission
    for key in keys:
        if compute_key_check(key, submission) == file.header.key_check:
            return open_cost(file, key)
    raise DecryptionFailed("none of the given keys decrypts the cost function")
