"""Verifiers and jurors: whom they accuse, and what they do when they cannot know."""

from dataclasses import replace
from functools import partial

import pytest
import trio

from tests.adversaries.results import read_records
from tests.support.market.bench import PUBLISHER, SUBMISSION, TASK, Network, decisions, failures
from tests.support.market.damage import Damaging
from tests.support.market.doubles import BrokenMachine, InlineForger
from tests.support.market.opened import UNUSABLE_OPENINGS, Bench, without_a_row
from tests.support.market.world import InlineTraining
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import ChallengeKind, DisputePhase, SubmissionState
from walrusd.core.protocol import VERDICT_FAULT, VERDICT_SOUND, compute_challenge_id
from walrusd.core.secrets import derive_abstention
from walrusd.crypto.envelope import derive_public_key
from walrusd.errors import MalformedData
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import UNUSABLE_ENVELOPE, find_opening_key, make_envelope
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.opener import Opener
from walrusd.services.jury.juror import Juror, compute_reserve_ms, compute_wait_ms
from walrusd.services.upkeep.key_sharer import KeySharer
from walrusd.training.run.jobs import ReplayJob
from walrusd.units import address_bytes


class Shaky(InlineTraining):
    """A machine whose memory flips a bit in its first replay."""

    replays = 0

    async def run(self, job, on_line):
        result = await super().run(job, on_line)
        if isinstance(job, ReplayJob):
            self.replays += 1
            if self.replays == 1:
                result["segments"][0]["state_root"] = "00" * 32
        return result


DAMAGED = {
    "rows": lambda job: job.rows.path,
    "row numbers": lambda job: job.rows.indices,
    "start state": lambda job: job.segments[-1].start_state,
    "plan": lambda job: job.plan,
    "weights": lambda job: job.weights,
}


class Confused(InlineTraining):
    """A machine whose child blames the opening that was just verified."""

    async def run(self, job, on_line):
        raise MalformedData("the state holds a negative zero")


# --- verifiers --------------------------------------------------------------------------------


