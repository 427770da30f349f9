"""What seats find in opened work: whom they accuse, and what they do when they cannot know."""

from dataclasses import replace
from functools import partial

import pytest
import trio

from tests.support.market.bench import SUBMISSION, Network, decisions, failures
from tests.support.market.damage import DAMAGED, Confused, Damaging
from tests.support.market.doubles import BrokenMachine, InlineForger
from tests.support.market.opened import UNUSABLE_OPENINGS, Bench, without_a_row
from tests.support.market.world import InlineTraining
from walrusd.core.lifecycle import CaseKind, SubmissionState
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.market.fetch import Fetcher
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.opener import Opener
from walrusd.training.run.jobs import ReplayJob

NOBODY = "0x" + "0" * 64


class Counting(InlineTraining):
    """Counts the segments that it replays."""

    def __init__(self) -> None:
        self.replayed: list[int] = []

    async def run(self, job, on_line):
        result = await super().run(job, on_line)
        if isinstance(job, ReplayJob):
            self.replayed += [record["segment"] for record in result["segments"]]
        return result


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


def sent(tools) -> list[str]:
    return [name for name, _arguments, _keywords in tools.contract.sent]


def accusations(tools) -> list[tuple[int, int, int]]:
    """Return kind, index and position of what was accused."""
    found = [arguments[2] for arguments in tools.contract.arguments("accuse")]
    return [(accused.kind, accused.index, accused.position) for accused in found]


async def look(bench: Bench, tools=None) -> None:
    tools = tools or bench.verifier
    await Verifier(tools, Fetcher(tools)).run_once()


