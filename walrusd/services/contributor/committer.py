"""Commit to trained work: the commitments, the verification file, the commit transaction.

Everything in the transaction is saved as a work item before it is sent, so that a retry after a
crash sends the same values; the proof of knowledge would otherwise differ. The verification file is
encrypted under a fresh salt, so the item is there before the file is stored: the same file again is
the same blob, which is not paid twice.
"""

from functools import partial
from typing import Any

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.duties import Duty, Party
from walrusd.core.secrets import derive_cost_blinding, derive_cost_key
from walrusd.crypto.cost import FIXED_POINT_BITS, CostFunction
from walrusd.crypto.merkle import Tree
from walrusd.crypto.number_tree import compute_number_root
from walrusd.crypto.pedersen import pedersen
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.results import (
    find_trained,
    load_costs,
    load_trace,
    read_result,
    read_update,
)
from walrusd.market.schemes import CostProof, commit_update, derive_openings
from walrusd.runtime.pool import run_heavy
from walrusd.services.contributor.lateness import note_lateness
from walrusd.state.protection import Begun
from walrusd.training.plan.plan import Plan
from walrusd.training.run.aborts import SENTENCES, AbortCode
from walrusd.units import address_bytes
from walrusd.workers.files import is_whole_file, write_file
from walrusd.workers.pedersen import prove_cost


