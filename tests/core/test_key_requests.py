"""A key is granted only while it can still be used."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.core.key_requests import AskedTask, find_closing_reason
from walrusd.core.lifecycle import TaskPhase
from walrusd.units import Millis, format_instant

NOW = Millis(1_700_000_000_000)
OPEN = AskedTask(
    phase=TaskPhase.JOINING, phase_ms=Millis(NOW - 1000), join_ms=Millis(2000), places_left=1,
    approves=True, has_joined=False, has_ended=False,
)  # fmt: skip


def why(task: AskedTask | None, expires: int = NOW + 1) -> str | None:
    return find_closing_reason(task, Millis(expires), NOW)


def test_a_request_for_a_task_that_takes_contributors_is_open() -> None:
    assert why(OPEN) is None
    assert why(replace(OPEN, join_ms=Millis(2**63))) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"phase": TaskPhase.VOID}, "the task has been void since 2023-11-14 22:13:19 UTC"),
        ({"phase": TaskPhase.SETTLED, "has_joined": True}, "the task has been settled since"),
        ({"phase": TaskPhase.AGGREGATED}, "the task has been aggregated since"),
        ({"phase": TaskPhase.TRAINING}, "training since .*, and the requester has not joined"),
        ({"phase": TaskPhase.OPENING}, "opening since .*, and the requester has not joined"),
        ({"phase": TaskPhase.VERIFYING}, "verifying since .*, and the requester has not joined"),
        ({"join_ms": Millis(1000)}, "joining closed on 2023-11-14 22:13:20 UTC"),
        ({"places_left": 0}, "the task is full"),
        ({"approves": False}, "does not train on this version"),
        ({"has_joined": True, "has_ended": True}, "work on the task has ended"),
        ({"has_joined": True, "uses_another": True}, "joined the task with another dataset"),
    ],
)
def test_a_dead_request_says_why(change, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(why(replace(OPEN, **change)))


def test_an_expired_request_and_one_for_nothing_are_dead() -> None:
    assert "expired on 2023-11-14 22:13:20 UTC" in str(why(OPEN, NOW))
    assert "does not exist" in str(why(None))


def test_who_has_joined_may_ask_again_while_the_task_takes_contributors() -> None:
    joined = replace(OPEN, has_joined=True, places_left=0)
    assert why(joined) is None
    for phase in (TaskPhase.TRAINING, TaskPhase.OPENING, TaskPhase.VERIFYING):
        # The contract would refuse the grant.
        assert f"has been {phase.name.lower()} since" in str(why(replace(joined, phase=phase)))


@given(
    st.builds(
        AskedTask,
        phase=st.sampled_from(TaskPhase), phase_ms=st.integers(0, 2**64 - 1),
        join_ms=st.integers(0, 2**64 - 1), places_left=st.integers(-1, 2), approves=st.booleans(),
        has_joined=st.booleans(), has_ended=st.booleans(), uses_another=st.booleans(),
    ),
    st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_an_open_request_could_join_or_works(task, expires, now) -> None:
    reason = find_closing_reason(task, expires, now)
    if reason is None:
        assert now < expires
        assert task.approves
        assert not (task.has_joined and task.uses_another)
        can_join = (
            task.phase == TaskPhase.JOINING
            and now < task.phase_ms + task.join_ms
            and task.places_left > 0
        )
        assert task.has_joined != can_join or task.has_joined
    assert format_instant(expires)
