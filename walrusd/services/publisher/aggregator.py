"""Add up the accepted updates: in the clear with Pedersen, under encryption with Paillier."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import Scheme
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.core.secrets import derive_paillier_seed
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.pedersen.rows import RunningSum
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.engine.jobs import clear_progress
from walrusd.engine.tools import Tools
from walrusd.errors import (
    MalformedData,
    PartAbsent,
    PeerFault,
    SeatKeyLost,
    VerificationFailed,
    WalrusdError,
)
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import find_label_value, find_opening_keys
from walrusd.market.schemes import compute_decryption_context
from walrusd.market.summed import SUMMED_PIECES, check_left_out, open_update
from walrusd.workers.paillier import decrypt_files


class Summed(NamedTuple):
    """The weighted sum, int64 little-endian, its openings, and of which submissions it is.

    ``left_out`` are those that could not be read, each with what shows it (``Aggregate.left_out``).
    """

    vector: bytes
    openings: tuple[bytes, ...]
    parts: tuple[ob.Submission, ...]
    left_out: tuple[tuple[ob.Submission, bytes], ...]


class Aggregator:
    """Makes the sum of a settled task, and the openings that prove it to everyone."""

    def __init__(self, tools: Tools, fetcher: Fetcher, user: str) -> None:
        """Take the collaborators; ``user`` names the service, for logs and files."""
        self._tools = tools
        self._fetcher = fetcher
        self._user = user

    async def sum(self, task: ob.Task, accepted: Sequence[ob.Submission]) -> Summed | None:
        """Return the sum of what can be read of the accepted work; None if too little can.

        Raises:
            PartAbsent: if a part is not there yet, or not any more, and may still come.
        """
        market = await self._tools.contract.market()
        cases = [Case(market, task, sub) for sub in accepted]
        try:
            if task.terms.scheme == Scheme.PAILLIER:
                return await self._sum_encrypted(task, cases)
            return await self._sum_opened(task, cases)
        finally:
            clear_progress(self._tools, task.id)

    def _must_wait(self, task: ob.Task) -> bool:
        """Return whether a part that is not there may still be: storage has its bad hours too."""
        return self._tools.clock.now_ms() < task.phase_ms + task.terms.grace_ms

    def _leave_out(self, case: Case, error: WalrusdError) -> None:
        self._tools.journal.record_once(
            case.submission.id, self._user, "left out", f"it cannot be added up: {error.message}"
        )

    async def keep(self, case: Case) -> bool:
        """Fetch what the sum takes from an accepted submission; return whether all is here.

        Raises:
            PartAbsent: if a blob is not there.
            PeerFault: if something is not the committed thing.
        """
        if case.task.terms.scheme == Scheme.PEDERSEN:
            keys = find_opening_keys(self._tools, case)
            if keys is None:
                return False
            await self._fetcher.opening_of(case, keys, SUMMED_PIECES)
        await self._fetcher.file_of(case.task, case.submission)
        return True

    async def _sum_encrypted(self, task: ob.Task, cases: Sequence[Case]) -> Summed | None:
        """Multiply the ciphertexts of the files and decrypt the product; no opening is needed."""
        tools = self._tools
        verified = await self._fetcher.plan_of(task)
        manifest, scheme = verified.manifest, verified.scheme
        if scheme.encryption is None or manifest.paillier is None:
            raise MalformedData("the task has no Paillier key")
        files: list[tuple[VerifiedFile, ob.Submission]] = []
        left_out: list[tuple[ob.Submission, bytes]] = []
        for case in cases:
            try:
                files.append((await self._fetcher.file_of(task, case.submission), case.submission))
            except (PartAbsent, PeerFault) as error:
                if isinstance(error, PartAbsent) and self._must_wait(task):
                    raise
                self._leave_out(case, error)
                left_out.append((case.submission, b""))
        if len(files) < task.terms.k_min:
            return None
        vector, proof = await decrypt_files(
            derive_paillier_seed(tools.keys, manifest.paillier.key_id),
            scheme.encryption,
            verified.quantisation,
            [(file, sub.weight) for file, sub in files],
            context=compute_decryption_context(await tools.contract.market(), task),
            report=partial(self._report, task),
            threads=tools.settings.daemon.threads,
        )
        return Summed(vector, (proof,), tuple(sub for _file, sub in files), tuple(left_out))

    async def _sum_opened(self, task: ob.Task, cases: Sequence[Case]) -> Summed | None:
        total, parts = RunningSum(), []
        left_out: list[tuple[ob.Submission, bytes]] = []
        for number, case in enumerate(cases):
            value = find_label_value(self._tools, case, Label.UPDATE)
            if value is None:
                raise SeatKeyLost("the keystore does not hold the key of our task")
            keys = OpeningKeys(None, value.derive_key(), value.value)
            try:
                update, blindings = await open_update(self._fetcher, case, keys)
            except (PartAbsent, PeerFault) as error:
                is_absent = isinstance(error, PartAbsent)
                if is_absent and self._must_wait(task):
                    raise
                self._leave_out(case, error)
                # Nobody learns more from the value where nothing is there.
                is_there = not is_absent or await self._has_manifest(case)
                left_out.append((case.submission, value.value if is_there else b""))
                continue
            # Memory holds one update at a time, beside the sum.
            await trio.to_thread.run_sync(total.add, update, case.submission.weight, blindings)
            parts.append(case.submission)
            self._report(task, number + 1, len(cases))
        if len(parts) < task.terms.k_min:
            return None
        openings = tuple(blinding.to_bytes(32, "big") for blinding in total.blindings)
        vector = total.vector.astype("<i8", copy=False).tobytes()
        return Summed(vector, openings, tuple(parts), tuple(left_out))

    async def _has_manifest(self, case: Case) -> bool:
        """Return whether the manifest of an opening is there, for everybody to see."""
        try:
            await check_left_out(self._fetcher, case, b"")
        except VerificationFailed:
            return True
        return False

    def _report(self, task: ob.Task, done: int, pieces: int) -> None:
        """Report the progress of a task's sum."""
        told = {"done": done, "pieces": pieces}
        self._tools.broadcast.publish("aggregate", task=task.id, line="progress", **told)
        self._tools.records.put("progress", task.id, {"aggregating": told})
