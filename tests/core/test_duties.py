"""Who has to act when. That the contract agrees is checked with every call in tests/contract."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from walrusd.core import lifecycle
from walrusd.core.cranks import DISPUTE_CRANKS, SUBMISSION_CRANKS, TASK_CRANKS, Crank
from walrusd.core.duties import (
    REQUEST_DUTIES,
    SUBMISSION_DUTIES,
    TASK_DUTIES,
    Duty,
    Party,
    SubmissionStanding,
    TaskStanding,
    list_submission_duties,
    list_task_duties,
)
from walrusd.core.lifecycle import (
    SUBMISSION_NEXT,
    TASK_NEXT,
    TERMINAL,
    DisputePhase,
    RequestState,
    SubmissionState,
    TaskPhase,
    compute_reachable,
    is_final,
    is_over,
    is_unanswered,
    may_be_aggregated,
    takes_contributors,
)

ROOT = Path(__file__).resolve().parents[2] / "walrusd"


def select(kind, holds):
    return {each for each in kind if holds(each)}


def test_the_tables_know_every_state() -> None:
    assert set(TASK_DUTIES) == set(TASK_CRANKS) == set(TASK_NEXT) == set(TaskPhase)
    assert set(SUBMISSION_DUTIES) == set(SUBMISSION_CRANKS) == set(SubmissionState)
    assert set(REQUEST_DUTIES) == set(RequestState)
    assert set(DISPUTE_CRANKS) == set(DisputePhase)


def test_every_duty_and_every_crank_is_somewhere_due() -> None:
    tables = (TASK_DUTIES, SUBMISSION_DUTIES, REQUEST_DUTIES)
    rows = [parties for table in tables for parties in table.values()]
    assert {duty for row in rows for duties in row.values() for duty in duties} == set(Duty)
    assert {party for row in rows for party in row} == set(Party)
    cranks = (TASK_CRANKS, SUBMISSION_CRANKS, DISPUTE_CRANKS)
    steps = [step for table in cranks for row in table.values() for step in row]
    assert {crank for crank, _is_due in steps} == set(Crank)


def test_no_submission_depends_on_one_party() -> None:
    """Whatever a party leaves undone, anybody can end it: every state under way has a crank."""
    idle = {state for state, steps in SUBMISSION_CRANKS.items() if not steps}
    assert idle == TERMINAL | {SubmissionState.DISPUTED}
    assert all(DISPUTE_CRANKS.values())


def test_nobody_has_to_act_on_what_has_ended() -> None:
    for state in TERMINAL:
        assert not SUBMISSION_DUTIES[state]


def test_reachable_is_any_number_of_steps() -> None:
    found = compute_reachable(SUBMISSION_NEXT)
    assert SubmissionState.SEATED in found[SubmissionState.SEATED]  # reported, and opened again
    assert SubmissionState.COMMITTED not in found[SubmissionState.COMMITTED]
    assert found[SubmissionState.JOINED] == set(SubmissionState) - {SubmissionState.JOINED}
    assert not any(found[state] for state in TERMINAL)


def test_what_follows_from_the_tables() -> None:
    ended = {TaskPhase.SETTLED, TaskPhase.AGGREGATED, TaskPhase.VOID}
    assert select(TaskPhase, is_over) == ended
    assert select(TaskPhase, takes_contributors) == {TaskPhase.JOINING}
    assert select(ended, may_be_aggregated) == {TaskPhase.SETTLED}
    assert select(SubmissionState, is_final) == TERMINAL
    assert select(RequestState, is_unanswered) == {RequestState.REQUESTED}


SETTLED = TaskStanding(TaskPhase.SETTLED, accepted=2, k_min=2, unspent=1)


@pytest.mark.parametrize(
    ("task", "due"),
    [
        (SETTLED, {Duty.RECLAIM, Duty.AGGREGATE}),
        (replace(SETTLED, unspent=0), {Duty.AGGREGATE}),
        (replace(SETTLED, accepted=1), {Duty.RECLAIM}),
        (replace(SETTLED, phase=TaskPhase.AGGREGATED), {Duty.RECLAIM, Duty.APPLY}),
        (replace(SETTLED, phase=TaskPhase.AGGREGATED, accepted=1, unspent=0), {Duty.APPLY}),
        (replace(SETTLED, phase=TaskPhase.VOID), {Duty.RECLAIM}),
        (replace(SETTLED, phase=TaskPhase.VERIFYING), set()),
    ],
)
def test_a_publisher(task, due) -> None:
    assert list_task_duties(Party.PUBLISHER, task) == due


@pytest.mark.parametrize(
    ("state", "phase", "due"),
    [
        (SubmissionState.JOINED, TaskPhase.JOINING, set()),
        (SubmissionState.JOINED, TaskPhase.TRAINING, {Duty.TRAIN, Duty.COMMIT}),
        (SubmissionState.JOINED, TaskPhase.OPENING, set()),
        (SubmissionState.COMMITTED, TaskPhase.TRAINING, {Duty.KEEP_RESULT}),
        (SubmissionState.COMMITTED, TaskPhase.OPENING, {Duty.KEEP_RESULT}),
        (SubmissionState.SEATED, TaskPhase.OPENING, {Duty.KEEP_RESULT, Duty.OPEN}),
        (SubmissionState.OPENED, TaskPhase.VERIFYING, {Duty.KEEP_RESULT}),
        (SubmissionState.ATTESTED, TaskPhase.VERIFYING, {Duty.KEEP_RESULT}),
        (SubmissionState.AUDITED, TaskPhase.VERIFYING, {Duty.KEEP_RESULT, Duty.DELIVER_UPDATE}),
        (SubmissionState.ACCEPTED, TaskPhase.SETTLED, set()),
    ],
)
def test_a_contributor(state, phase, due) -> None:
    assert list_submission_duties(Party.CONTRIBUTOR, SubmissionStanding(state, phase)) == due


def test_a_key_is_delivered_once_there_is_an_opening() -> None:
    opened = SubmissionStanding(SubmissionState.SEATED, TaskPhase.OPENING, is_opened=True)
    found = list_submission_duties(Party.CONTRIBUTOR, opened)
    assert found == {Duty.KEEP_RESULT, Duty.DELIVER_WORK}
    assert list_submission_duties(Party.SEAT, opened) == {Duty.DELIVER_WORK}
    assert not list_submission_duties(Party.SEAT, replace(opened, is_opened=False))


def test_an_update_is_delivered_once_it_may_be() -> None:
    pending = SubmissionStanding(
        SubmissionState.AUDITED, TaskPhase.VERIFYING, may_deliver_update=False
    )
    for party, always in ((Party.CONTRIBUTOR, {Duty.KEEP_RESULT}), (Party.SEAT, set())):
        assert list_submission_duties(party, pending) == always
        free = replace(pending, may_deliver_update=True)
        assert list_submission_duties(party, free) == always | {Duty.DELIVER_UPDATE}


@pytest.mark.parametrize(
    ("phase", "is_vote_over", "may_tell", "juror"),
    [
        (DisputePhase.WAITING, False, False, set()),
        (DisputePhase.DRAWN, True, False, set()),
        (DisputePhase.SUMMONED, False, False, {Duty.SUMMON}),
        (DisputePhase.COMMITTING, False, False, {Duty.VOTE}),
        # Nobody has revealed yet, so the chain still takes commitments.
        (DisputePhase.COMMITTING, True, False, {Duty.VOTE, Duty.REVEAL}),
        (DisputePhase.COMMITTING, True, True, {Duty.VOTE, Duty.REVEAL, Duty.TELL}),
        (DisputePhase.REVEALING, False, False, {Duty.REVEAL}),
        (DisputePhase.REVEALING, True, True, {Duty.REVEAL, Duty.TELL}),
    ],
)
def test_a_jury(phase, is_vote_over, may_tell, juror) -> None:
    standing = SubmissionStanding(
        SubmissionState.DISPUTED, TaskPhase.VERIFYING, phase, is_vote_over, may_tell
    )
    assert list_submission_duties(Party.JUROR, standing) == juror
    assert list_submission_duties(Party.SEAT, standing) == juror & {Duty.SUMMON}
    # It may have to be opened again, if the jury finds the opening absent.
    ours = list_submission_duties(Party.CONTRIBUTOR, standing)
    assert ours == (juror & {Duty.SUMMON}) | {Duty.KEEP_RESULT}


def test_a_vote_is_not_over_unless_that_is_said() -> None:
    standing = SubmissionStanding(
        SubmissionState.DISPUTED, TaskPhase.VERIFYING, DisputePhase.COMMITTING
    )
    assert list_submission_duties(Party.JUROR, standing) == {Duty.VOTE}


# --- states are compared in core alone ------------------------------------------------------------

KINDS = {"TaskPhase", "SubmissionState", "DisputePhase", "SeatStatus", "RequestState"}
TABLES = {"TERMINAL", *(name for name in vars(lifecycle) if name.endswith("_NEXT"))}
AT_HOME = ("core", "chain/layouts", "devnet")
EXCEPTIONS = {
    "market/payouts.py": "writes a sentence of its own for each end, and decides nothing",
    "control/key_commands.py": "answers with the name of the state that it has just brought about",
}


def find_uses(tree: ast.AST) -> list[str]:
    """Return where a state is used for more than its name: ``SubmissionState(value).name``."""
    named = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    found = []
    for node in ast.walk(tree):
        is_kind = isinstance(node, ast.Name) and node.id in KINDS and id(node) not in named
        is_table = isinstance(node, ast.Name) and node.id in TABLES
        if is_kind or is_table or is_bare_comparison(node):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def is_bare_comparison(node: ast.AST) -> bool:
    """Return whether a state or phase is compared with a bare number."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    return any(
        isinstance(side, ast.Attribute) and side.attr in {"state", "phase", "status"}
        for side in sides
    ) and any(isinstance(side, ast.Constant) and type(side.value) is int for side in sides)


@pytest.mark.parametrize(
    "code",
    [
        "if task.phase == TaskPhase.JOINING: pass",
        "if task.phase in {TaskPhase.JOINING}: pass",
        "if task.phase != 3: pass",
        "if state in TERMINAL: pass",
        "known = SubmissionState",
        "match state:\n    case SubmissionState.OPENED: pass",
    ],
)
def test_uses_of_states_are_found(code) -> None:
    assert find_uses(ast.parse(code))


def test_names_of_states_are_no_uses() -> None:
    assert not find_uses(ast.parse("shown = TaskPhase(task.phase).name.lower()"))


def test_states_are_compared_in_core_alone() -> None:
    """Services ask what is due; which states that means is for the tables to know."""
    using = set()
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        uses = find_uses(ast.parse(path.read_text(encoding="utf-8")))
        if uses and not name.startswith(AT_HOME):
            assert name in EXCEPTIONS, f"{name} compares states: {'; '.join(uses)}"
            using.add(name)
    assert using == set(EXCEPTIONS), "an exception is not needed any more"