async def test_honest_work_is_attested_segment_by_segment(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.verifier
    service = Verifier(tools, Fetcher(tools))
    await service.run_once()
    assert [c["position"] for c in tools.contract.calls("attest")] == [0, 1, 2, 3]
    assert not tools.contract.calls("challenge")
    await service.run_once()
    assert decisions(tools, SUBMISSION).count("attested") == 4
    assert not list((tools.files.work / "replay" / "verifier").iterdir())


async def test_forged_work_is_replayed_twice_and_challenged_once(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    tools = bench.verifier
    service = Verifier(tools, Fetcher(tools))
    for _look in range(2):
        await service.run_once()
    first, second = tools.contract.calls("challenge")
    assert first == second
    assert first["index"] == min(bench.net.segments())
    assert bench.net.segments()[first["place"]] == first["index"]
    assert not tools.contract.calls("attest")
    assert decisions(tools, SUBMISSION).count("challenged") == 1


@pytest.mark.parametrize("edit", UNUSABLE_OPENINGS)
async def test_an_opening_of_no_use_is_reported_and_then_claimed_unavailable(bench, edit) -> None:
    await bench.open_work(edit=edit)
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    assert tools.contract.calls("report") == [{"seat": 0}]
    assert len(tools.contract.sent) == 1
    bench.net.submission.reopened = True
    await Verifier(tools, Fetcher(tools)).run_once()
    (claim,) = tools.contract.calls("challenge")
    assert (claim["kind"], claim["index"], claim["place"]) == (ChallengeKind.UNAVAILABLE, 0, 0)
    assert (claim["leaf"], claim["path"]) == (b"", [])
    assert not tools.contract.calls("attest")
    told = [d for d in decisions(tools, SUBMISSION) if d != "replaying"]
    assert told == ["reported", "challenged"]


@pytest.mark.parametrize("edit", UNUSABLE_OPENINGS)
async def test_a_jury_finds_the_same_opening_unavailable(bench: Bench, edit) -> None:
    await bench.open_work(edit=edit)
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=ChallengeKind.UNAVAILABLE)
    bench.reseal(tools)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent  # it may still become readable
    bench.net.clock.ms += compute_wait_ms(bench.net.terms.jury_commit_ms)
    await Juror(tools, Fetcher(tools)).run_once()
    assert await bench.reveal(tools, dispute) == (VERDICT_FAULT, bytes(32))


async def test_a_jury_that_reads_the_opening_finds_it_available(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=ChallengeKind.UNAVAILABLE)
    bench.reseal(tools)
    await Juror(tools, Fetcher(tools)).run_once()
    assert await bench.reveal(tools, dispute) == (VERDICT_SOUND, bytes(32))


async def test_a_juror_that_reads_the_opening_seals_its_key_to_the_seat_that_cannot(bench) -> None:
    await bench.open_work()
    tools, seat = bench.daemon("juror"), bench.verifier
    bench.summon(tools, kind=ChallengeKind.UNAVAILABLE)
    bench.reseal(tools)
    bench.net.submission.opening.envelopes = [UNUSABLE_ENVELOPE]
    assert find_opening_key(seat, bench.case(seat)) is None
    await Juror(tools, Fetcher(tools)).run_once()
    ((_submission, recipient, envelope),) = tools.contract.arguments("reseal")
    assert recipient == seat.address
    bench.net.resealed(tools.address, recipient, envelope, seat)
    assert find_opening_key(seat, bench.case(seat)) == bench.key()


async def test_a_seat_whose_key_is_useless_keeps_no_juror_from_its_word(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=ChallengeKind.UNAVAILABLE)
    bench.reseal(tools)
    bench.net.submission.committee[0].key = bytes(32)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.calls("reseal")
    assert await bench.reveal(tools, dispute) == (VERDICT_SOUND, bytes(32))


async def test_a_jury_without_any_key_finds_the_opening_unavailable_late(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=ChallengeKind.UNAVAILABLE)
    bench.net.clock.ms += compute_wait_ms(bench.net.terms.jury_commit_ms) - 1
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    bench.net.clock.ms += 1
    await Juror(tools, Fetcher(tools)).run_once()
    assert await bench.reveal(tools, dispute) == (VERDICT_FAULT, bytes(32))


async def test_a_juror_whose_keystore_is_another_convicts_nobody(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=ChallengeKind.UNAVAILABLE)
    dispute.jurors[0].key = bytes(32)
    bench.net.clock.ms += bench.net.terms.jury_commit_ms - 1
    await Juror(tools, Fetcher(tools)).run_once()
    value = await bench.reveal(tools, dispute)
    assert value == derive_abstention(tools.keys, dispute.challenge)
    assert list(failures(tools, SUBMISSION)) == ["keys.seat"]


@pytest.mark.parametrize(
    ("training", "code"),
    [
        (Shaky, "local.second_look"),
        (BrokenMachine, "training.failed"),
        (Confused, "training.failed"),
        *((partial(Damaging, find), "training.input") for find in DAMAGED.values()),
    ],
    ids=["shaky", "broken", "confused", *DAMAGED],
)
async def test_a_faulty_machine_accuses_nobody(bench: Bench, training, code: str) -> None:
    await bench.open_work()
    tools = replace(bench.verifier, training=training())
    await Verifier(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == [code]
    assert tools.work.get("replayed", SUBMISSION) is None


async def test_a_seat_whose_file_was_damaged_attests_after_all(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.verifier
    damaged = replace(tools, training=Damaging(DAMAGED["weights"]))
    await Verifier(damaged, Fetcher(damaged)).run_once()
    await Verifier(tools, Fetcher(tools)).run_once()
    assert [c["position"] for c in tools.contract.calls("attest")] == [0, 1, 2, 3]
    assert {len(tools.contract.calls(name)) for name in ("report", "challenge")} == {0}


@pytest.mark.parametrize("kind", [ChallengeKind.SEGMENT, ChallengeKind.COST])
@pytest.mark.parametrize("training", [Confused, partial(Damaging, DAMAGED["rows"])])
async def test_a_juror_with_a_faulty_machine_convicts_nobody(bench: Bench, kind, training) -> None:
    await bench.open_work()
    tools = replace(bench.daemon("juror"), training=training())
    dispute = bench.summon(tools, kind=kind)
    bench.reseal(tools)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    bench.net.clock.ms += bench.net.terms.jury_commit_ms - 1
    await Juror(tools, Fetcher(tools)).run_once()
    value = await bench.reveal(tools, dispute)
    assert value == derive_abstention(tools.keys, dispute.challenge)


async def test_a_segment_that_a_jury_upheld_is_not_challenged_again(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    first, *others = sorted(bench.net.segments())
    bench.net.submission.judged = [ob.Judged(1, first)]
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    assert [c["index"] for c in tools.contract.calls("challenge")] == [others[0]]
    bench.net.submission.judged += [ob.Judged(1, i) for i in others]
    tools.contract.sent.clear()
    await Verifier(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == ["proof.invalid"]


async def test_what_is_missing_does_not_hide_what_is_forged(bench: Bench) -> None:
    await bench.open_work(InlineForger(), edit=without_a_row)
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    assert [name for name, _a, _k in tools.contract.sent] == ["challenge"]


async def test_another_blob_than_the_announced_one_is_reported(bench: Bench) -> None:
    await bench.open_work()
    blob = bench.net.submission.opening.blob
    bench.net.blobs[blob] = bench.net.blobs[blob][:-1] + b"\x00"
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    assert [name for name, _a, _k in tools.contract.sent] == ["report"]


async def test_an_opening_that_can_be_deleted_is_reported_and_judged_alike(bench: Bench) -> None:
    await bench.open_work()
    bench.net.store.deletable = {bench.net.submission.commitment.file_blob}
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    assert [name for name, _a, _k in tools.contract.sent] == ["report"]
    juror = bench.daemon("juror")
    dispute = bench.summon(juror, kind=ChallengeKind.UNAVAILABLE)
    bench.reseal(juror)
    bench.net.clock.ms += compute_wait_ms(bench.net.terms.jury_commit_ms)
    await Juror(juror, Fetcher(juror)).run_once()
    assert await bench.reveal(juror, dispute) == (VERDICT_FAULT, bytes(32))


def _lost(net: Network) -> None:
    del net.blobs[net.submission.opening.blob]


def _beyond_all_measure(net: Network) -> None:
    net.blobs[net.submission.opening.blob] = bytes(50 << 20)


def _lost_file(net: Network) -> None:
    del net.blobs[net.submission.commitment.file_blob]


@pytest.mark.parametrize("spoil", [_lost, _beyond_all_measure, _lost_file])
async def test_what_is_not_there_is_waited_for_before_it_is_reported(
    bench, spoil, autojump_clock
) -> None:
    await bench.open_work()
    tools = bench.verifier
    spoil(bench.net)
    service = Verifier(tools, Fetcher(tools))
    await service.run_once()
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == ["opening.absent"]
    manifest = bench.net.blobs.pop(bench.net.task.manifest_blob)
    for _hour in range(6):
        bench.net.clock.ms += 3600_000
        await trio.sleep(3600)
        await service.run_once()
    assert not tools.contract.sent  # nothing else can be read either: it is our network
    bench.net.blobs[bench.net.task.manifest_blob] = manifest
    await trio.sleep(3600)
    await service.run_once()
    assert tools.contract.calls("report") == [{"seat": 0}]


async def test_a_seat_without_the_key_reports_it_at_once(bench: Bench) -> None:
    await bench.open_work()
    bench.net.submission.opening.envelopes = [b"\x01junk"]
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    assert tools.contract.calls("report") == [{"seat": 0}]


async def test_a_seat_waits_for_other_holders_before_it_claims_unavailability(
    bench, autojump_clock
) -> None:
    await bench.open_work()
    bench.net.submission.opening.envelopes = [b"\x01junk"]
    bench.net.submission.reopened = True
    tools = bench.verifier
    service = Verifier(tools, Fetcher(tools))
    bench.net.clock.ms += 5 * bench.net.terms.verify_ms // 8 - 1
    await service.run_once()
    assert not tools.contract.sent
    bench.net.clock.ms += 1
    await trio.sleep(300)
    await service.run_once()
    assert [c["kind"] for c in tools.contract.calls("challenge")] == [ChallengeKind.UNAVAILABLE]


async def test_a_lost_keystore_is_nobody_elses_fault(bench: Bench) -> None:
    await bench.open_work()
    bench.net.submission.opening.envelopes = [b"\x01junk"]
    bench.net.submission.committee[0].key = bytes(32)
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == ["keys.seat"]


async def test_a_verification_file_that_was_lost_is_stored_again(bench, autojump_clock) -> None:
    await bench.open_work()
    net, contributor = bench.net, bench.contributor
    lost = net.submission.commitment.file_blob
    _lost_file(net)
    service = Verifier(bench.verifier, Fetcher(bench.verifier))
    for _hour in range(6):
        net.clock.ms += 3600_000
        await trio.sleep(3600)
        await service.run_once()
    assert bench.verifier.contract.calls("report") == [{"seat": 0}]
    net.submission.reopened, net.submission.state = True, SubmissionState.SEATED
    await Opener(contributor, Fetcher(contributor)).run_once()
    assert lost in net.blobs
    assert "damaged" not in decisions(contributor, SUBMISSION)
    net.submission.opening = contributor.contract.arguments("open")[-1][2]
    net.submission.state = SubmissionState.OPENED
    await Verifier(bench.verifier, Fetcher(bench.verifier)).run_once()
    assert len(bench.verifier.contract.calls("attest")) == len(net.segments())


async def test_a_damaged_copy_of_the_file_is_told_of(bench: Bench) -> None:
    await bench.open_work()
    contributor = bench.contributor
    (contributor.files.work / SUBMISSION / "verification-file.wvf").write_bytes(b"x")
    bench.net.submission.reopened, bench.net.submission.state = True, SubmissionState.SEATED
    await Opener(contributor, Fetcher(contributor)).run_once()
    assert "damaged" in decisions(contributor, SUBMISSION)
    assert len(contributor.contract.calls("open")) == 2


# --- jurors -------------------------------------------------------------------------------------


async def test_a_juror_commits_to_what_it_replays_and_reveals_it(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools)
    service = Juror(tools, Fetcher(tools))
    await service.run_once()
    assert not tools.contract.sent  # nobody has sealed it the key yet
    bench.reseal(tools)
    await service.run_once()
    (committed,) = tools.contract.calls("jury_commit")
    dispute.jurors[0].commitment = committed["commitment"]
    dispute.phase = DisputePhase.REVEALING
    await service.run_once()
    (revealed,) = tools.contract.calls("jury_reveal")
    record = read_records(bench.contributor.work.get("trained", SUBMISSION))[1]
    assert revealed["chain"] == record.chain
    assert revealed["state_root"] == record.state_root


async def test_a_juror_that_lost_its_state_reveals_the_same_value(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools)
    bench.reseal(tools)
    await Juror(tools, Fetcher(tools)).run_once()
    dispute.jurors[0].commitment = tools.contract.calls("jury_commit")[0]["commitment"]
    dispute.phase = DisputePhase.REVEALING
    tools.work.delete("jury", dispute.challenge.hex())
    await Juror(tools, Fetcher(tools)).run_once()
    assert len(tools.contract.calls("jury_reveal")) == 1


@pytest.mark.parametrize("lost", [False, True])
async def test_a_juror_without_a_value_abstains_rather_than_be_silent(bench, lost: bool) -> None:
    await bench.open_work()
    tools, other = bench.daemon("juror"), bench.daemon("other")
    dispute = bench.summon(tools)
    window = bench.net.terms.jury_commit_ms
    bench.net.clock.ms += window - compute_reserve_ms(window) - 1
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    bench.net.clock.ms += 1
    await Juror(tools, Fetcher(tools)).run_once()
    (committed,) = tools.contract.calls("jury_commit")
    dispute.jurors[0].commitment = committed["commitment"]
    dispute.phase = DisputePhase.REVEALING
    if lost:
        tools.work.delete("jury", dispute.challenge.hex())
    await Juror(tools, Fetcher(tools)).run_once()
    (revealed,) = tools.contract.calls("jury_reveal")
    assert revealed["chain"] != derive_abstention(other.keys, dispute.challenge)[0]


async def test_an_abstention_stands_even_if_the_replay_ends_later(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    bench.summon(tools)
    bench.net.clock.ms += bench.net.terms.jury_commit_ms - 1
    await Juror(tools, Fetcher(tools)).run_once()
    bench.reseal(tools)
    await Juror(tools, Fetcher(tools)).run_once()
    commitments = {call["commitment"] for call in tools.contract.calls("jury_commit")}
    assert len(commitments) == 1


async def test_garbage_envelopes_do_not_hide_the_key(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    bench.summon(tools)
    bench.reseal(tools)
    wrong = make_envelope(
        bench.case(tools), tools.address, derive_public_key(tools.keys.encryption_key), bytes(32)
    )
    for sender, garbage in ((bench.contributor.address, wrong), (PUBLISHER, b"\x01junk")):
        bench.net.resealed(sender, tools.address, garbage, tools)
    await Juror(tools, Fetcher(tools)).run_once()
    assert len(tools.contract.calls("jury_commit")) == 1


async def test_an_accuser_passes_the_key_on_whatever_others_posted(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    juror = bench.daemon("juror")
    useless = ob.Juror(4, "0x" + "6" * 64, bytes(32), b"", b"", b"")
    dispute = bench.summon(juror, useless)
    dispute.jurors.reverse()  # the useless one first
    tools = bench.verifier
    bench.net.resealed(bench.contributor.address, juror.address, b"\x01junk", tools)
    service = KeySharer(tools)
    await service.run_once()
    ((_submission, recipient, envelope),) = tools.contract.arguments("reseal")
    assert recipient == juror.address
    bench.net.resealed(tools.address, juror.address, envelope, tools, juror)
    await service.run_once()
    assert len(tools.contract.arguments("reseal")) == 1
    await Juror(juror, Fetcher(juror)).run_once()
    assert len(juror.contract.calls("jury_commit")) == 1
    assert dispute.jurors[0].verifier == "0x" + "6" * 64


async def test_an_accuser_that_lost_its_state_reveals_what_it_accused_with(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    tools = bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()
    (challenge,) = tools.contract.calls("challenge")
    juror = ob.Juror(3, "0x" + "6" * 64, derive_public_key(bytes([9]) * 32), b"\x01", b"", b"")
    dispute = bench.net.dispute(tools.address, challenge["index"], [juror])
    dispute.accuser_commitment = challenge["commitment"]
    dispute.phase = DisputePhase.REVEALING
    name = compute_challenge_id(address_bytes(SUBMISSION), 1, challenge["index"], round_=0)
    tools.work.delete("jury", name.hex())
    await Juror(tools, Fetcher(tools)).run_once()
    assert [c["challenge"] for c in tools.contract.calls("accuser_reveal")] == [name]
    assert bench.net.task.id == TASK
