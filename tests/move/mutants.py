"""Copies of the executable specification with one rule changed, to see that the net catches them.

A copy lives in a package of its own name, so that the real specification stays as it is.
"""

import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from walrusd.devnet import contract as original

from .histories import Contract

SOURCE = Path(original.__file__).parent


class Mutant(NamedTuple):
    """What is wrong; ``old``, which occurs once in ``module``, becomes ``new``."""

    name: str
    module: str
    old: str
    new: str


def _later(name: str, module: str, deadline: str, by: int = 1) -> Mutant:
    return Mutant(name, module, deadline, f"{deadline} + {by}")


def _no(name: str, module: str, condition: str) -> Mutant:
    """A check that is missing: ``require(condition`` always holds."""
    return Mutant(name, module, f"require({condition}", "require(True")


MUTANTS = (
    # windows, off by one
    _later("joins are late", "task", "now < task.phase_ms + task.terms.join_ms"),
    _later("joining closes late", "task", "now >= task.phase_ms + task.terms.join_ms"),
    _later("training ends late", "task", "terms.train_ms + terms.grace_ms"),
    _later("openings are waited for", "settlement", "task.terms.open_ms + task.terms.grace_ms"),
    _later("keys are waited for", "reopening", "began_ms + terms.open_ms + terms.grace_ms"),
    _later("seats are replaced late", "substitutes", "submission.window_ms + task.terms.verify_ms"),
    _later("jurors commit late", "dispute", "now >= dispute.phase_ms + terms.jury_commit_ms"),
    _later("juries end early", "dispute", "commit_ms + terms.jury_reveal_ms", by=-1),
    _later("late is later", "delivering", "submission.window_ms + task.terms.open_ms"),
    Mutant("windows stay", "holdings", "submission.window_ms = now", "pass"),
    Mutant("cases take time", "outcome", "submission.window_ms += now - dispute.opened_ms", "pass"),
    # money
    Mutant("a lapse is free", "payment", "keeping=task.terms.lapse_penalty", "keeping=0"),
    Mutant("silence is cheap", "constants", "SILENCE_FEES = 10", "SILENCE_FEES = 9"),
    Mutant("accusers take more", "payment", "min(ACCUSER_FEES *", "min(2 * ACCUSER_FEES *"),
    Mutant(
        "silent seats are paid",
        "payment",
        "if seat.status == SeatStatus.ATTESTED:\n            pay_from_escrow",
        "if True:\n            pay_from_escrow",
    ),
    Mutant("wrong jurors are paid", "dispute", " if juror.value == value]", "]"),
    Mutant(
        "seating is free",
        "committee",
        "pay_tip(task, submission, ctx.sender)\n    enter_state",
        "enter_state",
    ),
    Mutant(
        "drawing is free",
        "committee",
        "pay_tip(task, submission, ctx.sender)\n    beacon",
        "pass\n    beacon",
    ),
    Mutant("replacing is free", "substitutes", "    pay_tip(task, submission, ctx.sender)\n", ""),
    Mutant("drawing an audit is free", "audit", "    pay_tip(task, submission, ctx.sender)\n", ""),
    Mutant(
        "late commits are free",
        "committing",
        "_charge_lateness(task, submission, now)\n    submission.ctx = trace_context",
        "submission.ctx = trace_context",
    ),
    Mutant(
        "no key is no delay",
        "holdings",
        "min(terms.stake // 2, submission.late_fee + terms.late_fee)",
        "submission.late_fee",
    ),
    Mutant(
        "late fees are not kept",
        "payment",
        "stake = _return_stake(submission, keeping=submission.late_fee)\n    pay_from_escrow",
        "stake = _return_stake(submission, keeping=0)\n    pay_from_escrow",
    ),
    Mutant("bonds pay no plan", "payment", "min(task.bond, earned)", "0"),
    Mutant("aborts earn more", "payment", "terms.reward * claim.segment // ", "terms.reward // "),
    Mutant("bribed seats are paid", "payment", "if at not in guilty", "if True"),
    Mutant("bribed seats lose a fee", "outcome", "terms.verifier_stake)", "terms.verifier_fee)"),
    Mutant("claims pay too much", "settlement", "new_coin(amount)", "new_coin(amount + 1)"),
    Mutant("claimed credits stay", "credit", "del entries[at]", "pass"),
    Mutant("bonds are not kept", "task", "bond=terms.publisher_bond,", "bond=0,"),
    # pools and lots
    Mutant("bookings are uncounted", "task", "book(pool, duties)", "pass"),
    Mutant("ended work stays booked", "ending", "unbook(pool, compute_places(task.terms))", "pass"),
    Mutant("committees stay pinned", "ending", "unpin(pool, seat.pool_index)", "pass"),
    Mutant("jurors stay pinned", "verdict", "unpin(pool, juror.pool_index)", "pass"),
    Mutant("new seats are drawn", "fitness", "and seat.active_from_ms <= opened_ms\n", "\n"),
    Mutant("new seats are counted", "fitness", "seat.active_from_ms <= opened_ms and ", ""),
    Mutant("those who leave are drawn", "seats", " and seat.exiting_at_ms == 0", ""),
    Mutant("lots stay", "lot", "        pool.lot = NOBODY", "        pass"),
    Mutant("silence is forgotten", "node", "min(MAX_SILENT, seat.silent + 1)", "0"),
    Mutant("picks come again", "lot", "index = left.pop()", "index = left[-1]"),
    _no("any lot", "lot", "pool.lot == NOBODY"),
    # verdicts
    Mutant("one short is a majority", "dispute", "2 * count > size", "2 * count + 1 >= size"),
    Mutant("alternates judge", "dispute", "[:size]", ""),
    Mutant("juries are redrawn for ever", "verdict", "dispute.round == 0", "dispute.round <= 1"),
    Mutant("openings are asked for again", "constants", "MAX_ATTEMPTS = 2", "MAX_ATTEMPTS = 3"),
    Mutant("samples never end", "audit", " or submission.audit_round == MAX_SAMPLES", ""),
    Mutant(
        "audits are challenges",
        "outcome",
        "if is_audit(dispute):\n        reason",
        "if False:\n        reason",
    ),
    # order and counters
    Mutant(
        "commitments are uncounted",
        "committing",
        "task.committed += 1\n    ctx.emit(\n        SubmissionCommitted(",
        "ctx.emit(\n        SubmissionCommitted(",
    ),
    Mutant("weights are uncounted", "ending", "+= submission.weight", "+= 1"),
    Mutant("seats share their deal", "attestation", "place * terms.segments_per_seat + ", ""),
    Mutant("second openings count", "delivering", "if submission.attempt == 1:", "if True:"),
    Mutant("traces never end early", "dealt", "if submission.abort is None else", "if True else"),
    # missing checks
    _no("grants of any scope", "submission", "request.scope == KeyScope.TRAIN_AND_VERIFY"),
    _no("any stake", "submission", "stake.balance == terms.stake"),
    _no("twice in one task", "submission", "ctx.sender not in joined"),
    _no("any program", "submission", "program_root == task.program_root"),
    Mutant("any leaf zero", "committing", "        return False", "        return True"),
    _no("anyone grants", "dataset", "now < request.expires_ms"),
    _no("grants for what has begun", "dataset", "takes_contributors(task, now)"),
    _no("a second vote", "attestation", "voter.attested & (1 << position) == 0"),
    _no("any seat", "attestation", "is_seated"),
    _no("reports for ever", "attestation", "is_new"),
    _no("any part", "accusing", "exists"),
    _no("any kind", "accusing", "_is_supported(submission, kind)"),
    _no("any bond", "accusing", "bond.balance == amount"),
    _no("any reveal", "voting", 'voter.value == b""'),
    _no("any audit", "audit", "is_audit_pending(task, submission)"),
    _no("any leaf audited", "audit", "is_leaf(task, submission, index, leaf, path)"),
    _no("two envelopes", "delivering", 'seat.envelope == b""'),
    _no("two openings", "opening", "submission.opening is None"),
    _no("private costs are told", "opening", "cost is None"),
    _no("private costs are half told", "opening", 'blinding == b""'),
    Mutant(
        "public costs are believed",
        "opening",
        "pedersen.check_opening(submission.commitment.cost_commitment, cost, blinding)",
        "pass",
    ),
    _no("an aggregate of few", "task", "parts.bit_count() >= task.terms.k_min"),
    _no("any funds", "task", "funds.balance == required"),
    _no("paused, but open", "market", "not market.paused"),
    _no("any pool", "market", "member.pool == pool.id"),
    _no("any market", "market", "member.market == market.id"),
)


def apply(mutant: Mutant, folder: Path) -> type[Contract]:
    """Return the contract as ``mutant`` has it; ``folder`` is empty and importable."""
    package = f"contract_where_{re.sub(r'[^a-z]+', '_', mutant.name)}"
    shutil.copytree(SOURCE, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (folder / package).glob("*.py"):
        text = path.read_text()
        if path.stem == mutant.module:
            assert text.count(mutant.old) == 1, f"{mutant.name}: the rule has moved"
            text = text.replace(mutant.old, mutant.new)
        path.write_text(text.replace(original.__name__, package))
    importlib.invalidate_caches()
    module = importlib.import_module(package)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]

    class Changed(Contract):
        functions = {f"{f.module}::{f.name}": f for f in module.FUNCTIONS}  # noqa: RUF012  # a constant
        deploy = staticmethod(module.genesis)

    return Changed
