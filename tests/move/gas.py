"""Estimates what each entry point costs on a network, and writes the table of docs/gas.md.

    python -m tests.move.gas

The unit tests' VM meters nothing, so this is arithmetic: Sui's published cost table applied to the
bytes that the executable specification reads, writes and hashes in one ordinary task.
"""

import hashlib
import random
from contextlib import contextmanager
from typing import NamedTuple

from walrusd.chain.layouts.objects import KeyRequest, Submission
from walrusd.devnet.contract import DEVNET_PARAMS
from walrusd.devnet.move_env import Mode

from .builder import HERE
from .histories import Contract, OracleBazaar
from .recorder import Argument, Step

DOCUMENT = HERE.parents[1] / "docs" / "gas.md"
BEGIN, END = "<!-- table begins -->\n", "<!-- table ends -->\n"

# Sui's protocol configuration (mainnet): internal units, 1,000 of which are a gas unit.
TIERS = ((0, 1), (20_000, 2), (50_000, 10), (100_000, 50), (200_000, 100))
READ_PER_BYTE = 15
HASH_BASE, HASH_PER_BYTE = 52, 2
G1_DECODE, G1_ADD, G1_MUL, HASH_TO_G1 = 2_848, 1_556, 4_842, 3_006
INTERNAL_PER_UNIT, ROUNDING = 1_000, 1_000
STORAGE_MIST_PER_BYTE = 100 * 76
KEPT_OF_REBATE = 100
"""One part in so many of a storage deposit stays with the network whenever an object changes."""

# Our own figures.
BODY, PER_HASHED_BYTE = 3_000, 30
"""Instructions of a function's body, and of assembling one byte that is hashed."""
OBJECT_OVERHEAD = 160
"""Bytes of type, owner, version and previous transaction beside an object's contents."""

GROUP_COST = {
    "submission::commit": 3 * G1_MUL + 2 * G1_ADD + 2 * G1_DECODE + HASH_TO_G1,
    "submission::open": 2 * G1_MUL + G1_ADD + G1_DECODE + HASH_TO_G1,
}


class Estimate(NamedTuple):
    """Computation in gas units; deposit (net, refunded on deletion) and fee in Mist."""

    target: str
    units: int
    deposit: int
    fee: int


@contextmanager
def counting_hashes(counts: list[int]):
    """Count calls of SHA-256 and the bytes they take in ``counts``."""
    original = hashlib.sha256

    def sha256(data=b"", **kwargs):
        counts[0] += 1
        counts[1] += len(data)
        return original(data, **kwargs)

    hashlib.sha256 = sha256
    try:
        yield
    finally:
        hashlib.sha256 = original


def compute_instruction_cost(count: int) -> int:
    """Return the internal units of ``count`` instructions, each tier dearer than the last."""
    total = 0
    for (start, price), (end, _) in zip(TIERS, (*TIERS[1:], (max(count, 0), 0)), strict=True):
        total += max(0, min(count, end) - start) * price
    return total


