"""Audits whose jurors cannot read the opening: whose fault that is, and who passes the key on."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.adversaries.results import read_records
from tests.support.clocks import virtual_time
from tests.support.market.bench import PUBLISHER, SUBMISSION, decisions, failures
from tests.support.market.doubles import BribedVerifier, BrokenMachine, InlineForger
from tests.support.market.opened import UNUSABLE_OPENINGS, Bench
from tests.support.market.spec import Daemon, Play
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import ChallengeKind, DisputePhase, EndReason, SubmissionState
from walrusd.core.protocol import VERDICT_FAULT
from walrusd.core.secrets import derive_abstention
from walrusd.crypto.envelope import derive_public_key
from walrusd.engine.tools import Tools
from walrusd.errors import ChainUnreachable, LocalFault, StorageUnreachable
from walrusd.market.fetch import Fetcher
from walrusd.services.jury.ballot import Ballot
from walrusd.services.jury.juror import Juror, compute_reserve_ms, compute_wait_ms
from walrusd.services.upkeep.key_sharer import KeySharer
from walrusd.units import normalize_address

NOBODY = normalize_address("0x0")
FAULT = VERDICT_FAULT, bytes(32)


def audit(bench: Bench, tools: Tools, *others: ob.Juror, segment: int = 2) -> ob.Dispute:
    """Seat a jury on the lot's segment."""
    dispute = bench.summon(tools, *others, index=segment)
    dispute.accuser = NOBODY
    return dispute


def wait(bench: Bench, window_ms: int | None = None) -> None:
    """Let pass what a juror waits for an opening, or so much."""
    whole = bench.net.terms.jury_commit_ms
    bench.net.clock.ms += compute_wait_ms(whole) if window_ms is None else window_ms


async def abstained(bench: Bench, tools: Tools, dispute: ob.Dispute) -> bool:
    """Let the window end, and return whether the juror abstained."""
    window = bench.net.terms.jury_commit_ms
    bench.net.clock.ms = dispute.phase_ms + window - compute_reserve_ms(window)
    await Juror(tools, Fetcher(tools)).run_once()
    value = await bench.reveal(tools, dispute)
    return value == derive_abstention(tools.keys, dispute.challenge)


@pytest.mark.parametrize("garbage", [False, True])
async def test_an_audit_whose_key_is_withheld_is_a_fault_late(bench: Bench, garbage: bool) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = audit(bench, tools)
    if garbage:
        bench.net.resealed(bench.contributor.address, tools.address, b"\x01junk", tools)
    assert compute_wait_ms(bench.net.terms.jury_commit_ms) == (
        3 * bench.net.terms.jury_commit_ms // 4
    )
    wait(bench)
    bench.net.clock.ms -= 1
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    bench.net.clock.ms += 1
    await Juror(tools, Fetcher(tools)).run_once()
    told = [e for e in tools.journal.why(SUBMISSION) if e.decision == "committed"]
    assert [e.reason for e in told] == ["the opening was withheld from the audit of segment 2"]
    tools.work.delete("jury", dispute.challenge.hex())  # state may be lost before the reveal
    assert await bench.reveal(tools, dispute) == FAULT


@pytest.mark.parametrize(
    ("edit", "segment"),
    [(UNUSABLE_OPENINGS[0], 2), *((edit, 1) for edit in UNUSABLE_OPENINGS[1:5])],
)
async def test_an_audit_of_an_opening_of_no_use_is_a_fault(bench: Bench, edit, segment) -> None:
    await bench.open_work(edit=edit)
    tools = bench.daemon("juror")
    dispute = audit(bench, tools, segment=segment)
    bench.reseal(tools)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.calls("jury_commit")
    wait(bench)
    await Juror(tools, Fetcher(tools)).run_once()
    assert await bench.reveal(tools, dispute) == FAULT


