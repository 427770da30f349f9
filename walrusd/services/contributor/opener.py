"""Open committed work to its committee: sealed pieces, and their key in an envelope per seat."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import trio

from walrusd.chain.calls.delivery import OpeningAttempt
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import CostRule
from walrusd.core.pieces.keys import make_opening_keys
from walrusd.core.pieces.layouts import OpenedCost, OpenedTrace
from walrusd.core.pieces.names import (
    COST,
    FINAL_STATE,
    OPENINGS,
    TRACE,
    UPDATE,
    PieceKind,
    PieceName,
)
from walrusd.core.secrets import derive_cost_blinding, derive_cost_key
from walrusd.crypto.envelopes.openings import prove_opening_key
from walrusd.crypto.pedersen.g1 import encode_scalar
from walrusd.crypto.vfile.vfile import Source
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import derive_own_secret, submission_dataset_key
from walrusd.market.results import (
    find_trained,
    load_trace,
    read_result,
    read_state,
    read_update,
)
from walrusd.market.schemes import derive_openings
from walrusd.market.sealing import OpeningWriter, compute_cut
from walrusd.runtime.pool import run_heavy
from walrusd.runtime.sources import source_of
from walrusd.services.contributor.lateness import note_lateness
from walrusd.training.run.jobs import state_name
from walrusd.units import address_bytes
from walrusd.workers.rows import write_proven_rows

Made = AsyncGenerator[tuple[PieceName, Source], None]
"""The pieces of an opening in ascending order; each can be read until the next one is asked for."""


class Opener(Service):
    """Gives the seated committee what it needs to replay."""

    name = "opener"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher

    async def list_due(self) -> Attempts:
        """Open our seated submissions, even if late, and again if a seat reported one."""
        for case in await read_cases(self.tools):
            submission = case.submission
            if submission.contributor != self.tools.address:
                continue
            if Duty.OPEN in case.list_duties(Party.CONTRIBUTOR, self.tools.clock.now_ms()):
                yield Attempt(submission.id, partial(self._open, case), in_background=True)

    async def _open(self, case: Case) -> None:
        tools, submission = self.tools, case.submission
        item = tools.work.get("open", submission.id)
        if item is None or item.get("attempt") != submission.attempt:
            trained = find_trained(tools, submission.id)
            if trained is None:
                return  # lost: the trainer does the work again and wakes us
            item = await self._prepare(case, trained)
            is_first = submission.attempt == 1
            with tools.database.transaction():
                tools.work.put("open", submission.id, item)
                tools.journal.record(
                    submission.id,
                    self.name,
                    "opening" if is_first else "reopening",
                    "the committee is seated"
                    if is_first
                    else "the opening was absent, or its key reached somebody not",
                    segments=case.dealt_segments(),
                    verifiers=[seat.verifier for seat in submission.committee],
                )
        shown = None
        if case.task.terms.cost_rule == CostRule.PUBLIC and submission.abort is None:
            shown = make_opened_cost(tools, submission.id, int(item["cost"]))
        secret = derive_own_secret(tools, case)
        proof = prove_opening_key(secret)
        note_lateness(tools, self.name, case, "open")
        await tools.contract.open(
            case.task.id,
            submission.id,
            OpeningAttempt(
                blob=int(item["blob"]),
                digest=bytes.fromhex(item["digest"]),
                p2=secret.describe().p2,
                challenge=proof.challenge,
                answer=proof.answer,
                cost=None if shown is None else shown.final,
                blinding=b"" if shown is None else shown.blinding,
            ),
            attempt=submission.attempt,
        )

    async def _prepare(self, case: Case, trained: dict[str, Any]) -> dict[str, Any]:
        """Seal and store the opening, and return the work item that says where it is."""
        tools, submission = self.tools, case.submission
        if submission.attempt > 1:
            await self._store_file_again(case)
        keys = make_opening_keys(derive_own_secret(tools, case))
        folder = tools.files.sealing(submission.id)
        await trio.to_thread.run_sync(_empty, folder)
        try:
            cut = compute_cut(tools.settings.walrus)
            writer = OpeningWriter(tools, folder, keys, case.opening_aad, cut)
            async with aclosing(self._make_pieces(case, trained, folder)) as pieces:
                async for piece, source in pieces:
                    await writer.add(piece, source)
            stored = await writer.finish()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return {
            "blob": str(stored.blob),
            "digest": stored.digest.hex(),
            "pieces": [str(blob) for blob in stored.pieces],
            "cost": trained.get("cost", 0),
            "attempt": submission.attempt,
        }

    async def _store_file_again(self, case: Case) -> None:
        """Store the verification file again: its loss may be what a seat reported.

        The same bytes give the same blob. They cannot be recomputed, as their encryption is salted.
        """
        tools, commitment = self.tools, case.submission.commitment
        path = tools.files.own_verification_file(case.submission.id)
        if case.submission.abort is not None or not await trio.Path(path).is_file():
            return
        assert commitment is not None, "a seated submission has committed"
        epochs = tools.settings.walrus.epochs
        stored = await tools.store.put(path, epochs=epochs, try_anyway=True)
        if stored.blob_id != commitment.file_blob:
            tools.journal.record(
                case.submission.id,
                self.name,
                "damaged",
                "our copy of the verification file is no longer the committed one",
                path=str(path),
            )

    async def _make_pieces(self, case: Case, trained: dict[str, Any], folder: Path) -> Made:
        """Make the pieces one by one; ``folder`` is private, empty, and removed afterwards."""
        tools, submission = self.tools, case.submission
        verified = await self._fetcher.plan_of(case.task)
        plan, segments = verified.plan, case.dealt_segments()
        roots = await read_result(tools, case, trained, load_trace)
        trace = OpenedTrace(tuple(roots.state_roots), tuple(roots.slot_roots))
        yield TRACE, _source(trace.to_bytes())

        states = Path(trained["states"])
        for segment in segments:
            await read_state(tools, case, plan, trained, segment - 1, roots=roots)
            path = states / state_name(segment - 1)
            yield PieceName(PieceKind.START_STATE, segment), source_of(path)

        dek = await submission_dataset_key(tools, case)
        rows = (await self._fetcher.dataset_of(submission, dek)).path
        wanted = {
            str(folder / f"rows-{segment}.bin"): sorted(case.compute_needed_rows(plan, [segment]))
            for segment in segments
        }
        await run_heavy(write_proven_rows, dek, rows, plan.dataset.row_bytes, wanted)
        for segment, target in zip(segments, wanted, strict=True):
            yield PieceName(PieceKind.ROWS, segment), source_of(Path(target))
            await trio.Path(target).unlink()

        if submission.abort is not None:
            return
        assert submission.commitment is not None
        await read_state(tools, case, plan, trained, plan.segments, roots=roots)
        yield FINAL_STATE, source_of(states / state_name(plan.segments))
        yield UPDATE, _source(await read_update(tools, case, plan, trained))
        root = submission.commitment.update_root
        openings = await derive_openings(tools, case, verified.scheme, root)
        yield OPENINGS, _source(b"".join(openings))
        yield COST, _source(make_opened_cost(tools, submission.id, trained["cost"]).to_bytes())


def _source(data: bytes) -> Source:
    return partial(BytesIO, data)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def make_opened_cost(tools: Tools, submission: str, final: int) -> OpenedCost:
    """Return the opening of our submission's cost, whose last segment gave ``final``."""
    name = address_bytes(submission)
    return OpenedCost(
        key=derive_cost_key(tools.keys, name),
        final=final,
        blinding=encode_scalar(derive_cost_blinding(tools.keys, name, final)),
    )
