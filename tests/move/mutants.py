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
    _later("joins are late", "submission", "now < task.phase_ms + terms.join_ms"),
    _later("joining closes late", "task", "now >= task.phase_ms + task.terms.join_ms"),
    _later("training ends late", "task", "now >= task.phase_ms + task.terms.train_ms"),
    Mutant(
        "openings are waited for",
        "settlement",
        'terms.grace_ms\n            require(now >= closes_ms, "settlement.ETooEarly")\n'
        "            return SubmissionState.REJECTED, EndReason.NEVER_OPENED\n"
        "        case SubmissionState.OPENED",
        'terms.grace_ms + 1\n            require(now >= closes_ms, "settlement.ETooEarly")\n'
        "            return SubmissionState.REJECTED, EndReason.NEVER_OPENED\n"
        "        case SubmissionState.OPENED",
    ),
    Mutant(
        "audits are not waited for",
        "settlement",
        "if is_audit_pending(task, submission):",
        "if is_audit_pending(task, submission) and now > opened_ms:",
    ),
    _later("seats are replaced late", "substitutes", "submission.window_ms + task.terms.verify_ms"),
    _later("attestations are late", "settlement", "opened_ms + terms.verify_ms", by=-1),
    _later("jurors commit late", "voting", "now < dispute.phase_ms + task.terms.jury_commit_ms"),
    _later("juries end early", "verdict", "terms.jury_commit_ms + terms.jury_reveal_ms", by=-1),
    Mutant("windows stay", "holdings", "submission.window_ms = now", "pass"),
    # money
    Mutant("a lapse is free", "payment", "keeping=task.terms.lapse_penalty", "keeping=0"),
    Mutant("silence is cheap", "constants", "SILENCE_FEES = 10", "SILENCE_FEES = 9"),
    Mutant("accusers take more", "payment", "accuser_share_bps //", "accuser_share_bps * 2 //"),
    Mutant("silent seats are paid", "payment", "if seat.status == SeatStatus.ATTESTED", "if True"),
    Mutant("wrong jurors are paid", "payment", "if holds_value(juror, value)", "if True"),
    Mutant("seating is free", "committee", "ctx.sender, task.tip)", "ctx.sender, 0)"),
    Mutant("replacing is free", "substitutes", "ctx.sender, task.tip)", "ctx.sender, 0)"),
    Mutant("drawing an audit is free", "audit", "ctx.sender, task.tip)", "ctx.sender, 0)"),
    Mutant("late is later", "opening", "open_ms=terms.open_ms", "open_ms=terms.open_ms + 1"),
    Mutant("grace is shorter", "opening", "=terms.grace_ms", "=terms.grace_ms // 2"),
    Mutant(
        "late fees are not kept",
        "payment",
        "stake = _return_stake(submission, keeping=submission.late_fee)\n    pay_from_escrow",
        "stake = _return_stake(submission, keeping=0)\n    pay_from_escrow",
    ),
    Mutant("bonds pay no plan", "payment", "min(task.bond, earned)", "0"),
    Mutant("aborts earn more", "payment", "terms.reward * claim.segment // ", "terms.reward // "),
    Mutant("bribed seats are paid", "payment", "if at not in guilty", "if True"),
    Mutant("bribed seats lose a fee", "payment", "terms.verifier_stake)", "terms.verifier_fee)"),
    Mutant("guilt is one place", "payment", "dispute.place % segments", "dispute.place"),
    Mutant("readers take a share", "payment", "dispute.kind != ChallengeKind.UNAVAILABLE", "True"),
    Mutant(
        "audits cost the bond",
        "verdict",
        "if is_free else pay_from_bond",
        "if False else pay_from_bond",
    ),
    Mutant("readers lose their bond", "verdict", "    if is_free:\n", "    if False:\n"),
    Mutant("claims pay too much", "settlement", "new_coin(amount)", "new_coin(amount + 1)"),
    Mutant("claimed credits stay", "credit", "del entries[at]", "pass"),
    Mutant("bonds are not kept", "task", "bond=terms.publisher_bond", "bond=0"),
    # verdicts
    Mutant("one short is a majority", "dispute", "2 * count > len", "2 * count + 1 >= len"),
    Mutant("juries are redrawn for ever", "verdict", "dispute.round == 0", "dispute.round <= 1"),
    Mutant("verdicts are forgotten", "verdict", "submission.judged.append", "(lambda _: None)"),
    Mutant("sound is a fault", "verdict", "return value == FAULT", "return value != FAULT"),
    Mutant("audits wait for an accuser", "dispute", "is_audit(dispute) or ", ""),
    Mutant("audits are challenges", "verdict", "if is_audit(dispute):", "if False:"),
    Mutant(
        "withheld audits cost the seats",
        "payment",
        "if dispute.kind != ChallengeKind.SEGMENT or is_withheld(dispute, value):",
        "if dispute.kind != ChallengeKind.SEGMENT:",
    ),
    Mutant(
        "withheld audits are forgeries",
        "verdict",
        "dispute.kind == ChallengeKind.UNAVAILABLE or is_withheld(dispute, value):",
        "dispute.kind == ChallengeKind.UNAVAILABLE:",
    ),
    Mutant(
        "a leaf answers for what is withheld",
        "verdict",
        "    if is_withheld(dispute, value):\n        return True",
        "    if False:\n        return True",
    ),
    Mutant(
        "accusers withhold",
        "dispute",
        "return is_audit(dispute) and value == FAULT",
        "return value == FAULT",
    ),
    Mutant("verdicts spare no audit", "audit", " not in submission.judged", " != 0"),
    # order and counters
    Mutant(
        "commitments are uncounted",
        "committing",
        "task.committed += 1\n    ctx.emit(\n        SubmissionCommitted(",
        "ctx.emit(\n        SubmissionCommitted(",
    ),
    Mutant("weights are uncounted", "ending", "+= submission.weight", "+= 1"),
    Mutant("committees stay pinned", "ending", "unpin(pool, seat.pool_index)", "pass"),
    Mutant("jurors stay pinned", "verdict", "unpin(pool, juror.pool_index)", "pass"),
    Mutant("seats share their deal", "attestation", "seat * terms.segments_per_seat + ", ""),
    Mutant("substitutes share a slot", "substitutes", "slot=task.terms.committee + at", "slot=at"),
    Mutant("second openings count", "opening", "if not submission.reopened:", "if True:"),
    Mutant("traces never end early", "dealt", "if submission.abort is None else", "if True else"),
    Mutant("new seats are drawn", "node", "active_from_ms < opened_ms", "active_from_ms >= 0"),
    # missing checks
    _no("grants of any scope", "submission", "request.scope == KeyScope.TRAIN_AND_VERIFY"),
    _no("any stake", "submission", "stake.balance == terms.stake"),
    _no("twice in one task", "submission", "ctx.sender not in joined"),
    Mutant("any leaf zero", "committing", "        return False", "        return True"),
    _no("anyone grants", "dataset", "now < request.expires_ms"),
    _no("a second vote", "attestation", "voter.attested & (1 << position) == 0"),
    _no("any seat", "attestation", "is_seated"),
    _no("any leaf", "challenge", "is_right_leaf"),
    _no("any bond", "challenge", "bond.balance == task.terms.accuser_bond"),
    _no("any place", "challenge", "_exists(task, submission, kind, index, place)"),
    _no("any kind", "challenge", "_is_supported(submission, kind)"),
    _no("anyone cannot read", "challenge", "may_claim"),
    _no("any reveal", "voting", 'voter.chain == b""'),
    _no("reports for ever", "attestation", "not submission.reopened"),
    _no("substitutes for ever", "substitutes", "not submission.replaced"),
    _no(
        "accusers come first",
        "challenge",
        "not (is_audited and is_audit_pending(task, submission))",
    ),
    _no("any audit", "audit", "is_audit_pending(task, submission)"),
    _no("any leaf audited", "audit", "is_leaf(task, submission, segment, leaf, path)"),
    _no("private costs are told", "opening", "cost is None"),
    _no("private costs are half told", "opening", 'blinding == b""'),
    Mutant(
        "public costs are believed",
        "opening",
        "pedersen.check_opening(submission.commitment.cost_commitment, cost, blinding)",
        "pass",
    ),
    Mutant(
        "public costs may be kept",
        "opening",
        "if task.terms.cost_rule == CostRule.PRIVATE or submission.abort is not None:",
        "if cost is None:",
    ),
    _no("an aggregate of few", "task", "task.accepted >= task.terms.k_min"),
    _no("any funds", "task", "funds.balance == required"),
    _no("paused, but open", "market", "not market.paused"),
    _no("any pool", "market", "pool.id == market.pool"),
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