def estimate(step: Step, made: int, hashes: int, hashed: int) -> Estimate:
    """Estimate one call; ``made`` are the bytes of the objects it created."""
    given = [a for a in step.inputs if isinstance(a, Argument)]
    read = sum(len(a.before) + OBJECT_OVERHEAD for a in given)
    internal = compute_instruction_cost(BODY + PER_HASHED_BYTE * hashed)
    internal += HASH_BASE * hashes + HASH_PER_BYTE * hashed + READ_PER_BYTE * read
    internal += GROUP_COST.get(step.target, 0)
    units = -(-internal // (INTERNAL_PER_UNIT * ROUNDING)) * ROUNDING
    changed = [a for a in given if a.mode is Mode.MUT]
    grown = sum(len(a.after) - len(a.before) for a in changed)
    deposit = (grown + made) * STORAGE_MIST_PER_BYTE
    touched = sum(len(a.before) + OBJECT_OVERHEAD for a in changed)
    return Estimate(step.target, units, deposit, touched * STORAGE_MIST_PER_BYTE // KEPT_OF_REBATE)


class MeteredBazaar(OracleBazaar):
    """Estimates every call that is not refused."""

    def __init__(self) -> None:
        self.estimates: dict[str, Estimate] = {}
        super().__init__(Contract, random.Random(1))

    def call(self, target, sender, *args):
        counts, before = [0, 0], set(self.objects)
        with counting_hashes(counts):
            result = super().call(target, sender, *args)
        new = [o for oid, o in self.objects.items() if oid not in before]
        made = sum(len(o.to_bcs()) + OBJECT_OVERHEAD for o in new)
        found = estimate(self.steps[-1], made, *counts)
        dearest = self.estimates.get(target, found)
        self.estimates[target] = max(found, dearest, key=lambda e: (e.units, e.deposit))
        return result


def estimate_all(world: MeteredBazaar | None = None) -> list[Estimate]:
    """Estimate every entry point in one task with a dispute and an audit, then an upgrade."""
    m = world or MeteredBazaar()
    claim_abort(m)
    submissions = m.opened(4)
    first = submissions[0]
    m.call("submission::reseal", "contributor 0", m.market, first, "0x7", bytes(120))
    honest = m.works.get(first.id).honest[2]
    m.challenge(first, 2)
    m.convene(first)
    m.vote(first, [honest] * 5)
    m.accuser_reveal(first, honest)
    m.resolve(first)
    replace_and_report(m, first)
    m.draw_audit(first, selected=True)
    m.audit(first)
    m.judge(first, m.works[first.id].honest[m.audited_segment(first)])
    m.settle(first)
    for each in submissions[1:]:
        m.accept(each)
    m.claim(first, "contributor 0")
    args = bytes(32), bytes(32), 5
    m.call("task::record_aggregate", "publisher", m.market, m.publisher_cap, m.task, *args)
    m.reclaim()
    m.call("task::claim_task", "crank", m.market, m.task)
    cap = m.caps["verifier 3"]
    m.call("node::exit_seat", "verifier 3", m.market, m.pool, cap)
    m.now += m.market.params.unbonding_ms
    m.call("node::withdraw_seat", "verifier 3", m.market, m.pool, cap)
    args = 9, bytes(32), bytes(32), 70, 8, bytes(32)
    m.call("dataset::add_version", "owner", m.market, m.dataset, *args)
    m.call("dataset::deny_key", "owner", m.market, m.request("reader"), b"not for this task")
    request = m.request("reader")
    m.now = request.expires_ms
    m.call("dataset::expire_key", "crank", m.market, request)
    m.call("market::set_paused", "admin", m.admin_cap, m.market, False)
    m.call("market::allow_version", "admin", m.admin_cap, m.market, 2)
    m.call("market::disallow_version", "admin", m.admin_cap, m.market, 2)
    params = (getattr(DEVNET_PARAMS, name) for name in DEVNET_PARAMS.codecs())
    m.call("node::create_market", "admin", m.admin_cap, bytes(32), "0x5", *params)
    migrate_everything(m, first, request)
    return sorted(m.estimates.values())


def claim_abort(m: MeteredBazaar) -> None:
    """Claim in a task of its own that the plan cannot be carried out."""
    submission, *_ = m.training(1)
    m.commit_abort(submission)


def replace_and_report(m: MeteredBazaar, submission: Submission) -> None:
    """Let one seat be silent until it is replaced, and its substitute ask for another opening."""
    for seat in range(1, m.task.terms.committee):
        m.attest_seat(submission, seat)
    m.now += m.task.terms.verify_ms
    m.replace(submission)
    m.report(submission, 0)
    m.open(submission)
    m.attest_seat(submission, 0)


def migrate_everything(m: MeteredBazaar, submission: Submission, request: KeyRequest) -> None:
    """Make every shared object one of an earlier version, and hand it over."""
    shared = {
        "node::migrate_pool": m.pool,
        "task::migrate_task": m.task,
        "submission::migrate_submission": submission,
        "dataset::migrate_dataset": m.dataset,
        "dataset::migrate_request": request,
    }
    for each in (m.market, *shared.values()):
        each.version = 0
    m.call("market::migrate_market", "admin", m.admin_cap, m.market)
    for target, each in shared.items():
        m.call(target, "crank", m.market, each)


def write_table(estimates: list[Estimate]) -> str:
    """Return the table as Markdown."""
    rows = [
        "| entry point | computation (gas units) | deposit (Mist) | kept of it (Mist) |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows += [f"| `{e.target}` | {e.units:,} | {e.deposit:,} | {e.fee:,} |" for e in estimates]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}{write_table(estimate_all())}{END}{after}")