async def test_another_blob_than_the_announced_one_is_a_fault(bench: Bench) -> None:
    await bench.open_work()
    blob = bench.net.submission.opening.blob
    bench.net.blobs[blob] = bench.net.blobs[blob][:-1] + b"\x00"
    tools = bench.daemon("juror")
    dispute = audit(bench, tools)
    bench.reseal(tools)
    wait(bench)
    await Juror(tools, Fetcher(tools)).run_once()
    assert await bench.reveal(tools, dispute) == FAULT


async def test_a_blob_that_nobody_has_is_a_fault_only_if_others_can_be_read(bench: Bench) -> None:
    await bench.open_work()
    del bench.net.blobs[bench.net.submission.opening.blob]
    manifest = bench.net.blobs.pop(bench.net.task.manifest_blob)
    tools = bench.daemon("juror")
    dispute = audit(bench, tools)
    bench.reseal(tools)
    wait(bench)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.calls("jury_commit")
    bench.net.blobs[bench.net.task.manifest_blob] = manifest
    await Juror(tools, Fetcher(tools)).run_once()
    assert await bench.reveal(tools, dispute) == FAULT


async def test_a_key_that_comes_in_time_is_replayed_with(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = audit(bench, tools)
    wait(bench)
    bench.reseal(tools)
    await Juror(tools, Fetcher(tools)).run_once()
    record = read_records(bench.contributor.work.get("trained", SUBMISSION))[1]
    chain, _root = await bench.reveal(tools, dispute)
    assert chain == record.chain


async def test_a_machine_that_cannot_replay_abstains(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror", BrokenMachine())
    dispute = audit(bench, tools)
    bench.reseal(tools)
    wait(bench)
    service = Juror(tools, Fetcher(tools))
    for _look in range(2):
        await service.run_once()
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == ["training.failed"]
    assert await abstained(bench, tools, dispute)


@pytest.mark.parametrize("error", [StorageUnreachable("down"), LocalFault("disk")])
async def test_a_network_that_is_down_makes_no_fault(bench: Bench, monkeypatch, error) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = audit(bench, tools)
    bench.reseal(tools)
    wait(bench)

    async def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(type(tools.store), "get", fail)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert await abstained(bench, tools, dispute)


async def test_a_disk_that_is_full_makes_no_fault(bench: Bench, monkeypatch) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = audit(bench, tools)
    bench.reseal(tools)
    wait(bench)

    async def fail(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ballot, "_can_replay", fail)
    monkeypatch.setattr(Ballot, "find", fail)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert await abstained(bench, tools, dispute)


async def test_a_juror_whose_keystore_is_another_abstains_in_an_audit(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = audit(bench, tools)
    dispute.jurors[0].key = bytes(32)
    wait(bench)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == ["keys.seat"]
    assert await abstained(bench, tools, dispute)


async def test_the_jury_of_an_accuser_abstains_without_a_key(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools)
    wait(bench)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert await abstained(bench, tools, dispute)


# --- whoever holds the key passes it on ---------------------------------------------------------


async def test_a_contributor_seals_to_an_audits_jury_at_once_and_again_after_a_crash(bench) -> None:
    await bench.open_work()
    juror = bench.daemon("juror")
    dispute = audit(bench, juror)
    tools = bench.contributor
    tools.contract.fail["reseal"] = [ChainUnreachable("killed before it was sent")]
    await KeySharer(tools).run_once()
    assert not tools.contract.arguments("reseal")
    # A process that was killed has nothing but what lies on the disk: no trouble, no key.
    await KeySharer(tools).run_once()
    ((_submission, recipient, envelope),) = tools.contract.arguments("reseal")
    assert recipient == juror.address
    bench.net.resealed(tools.address, recipient, envelope, tools, juror)
    await KeySharer(tools).run_once()
    assert len(tools.contract.arguments("reseal")) == 1
    await Juror(juror, Fetcher(juror)).run_once()
    assert await bench.reveal(juror, dispute) != FAULT


@pytest.mark.parametrize("posted", [False, True])
async def test_jurors_pass_the_key_of_an_audit_on_to_each_other(bench: Bench, posted: bool) -> None:
    await bench.open_work()
    juror, other = bench.daemon("juror"), bench.daemon("other")
    fellow = ob.Juror(4, other.address, derive_public_key(other.keys.encryption_key), b"", b"", b"")
    dispute = audit(bench, juror, fellow)
    bench.reseal(juror)
    if posted:  # garbage, which only its recipient can tell
        bench.net.resealed(PUBLISHER, other.address, b"\x01junk", juror, other)
    window = bench.net.terms.jury_commit_ms
    settled = juror.settings.timing.crank_grace_s * 1000
    due = window // 2 if posted else min(round(settled), window // 4)
    assert due < compute_wait_ms(window)
    wait(bench, due - 1)
    await KeySharer(juror).run_once()
    assert not juror.contract.arguments("reseal")
    bench.net.clock.ms += 1
    await KeySharer(juror).run_once()
    ((_submission, recipient, envelope),) = juror.contract.arguments("reseal")
    assert recipient == other.address
    bench.net.resealed(juror.address, recipient, envelope, other)
    await Juror(other, Fetcher(other)).run_once()
    assert len(other.contract.calls("jury_commit")) == 1
    assert dispute.phase == DisputePhase.COMMITTING
    assert dispute.kind == ChallengeKind.SEGMENT
    assert "committed" in decisions(other, SUBMISSION)


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
async def test_a_ring_that_withholds_from_an_audit_loses_the_contributors_stake(play: Play) -> None:
    play.contributor.use(InlineForger())
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    BribedVerifier.records = read_records(
        play.contributor.tools.work.get("trained", play.submission.id)
    )
    ring = play.seated()
    for daemon in ring:
        daemon.put(BribedVerifier(daemon.tools, daemon.fetcher))
    keep_the_key(play.contributor, *ring)
    await play.run()
    assert play.outcome == (SubmissionState.REJECTED, EndReason.NEVER_OPENED)
    assert len(play.events(ev.JurySeated)) == 1
    assert not play.penalised()
    for juror in play.jurors():
        assert play.credit_of(juror) >= play.terms.juror_fee
        (told,) = juror.why(play.submission.id)["outcome"]
        assert "we were in the majority" in told
    for seat in ring:
        (told,) = seat.why(play.submission.id)["outcome"]
        assert "is credited its fee" in told
    (told,) = play.contributor.why(play.submission.id)["outcome"]
    assert told.startswith("No reward, and the stake is lost: it was not opened")


@pytest.mark.slow
@virtual_time
async def test_a_contributor_that_was_killed_seals_to_the_jury_when_it_is_back(play: Play) -> None:
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.AUDITED)
    keep_the_key(*play.seated())
    services, play.contributor.services = play.contributor.services, []
    await play.run(lambda: bool(play.events(ev.JurySeated)))
    seated_ms = play.world.now
    waited_ms = compute_wait_ms(play.terms.jury_commit_ms) // 2
    await play.run(lambda: play.world.now >= seated_ms + waited_ms)
    assert not play.events(ev.KeyResealed)
    play.contributor.make_services()
    assert not set(services) & set(play.contributor.services)
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    sealed = {e.sender for e in play.events(ev.KeyResealed)}
    assert play.contributor.address in sealed
    assert not play.penalised()


@pytest.mark.slow
@virtual_time
async def test_one_honest_seat_gives_the_jury_its_key(play: Play) -> None:
    await play.open()
    await play.run(lambda: play.submission.state == SubmissionState.SEATED)
    keep_the_key(play.contributor, play.seated()[0])
    await play.run()
    assert play.outcome == (SubmissionState.ACCEPTED, EndReason.ATTESTED)
    helper = play.seated()[1].address
    assert helper in {e.sender for e in play.events(ev.KeyResealed)}
    assert not play.penalised()
