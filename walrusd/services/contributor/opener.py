"""Open committed work to its committee: one encrypted blob, and its key in an envelope per seat."""

from functools import partial
from typing import Any

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import CostRule
from walrusd.core.opening import OpenedCost, Opening
from walrusd.core.secrets import derive_cost_blinding, derive_cost_key, derive_opening_key
from walrusd.crypto.pedersen.g1 import encode_scalar
from walrusd.crypto.stream import compute_key_check, encrypt_bytes
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import make_seat_envelope, submission_dataset_key
from walrusd.market.results import (
    find_trained,
    load_trace,
    read_result,
    read_state,
    read_update,
)
from walrusd.market.schemes import derive_openings
from walrusd.runtime.pool import run_heavy
from walrusd.units import address_bytes
from walrusd.workers.rows import prove_file_rows


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
        if item is None or item.get("again", False) != submission.reopened:
            trained = find_trained(tools, submission.id)
            if trained is None:
                return  # lost: the trainer does the work again and wakes us
            item = await self._prepare(case, trained)
            with tools.database.transaction():
                tools.work.put("open", submission.id, item)
                tools.journal.record(
                    submission.id,
                    self.name,
                    "reopening" if submission.reopened else "opening",
                    "a seat reported that it cannot use the opening"
                    if submission.reopened
                    else "the committee is seated",
                    segments=case.dealt_segments(),
                    verifiers=[seat.verifier for seat in submission.committee],
                )
        name, shown = address_bytes(submission.id), None
        if case.task.terms.cost_rule == CostRule.PUBLIC and submission.abort is None:
            shown = make_opened_cost(tools, submission.id, int(item["cost"]))
        key = derive_opening_key(tools.keys, name)
        await tools.contract.open(
            case.task.id,
            submission.id,
            ob.Opening(
                blob=int(item["blob"]),
                digest=bytes.fromhex(item["digest"]),
                key_check=compute_key_check(key, name),
                envelopes=[
                    make_seat_envelope(case, seat.verifier, seat.key, key)
                    for seat in submission.committee
                ],
                cost=None if shown is None else shown.final,
            ),
            blinding=b"" if shown is None else shown.blinding,
            again=submission.reopened,
        )

    async def _prepare(self, case: Case, trained: dict[str, Any]) -> dict[str, Any]:
        """Encrypt and store the opening; its salt is random, so the blob becomes a work item."""
        tools, name = self.tools, address_bytes(case.submission.id)
        if case.submission.reopened:
            await self._store_file_again(case)
        opening = await self._build(case, trained)
        key, aad = derive_opening_key(tools.keys, name), case.opening_aad
        sealed = await trio.to_thread.run_sync(lambda: encrypt_bytes(opening.to_bytes(), key, aad))
        epochs = tools.settings.walrus.epochs
        stored = await tools.store.put(sealed, epochs=epochs, try_anyway=True)
        return {
            "blob": str(stored.blob_id),
            "digest": hash_tagged(Tag.OPENING, sealed).hex(),
            "cost": trained.get("cost", 0),
            "again": case.submission.reopened,
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

    async def _build(self, case: Case, trained: dict[str, Any]) -> Opening:
        tools, submission = self.tools, case.submission
        verified = await self._fetcher.plan_of(case.task)
        plan, scheme = verified.plan, verified.scheme
        segments = case.dealt_segments()
        boundaries = {segment - 1 for segment in segments}
        indices = sorted(case.compute_needed_rows(plan, segments))
        dek = await submission_dataset_key(tools, case)
        path = (await self._fetcher.dataset_of(submission, dek)).path
        rows = await run_heavy(prove_file_rows, dek, path, plan.dataset.row_bytes, indices)
        update, openings, cost = b"", list[bytes](), None
        if submission.abort is None:
            assert submission.commitment is not None
            boundaries.add(plan.segments)
            update = await read_update(tools, case, plan, trained)
            root = submission.commitment.update_root
            openings = await derive_openings(tools, case, scheme, root)
            cost = make_opened_cost(tools, submission.id, trained["cost"])
        roots = await read_result(tools, case, trained, load_trace)
        return Opening(
            state_roots=roots.state_roots,
            slot_roots=roots.slot_roots,
            states={
                boundary: await read_state(tools, case, plan, trained, boundary, roots=roots)
                for boundary in sorted(boundaries)
            },
            update=update,
            openings=tuple(openings),
            cost=cost,
            rows=tuple(rows),
        )


def make_opened_cost(tools: Tools, submission: str, final: int) -> OpenedCost:
    """Return the opening of our submission's cost, whose last segment gave ``final``."""
    name = address_bytes(submission)
    return OpenedCost(
        key=derive_cost_key(tools.keys, name),
        final=final,
        blinding=encode_scalar(derive_cost_blinding(tools.keys, name, final)),
    )