async def test_honest_work_is_attested_segment_by_segment(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.verifier
    service = Verifier(tools, Fetcher(tools))
    await service.run_once()
    calls = tools.contract.calls("attest")
    assert [c["position"] for c in calls] == [0, 1, 2, 3]
    assert {c["program_root"] for c in calls} == {PROGRAM_ROOT}
    assert not tools.contract.calls("accuse")
    await service.run_once()
    assert decisions(tools, SUBMISSION).count("attested") == 4
    assert not list((tools.files.work / "replay" / "verifier").iterdir())


async def test_forged_work_is_replayed_twice_and_accused_once(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    tools = bench.verifier
    service = Verifier(tools, Fetcher(tools))
    for _look in range(2):
        await service.run_once()
    first, second = accusations(tools)
    assert first == second
    assert first[1] == min(bench.net.segments())
    assert bench.net.segments()[first[2]] == first[1]
    assert not tools.contract.calls("attest")
    assert decisions(tools, SUBMISSION).count("accused") == 1


@pytest.mark.parametrize("edit", UNUSABLE_OPENINGS)
async def test_an_opening_of_no_use_is_accused_at_once(bench: Bench, edit) -> None:
    await bench.open_work(edit=edit)
    tools = bench.verifier
    await look(bench)
    assert accusations(tools) == [(CaseKind.OPENING, 0, 0)]
    (accused,) = [arguments[2] for arguments in tools.contract.arguments("accuse")]
    assert (accused.leaf, accused.path) == (b"", ())
    assert sent(tools) == ["accuse"]
    told = [d for d in decisions(tools, SUBMISSION) if d != "replaying"]
    assert told == ["accused"]


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
    await look(bench, tools)
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == [code]
    assert tools.work.get("replayed", SUBMISSION) is None


async def test_a_seat_whose_file_was_damaged_attests_after_all(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.verifier
    await look(bench, replace(tools, training=Damaging(DAMAGED["weights"])))
    await look(bench)
    assert sent(tools) == ["attest"] * 4


async def test_what_was_replayed_is_not_replayed_again(bench: Bench) -> None:
    """Neither after a restart, nor for what an interrupted one had left."""
    await bench.open_work()
    counting = Counting()
    tools = replace(bench.verifier, training=counting)
    await look(bench, tools)
    await look(bench, tools)
    assert sorted(counting.replayed) == [1, 2, 3, 4]
    saved = tools.work.get("replayed", SUBMISSION)
    del saved["3"]
    tools.work.put("replayed", SUBMISSION, saved)
    await look(bench, tools)
    assert sorted(counting.replayed) == [1, 2, 3, 3, 4]


async def test_a_seat_accuses_a_submission_once(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    tools = bench.verifier
    bench.net.submission.accusers = [tools.address]
    await look(bench)
    assert not tools.contract.sent
    assert list(failures(tools, SUBMISSION)) == ["proof.invalid"]


async def test_what_is_missing_does_not_hide_what_is_forged(bench: Bench) -> None:
    await bench.open_work(InlineForger(), edit=without_a_row)
    await look(bench)
    (accused,) = accusations(bench.verifier)
    assert accused[0] == CaseKind.SEGMENT


async def test_another_blob_than_the_announced_one_is_accused(bench: Bench) -> None:
    await bench.open_work()
    blob = bench.net.submission.opening.blob
    bench.net.blobs[blob] = bench.net.blobs[blob][:-1] + b"\x00"
    await look(bench)
    assert accusations(bench.verifier) == [(CaseKind.OPENING, 0, 0)]


async def test_an_opening_that_can_be_deleted_is_reported_in_the_first_attempt(bench) -> None:
    await bench.open_work()
    bench.net.store.deletable = {bench.net.submission.commitment.file_blob}
    tools = bench.verifier
    await look(bench)
    assert sent(tools) == ["report"]
    bench.net.submission.reported = 1
    await look(bench)
    assert sent(tools) == ["report"]
    assert "opening.absent" in failures(tools, SUBMISSION)


async def test_a_task_of_another_program_is_not_served(bench: Bench) -> None:
    await bench.open_work()
    bench.net.task.program_root = bytes([1]) * 32
    await look(bench)
    assert not bench.verifier.contract.sent
    (told,) = [e for e in bench.verifier.journal.why(SUBMISSION) if e.decision == "failed"]
    assert "the program 0101" in told.reason


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
    bench.net.submission.reported = 1
    await trio.sleep(3600)
    await service.run_once()
    assert sent(tools) == ["report"]


async def test_nothing_is_reported_once_a_jury_was_asked(bench: Bench, autojump_clock) -> None:
    await bench.open_work()
    bench.net.submission.accusers = [NOBODY]
    _lost_file(bench.net)
    service = Verifier(bench.verifier, Fetcher(bench.verifier))
    for _hour in range(6):
        bench.net.clock.ms += 3600_000
        await trio.sleep(3600)
        await service.run_once()
    assert not bench.verifier.contract.sent


async def test_a_lost_keystore_is_nobody_elses_fault(bench: Bench) -> None:
    await bench.open_work()
    other = bench.daemon("other")
    tools = replace(bench.verifier, keys=other.keys)
    await look(bench, tools)
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
    assert set(sent(bench.verifier)) == {"report"}
    net.submission.attempt, net.submission.state = 2, SubmissionState.SEATED
    net.submission.opening = None
    await Opener(contributor, Fetcher(contributor)).run_once()
    assert lost in net.blobs
    assert "damaged" not in decisions(contributor, SUBMISSION)
    bench.let_read()
    await look(bench)
    assert len(bench.verifier.contract.calls("attest")) == len(net.segments())


async def test_a_damaged_copy_of_the_file_is_told_of(bench: Bench) -> None:
    await bench.open_work()
    contributor, submission = bench.contributor, bench.net.submission
    (contributor.files.work / SUBMISSION / "verification-file.wvf").write_bytes(b"x")
    submission.attempt, submission.state = 2, SubmissionState.SEATED
    submission.opening = None
    await Opener(contributor, Fetcher(contributor)).run_once()
    assert "damaged" in decisions(contributor, SUBMISSION)
    assert len(contributor.contract.calls("open")) == 2