class Committer(Service):
    """Turns a ``trained`` work item into a committed submission."""

    name = "committer"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher

    async def list_due(self) -> Attempts:
        """Commit our trained submissions."""
        for case in await read_cases(self.tools):
            if case.submission.contributor != self.tools.address:
                continue
            if Duty.COMMIT not in case.list_duties(Party.CONTRIBUTOR, self.tools.clock.now_ms()):
                continue
            trained = find_trained(self.tools, case.submission.id)
            if trained is not None:
                commit = self._commit_abort if "abort" in trained else self._commit
                yield Attempt(
                    case.submission.id, partial(commit, case, trained), in_background=True
                )

    async def _commit(self, case: Case, trained: dict[str, Any]) -> None:
        tools, submission = self.tools, case.submission
        item = tools.work.get("commit", submission.id)
        if item is None or not item.get("file_blob"):
            if item is None or not await self._has_file(submission.id, item):
                item = await self._prepare(case, trained)
                tools.work.put("commit", submission.id, item)
            item = {**item, "file_blob": await self._store_file(submission.id)}
            with tools.database.transaction():
                tools.protection.begin(f"commit:{submission.id}", item["trace_root"].encode())
                tools.work.put("commit", submission.id, item)
                tools.journal.record(
                    submission.id,
                    self.name,
                    "committing",
                    "the work is trained and its verification file is stored",
                    trace_root=item["trace_root"],
                    file_blob=item["file_blob"],
                )
        note_lateness(tools, self.name, case, "commit")
        await tools.contract.commit(
            case.task.id,
            submission.id,
            commitment_of(item),
            leaf_zero_path=[bytes.fromhex(h) for h in item["leaf_zero_path"]],
            cost_proof=bytes.fromhex(item["cost_proof"]),
        )
        tools.protection.done(f"commit:{submission.id}")

    async def _commit_abort(self, case: Case, trained: dict[str, Any]) -> None:
        """Commit to where the plan aborts. No item is saved: all follows from the result."""
        tools, submission, abort = self.tools, case.submission, trained["abort"]
        tree = Tree(await read_result(tools, case, trained, trace_leaves))
        action = f"commit:{submission.id}"
        with tools.database.transaction():
            if tools.protection.begin(action, tree.root.hex().encode()) is Begun.FRESH:
                tools.journal.record(
                    submission.id,
                    self.name,
                    "committing_abort",
                    f"the plan cannot be carried out: {SENTENCES[AbortCode(abort['code'])]}",
                    trace_root=tree.root.hex(),
                    **abort,
                )
        note_lateness(tools, self.name, case, "commit")
        await tools.contract.commit_abort(
            case.task.id,
            submission.id,
            ob.AbortClaim(abort["segment"], abort["step"], abort["code"]),
            trace_root=tree.root,
            leaf_zero_path=tree.path(0),
        )
        tools.protection.done(action)

    async def _has_file(self, submission: str, item: dict[str, Any]) -> bool:
        """Return whether the file that a saved item is about is still here, whole."""
        path = self.tools.files.own_verification_file(submission)
        digest = bytes.fromhex(item["file_digest"])
        return await trio.Path(path).is_file() and await run_heavy(is_whole_file, path, digest)

    async def _store_file(self, submission: str) -> str:
        tools, epochs = self.tools, self.tools.settings.walrus.epochs
        path = tools.files.own_verification_file(submission)
        return str((await tools.store.put(path, epochs=epochs, try_anyway=True)).blob_id)

    async def _prepare(self, case: Case, trained: dict[str, Any]) -> dict[str, Any]:
        """Make the verification file, and return the item, without the blob of the file."""
        tools = self.tools
        verified = await self._fetcher.plan_of(case.task)
        plan, scheme = verified.plan, verified.scheme
        update = await read_update(tools, case, plan, trained)
        update_root = await trio.to_thread.run_sync(compute_number_root, update)
        leaves = await read_result(tools, case, trained, trace_leaves)
        costs = await read_result(tools, case, trained, partial(cost_function, plan=plan))
        tree = Tree(leaves)
        name = address_bytes(case.submission.id)
        context = pedersen.compute_pok_context(case.ctx, tree.root, update_root)
        blinding = derive_cost_blinding(tools.keys, name, trained["cost"])
        commitment, proof = await run_heavy(prove_cost, context, trained["cost"], blinding)
        cost = CostProof(context, commitment, proof)
        openings = await derive_openings(tools, case, scheme, update_root)
        block, committed = await commit_update(
            tools, case.submission.id, scheme, update, openings=openings, cost=cost
        )
        path = tools.files.own_verification_file(case.submission.id)
        write = partial(
            write_file,
            path,
            case.subject,
            verified.quantisation,
            update_root=update_root,
            trace_leaves=leaves,
            scheme=block,
            committed=committed,
            cost=costs,
            cost_key=derive_cost_key(tools.keys, name),
        )
        digest = await run_heavy(write)
        return {
            "trace_root": tree.root.hex(),
            "update_root": update_root.hex(),
            "scheme_root": block.root.hex(),
            "scheme_rows": block.count,
            "leaf_zero_path": [h.hex() for h in tree.path(0)],
            "cost_commitment": cost.commitment.hex(),
            "cost_proof": cost.proof.hex(),
            "file_digest": digest.hex(),
        }


def trace_leaves(trained: dict[str, Any]) -> list[bytes]:
    """Return ``leaf_0 … leaf_S`` of a training result. Blocks; raises as ``load_trace``."""
    return load_trace(trained).leaves()


def cost_function(trained: dict[str, Any], plan: Plan) -> CostFunction:
    """Return the definition of the plan's loss, and the loss of every step in units of 2**-32.

    Blocks; raises as ``load_costs``.
    """
    definition = {"loss": plan.loss, "reduction": "mean", "scale_bits": FIXED_POINT_BITS}
    return CostFunction(definition, load_costs(trained))


def commitment_of(item: dict[str, Any]) -> ob.Commitment:
    """Return the commitment that a work item describes."""
    return ob.Commitment(
        trace_root=bytes.fromhex(item["trace_root"]),
        update_root=bytes.fromhex(item["update_root"]),
        scheme_root=bytes.fromhex(item["scheme_root"]),
        scheme_rows=item["scheme_rows"],
        cost_commitment=bytes.fromhex(item["cost_commitment"]),
        file_digest=bytes.fromhex(item["file_digest"]),
        file_blob=int(item["file_blob"]),
    )
