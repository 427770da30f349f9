"""A contributor that is killed for as long as the grace, in every state, and at every call.

In virtual time, with windows of hours. It loses the late fee that the terms state at most, and
nothing where seats that are awake hold the key and can act for it. What it had stored is used.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.clocks import virtual_time
from tests.support.market.hours import (
    GIVEN,
    GRACE_S,
    HOUR,
    keep_away,
    keep_back,
    play_on,
    reach,
    reach_phase,
)
from tests.support.market.spec import Play
from tests.support.market.spec_chain import PowerCut
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import DisputePhase, EndReason, SubmissionState, TaskPhase

pytestmark = virtual_time

DONE = (SubmissionState.ACCEPTED, EndReason.ATTESTED)
FEE = 10**8
"""The late fee that the terms state, a tenth of the stake."""


@pytest.fixture
def make_play(tmp_path: Path):
    with ExitStack() as stack:
        given = {**GIVEN, "late_fee": FEE}
        yield lambda **terms: Play(tmp_path, stack, **{**given, **terms})


def tell(play: Play) -> str:
    """Return all that the contributor's ``why`` says about its submission."""
    told = play.contributor.why(play.submission.id)
    lines = [f"{line.get('decision')}: {line['reason']}" for line in told["entries"]]
    return " ".join([*lines, *told["outcome"]])


async def claim(play: Play) -> int:
    """Let the contributor claim; return what it is paid as contributor, without its tips."""
    await play_on(play, lambda: bool(play.received["contributor"]))
    (end,) = play.events(ev.SubmissionEnded)
    assert play.received["contributor"] >= end.payout
    return end.payout


async def finish(play: Play, *, late_fee: int = 0) -> None:
    """Play to the end, in which everything is as if nobody had been away, but for the late fee."""
    await play_on(play)
    assert play.outcome == DONE
    assert not play.penalised()
    assert play.submission.late_fee == late_fee
    assert await claim(play) == play.terms.stake + play.terms.reward - late_fee


# --- away for the grace --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("phase", [TaskPhase.JOINING, TaskPhase.TRAINING])
async def test_away_while_there_is_time_to_train(make_play, phase) -> None:
    play = make_play()
    await play.open()
    await play_on(play, lambda: play.task.phase == phase)
    await keep_away(play, play.contributor)
    await finish(play)
    assert "late" not in tell(play)


async def test_a_commitment_that_is_late_counts_until_training_is_closed(make_play) -> None:
    play = make_play(train="2h")
    await play.open()
    await play_on(play, lambda: play.task.phase == TaskPhase.TRAINING)
    await keep_away(play, play.contributor)
    await play_on(play, lambda: play.submission.state == SubmissionState.COMMITTED)
    fee = play.submission.late_fee
    assert FEE * 3 // 5 <= fee <= FEE * 4 // 5
    await finish(play, late_fee=fee)
    said = tell(play)
    assert "late: the training window was over before the commitment was sent: 3h" in said
    assert "for being late" in said


@pytest.mark.slow
@pytest.mark.parametrize("state", [SubmissionState.COMMITTED, SubmissionState.SEATED])
async def test_an_opening_that_is_late_costs_the_late_fee(make_play, state) -> None:
    play = make_play()
    await play.open()
    await reach(play, state)
    await keep_away(play, play.contributor)
    await reach(play, SubmissionState.OPENED)
    fee = play.submission.late_fee
    assert 0 < fee <= FEE
    await finish(play, late_fee=fee)
    assert "late: the opening window is over, and the committee cannot read yet" in tell(play)


@pytest.mark.slow
@pytest.mark.parametrize("state", [SubmissionState.OPENED, SubmissionState.ATTESTED])
async def test_seats_that_are_awake_end_it_without_the_contributor(make_play, state) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await reach(play, state)
    play.contributor.kill()
    await play_on(play)
    assert play.outcome == DONE
    assert not play.penalised()
    assert play.submission.late_fee == 0
    await play.contributor.restart()
    assert await claim(play) == play.terms.stake + play.terms.reward


@pytest.mark.slow
async def test_jurors_are_given_the_key_if_all_holders_were_away(make_play) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await reach_phase(play, DisputePhase.SUMMONED)
    await keep_away(play, play.contributor, *play.seated())
    await finish(play)


@pytest.mark.slow
async def test_the_update_is_delivered_after_all_holders_were_away(make_play) -> None:
    play = make_play()
    await play.open()
    await reach(play, SubmissionState.AUDITED)
    await keep_away(play, play.contributor, *play.seated())
    await finish(play)
    (delivered,) = play.events(ev.UpdateDelivered)
    assert delivered.sender in {d.address for d in (play.contributor, *play.seated())}


