"""Whole submissions in virtual time, from staking to their end, with one thing gone wrong each.

In every play the specification counts the coins after each call, and nobody who was honest and
awake loses anything of a stake.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.adversaries.results import read_records
from tests.support.clocks import virtual_time
from tests.support.market.doubles import BribedVerifier, InlineForger
from tests.support.market.spec import Play
from tests.support.market.world import InlineTraining, make_plan
from tests.support.openings import collect, list_sources
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import CaseKind, CostRule, EndReason, SubmissionState
from walrusd.core.protocol import compute_abort_chain
from walrusd.market import schemes
from walrusd.services.contributor import committer, opener
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.training.process.workdir import write_trace
from walrusd.training.run.aborts import ABORTED_STATE, AbortCode
from walrusd.training.run.jobs import ReplayJob, TrainJob
from walrusd.training.run.trace import Assignment, Trace, compute_record

pytestmark = virtual_time


@pytest.fixture
def make_play(tmp_path: Path):
    with ExitStack() as stack:
        yield lambda **terms: Play(tmp_path, stack, **terms)


async def test_honest_work_is_attested_and_accepted(make_play) -> None:
    play = make_play()
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.penalised()
    terms = play.terms
    await play.run(lambda: not play.submission.credits, seconds=10)
    assert play.credit_of(play.contributor) >= terms.stake + terms.reward
    for seat in play.seated():
        assert play.credit_of(seat) >= terms.verifier_fee


@pytest.mark.slow
async def test_forged_work_is_challenged_and_loses_its_stake(make_play) -> None:
    play = make_play()
    play.contributor.use(InlineForger())
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.CHALLENGE_CONFIRMED)
    assert not play.penalised()
    (case,) = play.events(ev.CaseOpened)
    assert (case.kind, case.bond) == (CaseKind.SEGMENT, 0)
    accuser = next(d for d in play.verifiers if d.address == case.accuser)
    assert play.credit_of(accuser) >= 6 * play.terms.verifier_fee
    (told,) = play.contributor.why(play.submission.id)["outcome"]
    assert told.startswith("No reward, and the stake is lost")
    assert any("was right" in s for s in accuser.why(play.submission.id)["outcome"])


def _other_update(monkeypatch, play) -> None:
    """Commit and open another update than the final weights give."""

    async def read_other(_tools, _case, _plan, trained):
        update = np.fromfile(trained["update"], "<i4")
        update[3] += 1
        return update.tobytes()

    monkeypatch.setattr(committer, "read_update", read_other)
    monkeypatch.setattr(opener, "read_update", read_other)


def _other_rows(monkeypatch, play) -> None:
    """Put commitments of another update into the verification file."""

    async def commit_other(tools, submission, scheme, update, **given):
        other = np.frombuffer(update, "<i4").copy()
        other[-1] += 1
        return await schemes.commit_update(tools, submission, scheme, other.tobytes(), **given)

    monkeypatch.setattr(committer, "commit_update", commit_other)


class Flattering(InlineTraining):
    """Trains honestly and claims a smaller loss."""

    async def run(self, job, on_line):
        result = await super().run(job, on_line)
        if isinstance(job, TrainJob):
            result["cost"] -= 1
        return result


def _other_cost(_monkeypatch, play) -> None:
    play.contributor.use(Flattering())


class FileSwapper(Committer):
    """Names another verification file than the stored one."""

    async def _prepare(self, case, trained):
        return {**await super()._prepare(case, trained), "file_digest": "11" * 32}


def _other_public_cost(monkeypatch, play) -> None:
    _other_cost(monkeypatch, play)
    play.terms.cost_rule = CostRule.PUBLIC


def _other_file(_monkeypatch, play) -> None:
    play.contributor.put(FileSwapper(play.contributor.tools, play.contributor.fetcher))


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_other_update, CaseKind.UPDATE),
        pytest.param(_other_rows, CaseKind.ROWS, marks=pytest.mark.slow),
        pytest.param(_other_cost, CaseKind.COST, marks=pytest.mark.slow),
        pytest.param(_other_public_cost, CaseKind.COST, marks=pytest.mark.slow),
        pytest.param(_other_file, CaseKind.FILE, marks=pytest.mark.slow),
    ],
)
async def test_each_kind_of_fraud_is_judged(make_play, monkeypatch, spoil, kind) -> None:
    play = make_play()
    spoil(monkeypatch, play)
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.CHALLENGE_CONFIRMED)
    assert [event.kind for event in play.events(ev.CaseOpened)] == [kind]
    assert not play.penalised()
    for juror in play.jurors():
        assert play.credit_of(juror) >= play.terms.juror_fee


@pytest.mark.slow
async def test_a_silent_seat_is_replaced_at_its_cost(make_play) -> None:
    play = make_play()
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    silent = play.seated()[0]
    silent.drop("verifier")
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert play.penalised() == {silent.name}
    substitute = play.seated()[0]
    assert substitute is not silent
    assert play.credit_of(substitute) >= play.terms.verifier_fee
    why = silent.why(play.submission.id)
    assert why["outcome"] == ["Our seat 0 was given on to another verifier: it lost 0.1 SUI."]
    (penalty,) = [e for e in why["entries"] if e["decision"] == "SeatPenalized"]
    assert penalty["reason"] == (
        "Our seat lost 0.1 SUI: it did not attest all of its segments in time."
    )
    assert penalty["transaction"].startswith("tx-")
    told = [e["decision"] for e in silent.why("seat")["entries"]]
    assert told == ["SeatRegistered", "CommitteeSeated", "SeatPenalized"]


@pytest.mark.slow
async def test_seats_that_stay_silent_leave_it_undecided(make_play) -> None:
    play = make_play()
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    awake = play.seated()[1]
    for daemon in play.verifiers:
        if daemon is not awake:
            daemon.drop("verifier")
    await play.run()
    assert play.outcome == (SubmissionState.UNDECIDED, EndReason.NOT_FULLY_ATTESTED)
    assert awake.name not in play.penalised()
    assert len(play.penalised()) == 3
    assert play.credit_of(awake) >= play.terms.verifier_fee
    assert play.credit_of(play.contributor) >= play.terms.stake


@pytest.mark.slow
async def test_work_that_is_never_opened_is_rejected(make_play) -> None:
    play = make_play()
    play.contributor.drop("opener")
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.NEVER_OPENED)
    assert not play.penalised()


@pytest.mark.slow
async def test_a_late_opening_costs_a_fee_and_no_more(make_play) -> None:
    play = make_play()
    opener_service = next(s for s in play.contributor.services if s.name == "opener")
    play.contributor.drop("opener")
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    late_ms = play.submission.window_ms + play.terms.open_ms + play.terms.grace_ms // 2
    await play.run(lambda: play.world.now >= late_ms)
    play.contributor.services.append(opener_service)
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    fee = play.submission.late_fee
    assert play.terms.late_fee * 0.4 < fee < play.terms.late_fee * 0.7
    (told,) = play.contributor.why(play.submission.id)["outcome"]
    assert "for being late" in told


@pytest.mark.slow
async def test_work_that_is_never_committed_lapses(make_play) -> None:
    play = make_play()
    play.contributor.drop("trainer")
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.LAPSED, EndReason.NO_COMMIT)
    (told,) = play.contributor.why(play.submission.id)["outcome"]
    assert "0.1 SUI were burned as the penalty" in told


class RowWithholder(Opener):
    """Leaves a row out of every opening."""

    async def _make_pieces(self, case, trained, folder):
        opening = await collect(super()._make_pieces(case, trained, folder))
        for piece in list_sources(opening.change_rows(lambda rows: rows[1:])):
            yield piece


@pytest.mark.slow
async def test_an_opening_of_no_use_is_a_fault(make_play) -> None:
    play = make_play()
    play.contributor.put(RowWithholder(play.contributor.tools, play.contributor.fetcher))
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.CHALLENGE_CONFIRMED)
    assert [event.kind for event in play.events(ev.CaseOpened)] == [CaseKind.OPENING]
    assert not play.penalised()
    assert len({juror.value for juror in play.submission.dispute.jurors}) == 1


async def lose_opening(play) -> None:
    """Let the first seat find that a blob of the opening is gone, besides its manifest."""
    await play.run(lambda: play.submission.state == SubmissionState.OPENED)
    play.blobs.pop(play.submission.opening.blob)


@pytest.mark.slow
async def test_an_opening_that_is_gone_is_made_again(make_play) -> None:
    play = make_play()
    await play.open()
    await lose_opening(play)
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert len(play.events(ev.OpeningReported)) == play.terms.committee
    assert not play.events(ev.CaseOpened)
    assert not play.penalised()
    assert play.submission.attempt == 2


@pytest.mark.slow
async def test_an_opening_that_is_gone_twice_is_a_jurys_matter(make_play) -> None:
    play = make_play()
    await play.open()
    await lose_opening(play)
    await play.run(lambda: play.submission.attempt == 2)
    await lose_opening(play)
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.NEVER_OPENED)
    assert [event.kind for event in play.events(ev.CaseOpened)] == [CaseKind.ABSENCE]
    assert not play.penalised()
    for juror in play.jurors():
        assert play.credit_of(juror) >= play.terms.juror_fee


@pytest.mark.slow
async def test_blobs_that_can_be_deleted_are_reported_once(make_play) -> None:
    play = make_play()
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.OPENED)
    play.store.deletable |= set(play.blobs)
    await play.run(lambda: play.submission.attempt == 2)
    # Nobody could show a jury later that a blob was deletable, so it is served the second time.
    await play.run(lambda: play.submission.state == SubmissionState.OPENED)
    play.store.deletable |= set(play.blobs)
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.events(ev.CaseOpened)
    assert not play.penalised()


@pytest.mark.slow
async def test_a_network_that_is_down_accuses_nobody(make_play) -> None:
    play = make_play()
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.OPENED)
    kept = dict(play.blobs)
    play.blobs.clear()
    began = play.world.now
    await play.run(lambda: play.world.now >= began + play.terms.verify_ms // 2)
    play.blobs.update(kept)
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert not play.events(ev.OpeningReported)
    assert not play.penalised()


@pytest.mark.slow
async def test_an_audit_finds_nothing_in_honest_work(make_play) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert len(play.events(ev.AuditDrawn)) == len(play.events(ev.JurySeated)) == 1
    assert not play.penalised()
    for juror in play.jurors():
        assert play.credit_of(juror) >= play.terms.juror_fee


async def test_an_audit_finds_what_bribed_seats_attest(make_play) -> None:
    play = make_play(audit_bps=10_000)
    play.contributor.use(InlineForger())
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    BribedVerifier.records = read_records(
        play.contributor.tools.work.get("trained", play.submission.id)
    )
    bribed = play.seated()
    for daemon in bribed:
        daemon.put(BribedVerifier(daemon.tools, daemon.fetcher))
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.AUDIT_CONFIRMED)
    segment = play.events(ev.CaseOpened)[0].index
    guilty = {d.name for n, d in enumerate(bribed) if segment in play.dealt(n)}
    assert play.penalised() == guilty
    told = next(d for d in bribed if d.name in guilty).why(play.submission.id)["outcome"]
    assert any("attested the forged segment: it lost" in sentence for sentence in told)


@pytest.mark.slow
async def test_a_plan_that_overflows_is_paid_from_the_publishers_bond(make_play) -> None:
    document = make_plan(segments=4, segment_steps=2)
    document["update"] = {"scale_bits": 20, "value_bits": 8}
    play = make_play(plan=document)
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.ABORTED, EndReason.PLAN_ABORTED)
    (claim,) = play.events(ev.AbortCommitted)
    assert (claim.segment, claim.step, claim.code) == (4, 9, AbortCode.UPDATE_OVERFLOW)
    assert not play.penalised()
    assert play.credit_of(play.contributor) >= play.terms.stake + play.terms.reward


async def test_a_bad_row_ends_the_plan_where_it_is_read(make_play) -> None:
    play = make_play(audit_bps=10_000)
    play.rows = [row[:-1] + b"\xff" if n % 2 else row for n, row in enumerate(play.rows)]
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.ABORTED, EndReason.PLAN_ABORTED)
    (claim,) = play.events(ev.AbortCommitted)
    assert (claim.segment, claim.step, claim.code) == (1, 1, AbortCode.BAD_DATA)
    assert len(play.events(ev.JurySeated)) == 1  # abort claims are audited too
    paid = play.terms.stake + play.terms.reward // 4
    assert paid <= play.credit_of(play.contributor) < paid + 10_000_000
    assert not play.penalised()


class Quitter(InlineTraining):
    """Claims that a good plan cannot be carried out."""

    async def run(self, job, on_line):
        result = await super().run(job, on_line)
        if not isinstance(job, TrainJob):
            return result
        ctx, first = job.ctx, read_records(result)[0]
        assignment = Assignment(None, ctx, job.seed, job.slots)
        chain = compute_abort_chain(ctx, 2, 3, AbortCode.NON_FINITE, bytes(32))
        record = compute_record(assignment, 2, chain, ABORTED_STATE, ())
        trace = Trace(bytes.fromhex(result["state_root_0"]), [first, record])
        return {
            **write_trace(Path(job.workdir), trace),
            "abort": {"segment": 2, "step": 3, "code": 2, "message": "made up"},
        }


@pytest.mark.slow
async def test_a_made_up_abort_is_challenged(make_play) -> None:
    play = make_play()
    play.contributor.use(Quitter())
    await play.open()
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.CHALLENGE_CONFIRMED)
    assert [(e.kind, e.index) for e in play.events(ev.CaseOpened)] == [(1, 2)]
    assert not play.penalised()


class Slanderer(InlineTraining):
    """A machine whose replays are wrong, and always in the same way."""

    async def run(self, job, on_line):
        result = await super().run(job, on_line)
        if isinstance(job, ReplayJob):
            for record in result["segments"]:
                record["chain"] = "77" * 32
        return result


@pytest.mark.slow
async def test_a_false_accuser_loses_its_bond_and_then_its_seat(make_play) -> None:
    play = make_play()
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    liar = play.seated()[0]
    liar.use(Slanderer())
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert play.penalised() == {liar.name}
    told = liar.why(play.submission.id)["outcome"]
    assert any("refuted" in sentence for sentence in told)
    assert play.credit_of(play.contributor) >= play.terms.stake + play.terms.reward


@pytest.mark.slow
@pytest.mark.parametrize("target", ["jury::jury_commit", "jury::jury_reveal"])
async def test_a_silent_juror_pays_for_it(make_play, target) -> None:
    play = make_play(audit_bps=10_000)
    await play.open()
    await play.run(lambda: bool(play.events(ev.JurySeated)))
    silent = play.jurors()[0]
    play.die_at(silent, target)
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    assert play.penalised() == {silent.name}
    assert play.lost_by(silent) == 10 * play.terms.juror_fee
    await silent.restart()
    told = silent.why(play.submission.id)["outcome"]
    assert any("lost" in sentence for sentence in told)
