"""Daemons that are killed for as long as the grace, in every state, and then started again.

In virtual time, with windows of hours. Whoever follows the protocol otherwise loses the penalty of
the silences that it was away for at most, and the work ends as it would have.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.clocks import virtual_time
from tests.support.market.doubles import InlineForger
from tests.support.market.hours import GIVEN, keep_away, keep_back, play_on, reach, reach_phase
from tests.support.market.spec import Play
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import DisputePhase, EndReason, SubmissionState

pytestmark = virtual_time

STATES = [
    SubmissionState.SEATED,
    SubmissionState.OPENED,
    SubmissionState.ATTESTED,
    SubmissionState.AUDITED,
]
PHASES = [DisputePhase.SUMMONED, DisputePhase.COMMITTING, DisputePhase.REVEALING]


@pytest.fixture
def make_play(tmp_path: Path):
    with ExitStack() as stack:
        yield lambda **terms: Play(tmp_path, stack, **{**GIVEN, **terms})


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
async def test_a_seat_may_be_away(make_play, state) -> None:
    play = make_play()
    await play.open()
    await reach(play, SubmissionState.SEATED)
    away = play.seated()[0]
    await reach(play, state)
    await keep_away(play, away)
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
async def test_all_verifiers_may_be_away_at_once(make_play, state) -> None:
    play = make_play()
    await play.open()
    await reach(play, state)
    await keep_away(play, *play.verifiers)
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("target", ["attestation::attest", "settlement::deliver_update"])
async def test_a_seat_is_killed_in_the_middle(make_play, target, when) -> None:
    play = make_play()
    await play.open()
    is_update = target == "settlement::deliver_update"
    await reach(play, SubmissionState.AUDITED if is_update else SubmissionState.OPENED)
    away = play.seated()[0]
    if is_update:
        play.contributor.kill()
        play.seated()[1].kill()
    play.die_at(away, target, when)
    await play_on(play, lambda: not away.is_on or bool(play.submission.reason))
    assert not away.is_on
    await keep_back(play, away)
    if not play.seated()[1].is_on:
        await play.seated()[1].restart()
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()
    assert away.chain.called.count("attestation::attest") == play.terms.segments_per_seat


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
async def test_a_juror_may_be_away(make_play, phase) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await reach_phase(play, DisputePhase.SUMMONED)
    away = play.jurors()[0]
    await reach_phase(play, phase)
    await keep_away(play, away)
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("target", ["jury::jury_commit", "jury::jury_reveal", "jury::resolve"])
async def test_a_juror_is_killed_in_the_middle(make_play, target, when) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await reach_phase(play, DisputePhase.SUMMONED)
    away = play.jurors()[0]
    play.die_at(away, target, when)
    await play_on(play, lambda: not away.is_on or bool(play.submission.reason))
    assert not away.is_on
    await keep_back(play, away)
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()
    assert away.chain.called.count("jury::jury_commit") == 1


@pytest.mark.slow
async def test_a_juror_away_for_the_window_pays_for_its_silence_alone(make_play) -> None:
    play = make_play(audit_bps=10_000, jury_commit="2h")
    await play.open()
    await reach_phase(play, DisputePhase.COMMITTING)
    away = play.jurors()[0]
    away.kill()
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert play.penalised() == {away.name}
    assert play.lost_by(away) == 10 * play.terms.juror_fee


@pytest.mark.slow
async def test_all_jurors_may_be_away_at_once(make_play) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await reach_phase(play, DisputePhase.COMMITTING)
    await keep_away(play, *play.jurors())
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
async def test_everybody_may_be_away_from_an_audit(make_play, phase) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await reach_phase(play, phase)
    await keep_away(play, *play.verifiers, play.contributor)
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()
    assert play.submission.late_fee == 0


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
async def test_everybody_may_be_away(make_play, state) -> None:
    play = make_play()
    await play.open()
    await reach(play, state)
    await keep_away(play, *play.verifiers, play.contributor)
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()
    assert play.submission.late_fee <= play.terms.late_fee


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_accuser_is_killed_in_the_middle(make_play, when) -> None:
    play = make_play()
    play.contributor.use(InlineForger())
    await play.open()
    await reach(play, SubmissionState.SEATED)
    for daemon in play.seated():
        play.die_at(daemon, "jury::accuse", when)
    await play_on(play, lambda: any(not daemon.is_on for daemon in play.verifiers))
    (away,) = [daemon for daemon in play.verifiers if not daemon.is_on]
    await keep_back(play, away)
    await play_on(play)
    assert play.outcome == (SubmissionState.REJECTED, EndReason.CHALLENGE_CONFIRMED)
    assert not play.penalised()


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
async def test_an_accuser_may_be_away(make_play, phase) -> None:
    play = make_play()
    play.contributor.use(InlineForger())
    await play.open()
    await reach_phase(play, phase)
    accuser = play.submission.dispute.accuser
    (away,) = [daemon for daemon in play.verifiers if daemon.address == accuser]
    await keep_away(play, away)
    await play_on(play)
    assert play.outcome == (SubmissionState.REJECTED, EndReason.CHALLENGE_CONFIRMED)
    assert not play.penalised()


async def test_seats_pass_the_keys_on_when_the_contributor_is_away(make_play) -> None:
    """To the jury of an audit, and then to the publisher."""
    play = make_play(audit_bps=10_000)
    await play.open()
    await reach(play, SubmissionState.OPENED)
    play.contributor.kill()
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()
    assert play.submission.late_fee == 0
    seats = [seat.address for seat in play.seated()]
    to_jurors = [e for e in play.events(ev.KeyDelivered) if e.challenge]
    assert len(to_jurors) == len(play.jurors())
    assert {event.sender for event in to_jurors} <= {*seats, *(j.address for j in play.jurors())}


@pytest.mark.slow
async def test_seats_pass_the_key_to_substitutes(make_play) -> None:
    play = make_play()
    await play.open()
    await reach(play, SubmissionState.OPENED)
    silent = play.seated()[0]
    silent.kill()
    play.contributor.kill()
    await play_on(play)
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert play.penalised() == {silent.name}
    assert play.lost_by(silent) == 10 * play.terms.verifier_fee
    assert silent not in play.seated()