@pytest.mark.slow
async def test_a_substitute_that_seats_and_contributor_left_without_a_key(make_play) -> None:
    play = make_play()
    await play.open()
    await reach(play, SubmissionState.OPENED)
    silent, other = play.seated()
    silent.kill()
    await play_on(
        play, lambda: other.why(play.submission.id) and bool(play.events(ev.SeatReplaced))
    )
    await keep_away(play, play.contributor, *[d for d in play.seated() if d.is_on])
    await play_on(play)
    assert play.outcome == DONE
    assert play.penalised() == {silent.name}
    assert play.submission.late_fee == 0


# --- killed in the middle ------------------------------------------------------------------------

CALLS = [
    "submission::commit",
    "submission::open",
    "submission::deliver",
    "submission::deliver_update",
    "jury::deliver_juror",
]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("target", CALLS)
async def test_it_is_killed_at_a_call_for_the_grace(make_play, target, when) -> None:
    play = make_play(audit_bps=10_000 if target.startswith("jury") else 201)
    await play.open()
    away = play.contributor
    play.die_at(away, target, when)
    await play_on(play, lambda: not away.is_on or bool(play.submission.reason))
    assert not away.is_on
    stored = set(play.blobs)
    await keep_back(play, away)
    await play_on(play)
    assert play.outcome == DONE
    assert not play.penalised()
    assert play.submission.late_fee <= FEE
    assert away.chain.called.count("submission::commit") == 1
    assert away.chain.called.count("submission::open") == 1
    if target != "submission::commit":
        assert set(play.blobs) - stored <= unread(play)


def unread(play: Play) -> set[int]:
    """Return the blobs of the opening, which are stored only if it was not made yet."""
    item = play.contributor.tools.work.get("open", play.submission.id)
    return {int(item["blob"]), *map(int, item["pieces"])}


class DyingStore:
    """Kills whoever stores through it at the ``left``-th blob: before it is stored, or after."""

    def __init__(self, store, left: int, *, is_stored: bool) -> None:
        self._store, self._left, self._is_stored = store, left, is_stored

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    async def put(self, data, **options):
        self._left -= 1
        if self._left == 0:
            if self._is_stored:
                await self._store.put(data, **options)
            raise PowerCut("store")
        return await self._store.put(data, **options)


@pytest.mark.parametrize("is_stored", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
async def test_nothing_is_stored_twice_by_one_that_is_killed_while_it_stores(
    make_play, number, is_stored
) -> None:
    """The first blob is the verification file, then come pieces and manifest of the opening."""
    play = make_play()
    await play.open()
    others, away = set(play.blobs), play.contributor
    whole = play.store
    play.store = DyingStore(whole, number, is_stored=is_stored)
    play.contributor.kill()
    play.contributor.open()
    play.store = whole
    await play_on(play, lambda: not away.is_on)
    stored = set(play.blobs) - others
    assert len(stored) == number - 1 + is_stored
    await away.restart()
    await finish(play)
    commitment = play.submission.commitment
    assert set(play.blobs) - others == {commitment.file_blob} | unread(play)
    assert stored <= {commitment.file_blob} | unread(play)


# --- void tasks ----------------------------------------------------------------------------------


async def test_a_task_that_is_cancelled_pays_the_stake_back_and_the_stated_fee(make_play) -> None:
    play = make_play(cancel_fee="0.02 SUI")
    await play.open()
    cap = play.world.latest(ob.PublisherCap)
    play.world.call("task::cancel_task", "publisher", play.world.market, cap, play.task)
    await play.deliver()
    assert await claim(play) == play.terms.stake + 2 * 10**7
    assert play.submission.state == SubmissionState.VOID
    said = (
        "the task is void: its publisher cancelled it. 1.02 SUI came back, 0.02 SUI of it for our"
    )
    assert said in tell(play)


async def test_a_task_whose_pool_is_busy_pays_the_stake_back(make_play) -> None:
    play = make_play(cancel_fee="0.02 SUI")
    await play.open()
    world = play.world
    for cap in world.of_type(ob.VerifierCap):
        world.call("node::exit_seat", world.owners[cap.id], world.market, world.pool, cap)
    await play.deliver()
    assert await claim(play) == play.terms.stake + 2 * 10**7
    assert play.submission.state == SubmissionState.VOID
    assert "the task is void: the pool's seats had promised too much of their time" in tell(play)
