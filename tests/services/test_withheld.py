"""Keys that somebody lacks: who passes them on, and what becomes of who does not."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adversaries.results import read_records
from tests.support.clocks import virtual_time
from tests.support.market.bench import SUBMISSION
from tests.support.market.doubles import BribedVerifier, InlineForger
from tests.support.market.opened import Bench
from tests.support.market.spec import Daemon, Play
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import DisputePhase, EndReason, SubmissionState
from walrusd.errors import ChainUnreachable
from walrusd.market.fetch import Fetcher
from walrusd.services.upkeep.key_sharer import KeySharer


async def share(tools) -> None:
    """Let a daemon that was just started pass on what it can."""
    await KeySharer(tools, Fetcher(tools)).run_once()


def summon(bench: Bench, *names: str):
    """Seat a jury without envelopes, and return it with the jurors' tools."""
    daemons = [bench.daemon(name) for name in names]
    dispute = bench.summon(daemons[0])
    dispute.jurors += [bench.net.juror(tools.address, tools.keys) for tools in daemons[1:]]
    dispute.phase = DisputePhase.SUMMONED
    return dispute, daemons


async def test_a_contributor_delivers_to_a_jury_at_once_and_again_after_a_crash(bench) -> None:
    await bench.open_work()
    dispute, _jurors = summon(bench, "juror")
    tools = bench.contributor
    tools.contract.fail["deliver_juror"] = [ChainUnreachable("killed before it was sent")]
    await share(tools)
    assert not tools.contract.calls("deliver_juror")
    # A process that was killed has nothing but what lies on the disk: no trouble, no key.
    await share(tools)
    (sent,) = tools.contract.calls("deliver_juror")
    assert (sent["juror"], sent["case"]) == (0, dispute.challenge)
    bench.brief(dispute)
    await share(tools)
    assert len(tools.contract.calls("deliver_juror")) == 1


async def test_an_accuser_delivers_to_its_jury_at_once(bench: Bench) -> None:
    await bench.open_work()
    summon(bench, "juror")
    await share(bench.verifier)
    assert [call["juror"] for call in bench.verifier.contract.calls("deliver_juror")] == [0]


async def test_holders_follow_one_after_another(bench: Bench) -> None:
    """Seats first, then jurors that have the key; all within half of the window."""
    await bench.open_work()
    dispute, (first, second, _last) = summon(bench, "first", "second", "last")
    dispute.accuser = "0x" + "0" * 64
    for juror in dispute.jurors[:2]:
        bench.net.seal_to(juror, bench.value())
    holders = [bench.verifier, first, second]
    began = []
    step_ms = 1_000
    for at_ms in range(0, bench.net.terms.open_ms // 2, step_ms):
        for tools in holders:
            if tools not in began:
                await share(tools)
                if tools.contract.calls("deliver_juror"):
                    began.append(tools)
                    began.append(at_ms)
        bench.net.clock.ms += step_ms
    grace_ms = round(first.settings.timing.crank_grace_s * 1000)
    assert began[::2] == holders
    assert began[1::2] == [grace_ms, grace_ms * 4 // 3, grace_ms * 5 // 3]
    assert all(call["juror"] == 2 for t in holders for call in t.contract.calls("deliver_juror"))


async def test_a_seat_delivers_the_update_when_half_of_the_window_is_over(bench: Bench) -> None:
    await bench.open_work()
    net, tools = bench.net, bench.verifier
    net.submission.state, net.submission.window_ms = SubmissionState.AUDITED, net.clock.ms
    net.submission.audit_beacon, net.terms.audit_bps = b"\x05" * 32, 0
    net.clock.ms += net.terms.open_ms // 2 - 1
    await share(tools)
    assert not tools.contract.sent
    net.clock.ms += 1
    await share(tools)
    assert [name for name, _a, _k in tools.contract.sent] == ["deliver_update"]


async def test_only_a_contributor_delivers_before_the_committee_could_read(bench: Bench) -> None:
    await bench.open_work()
    net, tools = bench.net, bench.verifier
    net.submission.state, net.submission.opening.was_complete = SubmissionState.SEATED, False
    other = bench.daemon("other")
    net.seat(other.address, other.keys)
    juror = net.juror(tools.address, tools.keys)
    place = net.submission.committee[0]
    held = replace(place, verifier=tools.address, pool_index=juror.pool_index, keys=juror.keys)
    net.seal_to(held, bench.value())
    net.submission.committee.append(held)
    net.clock.ms += net.terms.open_ms
    await share(tools)
    assert not tools.contract.sent
    await share(bench.contributor)
    assert [call["place"] for call in bench.contributor.contract.calls("deliver")] == [0]
    net.submission.opening.was_complete = True
    await share(tools)
    assert [call["place"] for call in tools.contract.calls("deliver")] == [0]
    assert bench.net.objects[SUBMISSION] is net.submission


# --- whole submissions --------------------------------------------------------------------------


@pytest.fixture
def play(tmp_path: Path):
    with ExitStack() as stack:
        yield Play(tmp_path, stack, audit_bps=10_000)


def keep_the_key(*daemons: Daemon) -> None:
    """Let daemons pass no key on."""
    for daemon in daemons:
        daemon.drop("key_sharer")


@virtual_time
async def test_a_ring_that_withholds_from_an_audit_loses_and_opens_again(play: Play) -> None:
    play.contributor.use(InlineForger())
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    records = read_records(play.contributor.tools.work.get("trained", play.submission.id))
    BribedVerifier.records = records
    ring = play.seated()
    for daemon in ring:
        daemon.put(BribedVerifier(daemon.tools, daemon.fetcher))
    await play.run(lambda: play.submission.state == SubmissionState.AUDITED)
    keep_the_key(play.contributor, *ring)
    await play.run(lambda: play.submission.attempt == 2)
    assert play.penalised() == {daemon.name for daemon in ring}
    assert [play.lost_by(daemon) for daemon in ring] == [10 * play.terms.verifier_fee] * 2
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.NEVER_OPENED)
    assert play.penalised() == {daemon.name for daemon in ring}


@pytest.mark.slow
@virtual_time
async def test_one_honest_seat_gives_the_jury_its_key(play: Play) -> None:
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.OPENED)
    keep_the_key(play.contributor, play.seated()[0])
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    helper = play.seated()[1].address
    senders = {event.sender for event in play.events(ev.KeyDelivered) if event.challenge}
    assert senders == {helper}
    assert not play.penalised()
