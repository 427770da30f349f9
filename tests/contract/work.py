"""A contributor's work, with real hashes and proofs but made-up training."""

from dataclasses import dataclass

from walrusd.core.protocol import (
    TraceContext,
    compute_leaf,
    compute_leaf_zero,
    compute_seed,
    compute_slot_tree,
    compute_work_digest,
)
from walrusd.crypto.merkle import Tree
from walrusd.crypto.pedersen.pedersen import commit, prove_opening
from walrusd.units import address_bytes

from .world import CHAIN_ID, PACKAGE, digest

COST, BLINDING = 3 << 31, 123_456_789


def compute_context(task, submission, market=None):
    """Return ctx the way a daemon computes it; without a market, in that of ``World``."""
    task_id, contributor = address_bytes(task.id), address_bytes(submission.contributor)
    return TraceContext(
        chain_id=market.chain_id if market else CHAIN_ID,
        package=address_bytes(market.package if market else PACKAGE),
        task=task_id,
        contributor=contributor,
        seed=compute_seed(task_id, contributor, task.join_beacon),
        plan_digest=task.plan_digest,
        dataset_root=submission.dataset_root,
    ).digest()


@dataclass
class Replay:
    """What replaying one segment gives."""

    chain: bytes
    state_root: bytes


def _forge(segment, forged):
    if isinstance(forged, dict):
        return forged[segment]
    return Replay(digest("forged", segment), digest("forged state", segment))


class Work:
    """One trace. The segments in ``forged`` claim a state that no replay reaches.

    As a mapping it says what each of them claims.
    With ``abort`` the plan cannot be carried out beyond that segment, which has no state.
    """

    def __init__(self, task, submission, forged=(), abort=None, market=None):
        self.task, self.abort = task, abort
        self.ctx = compute_context(task, submission, market)
        self.honest = {i: self.replay(i) for i in range(1, (abort or task.terms.segments) + 1)}
        if abort is not None:
            self.honest[abort].state_root = bytes(32)
        self.claimed = {
            i: _forge(i, forged) if i in forged else replay for i, replay in self.honest.items()
        }
        leaves = [compute_leaf_zero(task.state_root_0)]
        self.slots = {}
        slots = task.terms.committee + task.terms.substitutes
        for i, replay in self.claimed.items():
            self.slots[i] = compute_slot_tree(self.ctx, i, slots, replay.chain)
            leaves.append(compute_leaf(i, replay.state_root, self.slots[i].root))
        self.leaves, self.tree = leaves, Tree(leaves)
        self.update_root = digest("update", self.ctx)

    def replay(self, segment):
        return Replay(digest("chain", self.ctx, segment), digest("state", self.ctx, segment))

    def commit_args(self):
        """Return the arguments of ``submission::commit`` after the submission."""
        context = self.ctx + self.tree.root + self.update_root
        return {
            "trace_root": self.tree.root,
            "update_root": self.update_root,
            "scheme_root": digest("scheme"),
            "scheme_rows": 4,
            "leaf_zero_path": self.tree.path(0),
            "cost_commitment": commit(COST, BLINDING),
            "cost_proof": prove_opening(context, COST, BLINDING),
            "file_digest": digest("file"),
            "file_blob": 77,
        }

    def abort_args(self):
        """Return the arguments of ``submission::commit_abort`` after the submission."""
        return {
            "segment": self.abort,
            "step": 5,
            "code": 1,
            "trace_root": self.tree.root,
            "leaf_zero_path": self.tree.path(0),
        }

    def attest_args(self, segment, slot):
        """Return ``digest, slot_path, state_root, trace_path`` of ``attestation::attest``."""
        replay = self.claimed[segment]
        return {
            "digest": compute_work_digest(self.ctx, segment, slot, replay.chain),
            "slot_path": self.slots[segment].path(slot),
            "state_root": replay.state_root,
            "trace_path": self.tree.path(segment),
        }
