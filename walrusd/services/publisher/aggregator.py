"""Add up the accepted updates: in the clear with Pedersen, under encryption with Paillier."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import structlog
import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import Scheme
from walrusd.core.secrets import derive_paillier_seed
from walrusd.crypto.number_tree import compute_number_root
from walrusd.crypto.pedersen.rows import RunningSum
from walrusd.engine.jobs import clear_progress
from walrusd.engine.tools import Tools
from walrusd.errors import MalformedData, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import find_opening_key
from walrusd.market.schemes import (
    compute_decryption_context,
)
from walrusd.runtime.pool import run_heavy
from walrusd.workers.files import check_opened
from walrusd.workers.paillier import decrypt_files

Summed = tuple[bytes, tuple[bytes, ...]]
"""The weighted sum, int64 little-endian, and its openings."""


class Aggregator:
    """Makes the sum of a settled task, and the openings that prove it to everyone."""

    def __init__(self, tools: Tools, fetcher: Fetcher, user: str) -> None:
        """Take the collaborators; ``user`` names the service, for logs and files."""
        self._tools = tools
        self._fetcher = fetcher
        self._log = structlog.get_logger(__name__).bind(service=user)

    async def sum(self, task: ob.Task, accepted: Sequence[ob.Submission]) -> Summed | None:
        """Return the weighted sum and its openings; None if a key is still missing.

        Raises:
            VerificationFailed: if an accepted update is not the committed one.
        """
        if not accepted:
            return None
        try:
            if task.terms.scheme == Scheme.PAILLIER:
                return await self._sum_encrypted(task, accepted)
            return await self._sum_opened(task, accepted)
        finally:
            clear_progress(self._tools, task.id)

    async def _sum_encrypted(self, task: ob.Task, accepted: Sequence[ob.Submission]) -> Summed:
        """Multiply the ciphertexts of the files and decrypt the product; no opening is needed."""
        tools = self._tools
        verified = await self._fetcher.plan_of(task)
        manifest, scheme = verified.manifest, verified.scheme
        if scheme.encryption is None or manifest.paillier is None:
            raise MalformedData("the task has no Paillier key")
        files = [await self._fetcher.file_of(task, sub) for sub in accepted]
        vector, proof = await decrypt_files(
            derive_paillier_seed(tools.keys, manifest.paillier.key_id),
            scheme.encryption,
            verified.quantisation,
            [(file, sub.weight) for file, sub in zip(files, accepted, strict=True)],
            context=compute_decryption_context(await tools.contract.market(), task),
            report=partial(self._report, task),
            threads=tools.settings.daemon.threads,
        )
        return vector, (proof,)

    async def _sum_opened(self, task: ob.Task, accepted: Sequence[ob.Submission]) -> Summed | None:
        tools = self._tools
        market = await tools.contract.market()
        cases = [Case(market, task, sub) for sub in accepted]
        keys = [find_opening_key(tools, case) for case in cases]
        missing = [c.submission.id for c, key in zip(cases, keys, strict=True) if key is None]
        if missing:
            self._log.info("waiting_for_keys", task=task.id, submissions=missing)
            return None
        total = RunningSum()
        for number, (case, key) in enumerate(zip(cases, keys, strict=True)):
            assert key is not None
            update, blindings = await self._open_update(case, key)
            # Memory holds one update at a time, beside the sum.
            await trio.to_thread.run_sync(total.add, update, case.submission.weight, blindings)
            self._report(task, number + 1, len(cases))
        openings = tuple(blinding.to_bytes(32, "big") for blinding in total.blindings)
        return total.vector.astype("<i8", copy=False).tobytes(), openings

    def _report(self, task: ob.Task, done: int, pieces: int) -> None:
        """Report the progress of a task's sum."""
        told = {"done": done, "pieces": pieces}
        self._tools.broadcast.publish("aggregate", task=task.id, line="progress", **told)
        self._tools.records.put("progress", task.id, {"aggregating": told})

    async def _open_update(self, case: Case, key: bytes) -> tuple[Any, list[int]]:
        """Return one accepted update and its row blindings, checked against its commitments."""
        assert case.submission.commitment is not None
        opening = (await self._fetcher.verified_opening_of(case, key)).opening
        root = await trio.to_thread.run_sync(compute_number_root, opening.update)
        if root != case.submission.commitment.update_root:
            raise VerificationFailed("an accepted update does not have its committed root")
        file = await self._fetcher.file_of(case.task, case.submission)
        await run_heavy(check_opened, file, opening.update, opening.openings)
        update = np.frombuffer(opening.update, "<i4").astype(np.int32)
        return update, [int.from_bytes(blinding, "big") for blinding in opening.openings]
