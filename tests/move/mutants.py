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
    _later("openings are waited for", "settlement", "terms.open_ms + terms.grace_ms"),
    _later("attestations are late", "settlement", "opened_ms + terms.verify_ms", by=-1),
    _later("jurors commit late", "verdict", "now < dispute.phase_ms + task.terms.jury_commit_ms"),
    _later("juries end early", "verdict", "terms.jury_commit_ms + terms.jury_reveal_ms", by=-1),
    Mutant("windows stay", "holdings", "submission.window_ms = now", "pass"),
    # money
    Mutant("a lapse is free", "ending", "keeping=task.terms.lapse_penalty", "keeping=0"),
    Mutant("silence is cheap", "constants", "SILENCE_FEES = 10", "SILENCE_FEES = 9"),
    Mutant("accusers take more", "ending", "accuser_share_bps //", "accuser_share_bps * 2 //"),
    Mutant("silent seats are paid", "ending", "if seat.status == SeatStatus.ATTESTED", "if True"),
    Mutant("wrong jurors are paid", "ending", "if holds_value(juror, value)", "if True"),
    Mutant("seating is free", "committee", "ctx.sender, task.tip)", "ctx.sender, 0)"),
    Mutant("claims pay too much", "settlement", "new_coin(amount)", "new_coin(amount + 1)"),
    Mutant("claimed credits stay", "credit", "del entries[at]", "pass"),
    Mutant("bonds are not kept", "task", "bond=terms.publisher_bond", "bond=0"),
    # verdicts
    Mutant("one short is a majority", "dispute", "2 * count > len", "2 * count + 1 >= len"),
    Mutant("juries are redrawn for ever", "verdict", "dispute.round == 0", "dispute.round <= 1"),
    Mutant("verdicts are forgotten", "verdict", "submission.judged.append", "(lambda _: None)"),
    # order and counters
    Mutant("commitments are uncounted", "submission", "task.committed += 1", "pass"),
    Mutant("weights are uncounted", "ending", "+= submission.weight", "+= 1"),
    Mutant("committees stay pinned", "ending", "unpin(pool, seat.pool_index)", "pass"),
    Mutant("jurors stay pinned", "verdict", "unpin(pool, juror.pool_index)", "pass"),
    Mutant("segments are dealt in order", "attestation", "seat * per_seat + position", "position"),
    Mutant("new seats are drawn", "node", "active_from_ms < opened_ms", "active_from_ms >= 0"),
    # missing checks
    _no("grants of any scope", "submission", "request.scope == KeyScope.TRAIN_AND_VERIFY"),
    _no("any stake", "submission", "stake.balance == terms.stake"),
    _no("twice in one task", "submission", "ctx.sender not in joined"),
    _no("any leaf zero", "submission", "_starts_at(task, trace_root, leaf_zero_path)"),
    _no("anyone grants", "dataset", "now < request.expires_ms"),
    _no("a second vote", "attestation", "voter.attested & (1 << position) == 0"),
    _no("any seat", "attestation", "is_seated"),
    _no("any leaf", "jury", "_is_leaf(task, submission, index, leaf, path)"),
    _no("any bond", "jury", "bond.balance == task.terms.accuser_bond"),
    _no("any reveal", "verdict", 'voter.chain == b""'),
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
