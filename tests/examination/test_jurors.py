"""What jurors say: replays, words about the bytes that they have read, or nothing that counts."""

from dataclasses import replace
from functools import partial

import pytest

from tests.adversaries.results import read_records
from tests.support.market.bench import SUBMISSION, decisions, failures
from tests.support.market.damage import DAMAGED, Confused, Damaging
from tests.support.market.doubles import BrokenMachine, InlineForger
from tests.support.market.opened import UNUSABLE_OPENINGS, Bench, with_another_cost
from walrusd.core.judging import ABSENT, Answer
from walrusd.core.lifecycle import CaseKind, DisputePhase
from walrusd.core.protocol import Word
from walrusd.core.secrets import derive_abstention
from walrusd.errors import ChainUnreachable, LocalFault, StorageUnreachable
from walrusd.market.fetch import Fetcher
from walrusd.services.jury.ballot import Ballot
from walrusd.services.jury.juror import Juror, compute_reserve_ms, compute_wait_ms

WORDS = [kind for kind in CaseKind if kind != CaseKind.SEGMENT]


async def judge(bench: Bench, tools, dispute) -> Answer:
    """Let a juror vote, and return what its revealed value hides."""
    await Juror(tools, Fetcher(tools)).run_once()
    value = await bench.reveal(tools, dispute)
    answer = Ballot(tools, Fetcher(tools), "juror").saved(dispute.challenge)
    assert value == answer.compute_value(dispute.challenge)
    return answer


async def vote(bench: Bench, name: str, kind: int, training=None, index: int = 0) -> Answer:
    """Return what a juror of its own machine says in a case."""
    tools = bench.daemon(name, training)
    dispute = bench.summon(tools, kind=kind, index=index)
    bench.brief(dispute)
    return await judge(bench, tools, dispute)


def without_first_rows(opening):
    return opening.change_rows(lambda rows: rows[1:])


def wait(bench: Bench) -> None:
    bench.net.clock.ms += compute_wait_ms(bench.net.terms.jury_commit_ms)


def is_abstention(tools, dispute, answer: Answer) -> bool:
    return answer == Answer(*derive_abstention(tools.keys, dispute.challenge))


# --- a segment ------------------------------------------------------------------------------------


async def test_a_juror_commits_to_what_it_replays_and_reveals_it(bench: Bench) -> None:
    await bench.open_work()
    answer = await vote(bench, "juror", CaseKind.SEGMENT, index=2)
    record = read_records(bench.contributor.work.get("trained", SUBMISSION))[1]
    assert answer == Answer(record.chain, record.state_root)


async def test_a_juror_that_lost_its_state_reveals_the_same_value(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools)
    bench.brief(dispute)
    await Juror(tools, Fetcher(tools)).run_once()
    tools.work.delete("jury", dispute.challenge.hex())
    tools.work.delete("replayed", SUBMISSION)
    await bench.reveal(tools, dispute)
    assert len(tools.contract.calls("jury_reveal")) == 1


async def test_a_juror_that_was_killed_before_it_was_sent_commits_to_the_same(bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    bench.brief(bench.summon(tools))
    tools.contract.fail["jury_commit"] = [ChainUnreachable("killed before it was sent")]
    for _start in range(2):
        await Juror(tools, Fetcher(tools)).run_once()
    assert len(tools.contract.calls("jury_commit")) == 1
    assert decisions(tools, SUBMISSION).count("committed") == 1


async def test_a_second_jury_about_a_segment_needs_no_second_replay(bench: Bench) -> None:
    await bench.open_work()
    first = await vote(bench, "juror", CaseKind.SEGMENT, index=2)
    tools = replace(bench.daemon("again"), training=BrokenMachine())
    tools.work.put("replayed", SUBMISSION, {
        "2": {**first.to_json(), "costs": None, "abort": None}
    })  # fmt: skip
    dispute = bench.summon(tools)
    bench.brief(dispute)
    dispute.challenge = bytes([8]) * 32
    assert await judge(bench, tools, dispute) == first


@pytest.mark.parametrize(
    ("edit", "segment"),
    [(without_first_rows, 2), *((edit, 1) for edit in UNUSABLE_OPENINGS[1:5])],
)
async def test_a_segment_that_is_not_shown_is_a_fault(bench: Bench, edit, segment) -> None:
    await bench.open_work(edit=edit)
    first = await vote(bench, "one", CaseKind.SEGMENT, index=segment)
    second = await vote(bench, "two", CaseKind.SEGMENT, index=segment)
    assert first == second
    assert first.chain == Word.FAULT.chain


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WORDS)
async def test_honest_work_is_sound_in_a_case_of_any_kind(bench: Bench, kind) -> None:
    await bench.open_work()
    first, second = [await vote(bench, name, kind) for name in ("one", "two")]
    assert first == second
    assert first.chain == Word.SOUND.chain
    assert first.state_root != bytes(32)


async def test_what_was_judged_differs_by_kind_and_beacon(bench: Bench) -> None:
    await bench.open_work()
    answers = [await vote(bench, f"of {kind.name}", kind) for kind in WORDS]
    # An absent opening is judged like a whole one, an update like rows without the file.
    assert len({answer.state_root for answer in answers}) == len(WORDS) - 1
    tools = bench.daemon("later")
    dispute = bench.summon(tools, kind=CaseKind.FILE)
    bench.brief(dispute)
    dispute.beacon = bytes([9]) * 32
    assert (await judge(bench, tools, dispute)).state_root not in {a.state_root for a in answers}


@pytest.mark.parametrize("edit", UNUSABLE_OPENINGS)
async def test_jurors_find_the_fault_that_a_seat_accuses_of(bench: Bench, edit) -> None:
    await bench.open_work(edit=edit)
    first, second = [await vote(bench, name, CaseKind.OPENING) for name in ("one", "two")]
    assert first == second
    assert first.chain == Word.FAULT.chain


async def test_an_opening_of_no_use_is_a_fault_whatever_was_asked(bench: Bench) -> None:
    await bench.open_work(edit=with_another_cost)
    for kind in (CaseKind.COST, CaseKind.OPENING, CaseKind.ABSENCE):
        assert (await vote(bench, kind.name, kind)).chain == Word.FAULT.chain


async def test_a_forged_last_segment_is_a_fault_of_the_cost(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    answer = await vote(bench, "juror", CaseKind.COST)
    assert answer.chain == Word.FAULT.chain


async def test_an_accused_opening_of_forged_work_is_sound(bench: Bench) -> None:
    await bench.open_work(InlineForger())
    assert (await vote(bench, "juror", CaseKind.OPENING)).chain == Word.SOUND.chain


async def test_another_manifest_than_the_announced_one_is_a_fault(bench: Bench) -> None:
    await bench.open_work()
    blob = bench.net.submission.opening.blob
    bench.net.blobs[blob] = bench.net.blobs[blob][:-1] + b"\x00"
    first, second = [await vote(bench, name, CaseKind.OPENING) for name in ("one", "two")]
    assert first == second
    assert first.chain == Word.FAULT.chain


async def test_a_piece_that_is_another_is_left_out_of_what_is_judged(bench: Bench) -> None:
    await bench.open_work()
    honest = await vote(bench, "one", CaseKind.OPENING)
    shared = int(bench.contributor.work.get("open", SUBMISSION)["pieces"][0])
    data = bytearray(bench.net.blobs[shared])
    data[len(data) // 2] ^= 1
    bench.net.blobs[shared] = bytes(data)
    first, second = [await vote(bench, name, CaseKind.OPENING) for name in ("two", "three")]
    assert first == second
    assert first.state_root != honest.state_root
    assert first.chain == Word.FAULT.chain


# --- what cannot be had ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CaseKind)
async def test_what_cannot_be_had_is_absent_late_and_if_others_can_be_read(bench, kind) -> None:
    await bench.open_work()
    commitment, opening = bench.net.submission.commitment, bench.net.submission.opening
    del bench.net.blobs[commitment.file_blob if kind == CaseKind.FILE else opening.blob]
    manifest = bench.net.blobs.pop(bench.net.task.manifest_blob)
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=kind)
    bench.brief(dispute)
    wait(bench)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    bench.net.blobs[bench.net.task.manifest_blob] = manifest
    bench.net.clock.ms -= 1
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    bench.net.clock.ms += 1
    assert await judge(bench, tools, dispute) == ABSENT


async def test_a_fault_is_not_said_by_who_could_not_read_all(bench: Bench) -> None:
    """All must say the same, whatever they look at first."""
    await bench.open_work(edit=with_another_cost)
    del bench.net.blobs[bench.net.submission.commitment.file_blob]
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=CaseKind.OPENING)
    bench.brief(dispute)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    wait(bench)
    assert await judge(bench, tools, dispute) == ABSENT


# --- who cannot tell abstains ---------------------------------------------------------------------


async def abstains(bench: Bench, tools, dispute) -> bool:
    """Let the window end, and return whether the juror abstained."""
    window = bench.net.terms.jury_commit_ms
    bench.net.clock.ms = dispute.phase_ms + window - compute_reserve_ms(window) - 1
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    bench.net.clock.ms += 1
    return is_abstention(tools, dispute, await judge(bench, tools, dispute))


@pytest.mark.parametrize("kind", [CaseKind.SEGMENT, CaseKind.COST])
@pytest.mark.parametrize("training", [BrokenMachine, Confused, partial(Damaging, DAMAGED["rows"])])
async def test_a_faulty_machine_convicts_nobody(bench: Bench, kind, training) -> None:
    await bench.open_work()
    tools = bench.daemon("juror", training())
    dispute = bench.summon(tools, kind=kind)
    bench.brief(dispute)
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.sent
    assert await abstains(bench, tools, dispute)


@pytest.mark.parametrize(
    "error", [StorageUnreachable("down"), LocalFault("disk"), OSError(28, "No space left")]
)
async def test_a_network_or_disk_that_fails_convicts_nobody(bench, monkeypatch, error) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools)
    bench.brief(dispute)

    async def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(type(tools.store), "get", fail)
    assert await abstains(bench, tools, dispute)


async def test_a_juror_whose_keystore_is_another_convicts_nobody(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools, kind=CaseKind.OPENING)
    bench.brief(dispute)
    tools = replace(tools, keys=bench.daemon("other").keys)
    assert await abstains(bench, tools, dispute)
    assert set(failures(tools, SUBMISSION)) == {"keys.seat"}


async def test_a_juror_of_another_program_abstains(bench: Bench) -> None:
    await bench.open_work()
    bench.net.task.program_root = bytes([1]) * 32
    tools = bench.daemon("juror")
    dispute = bench.summon(tools)
    bench.brief(dispute)
    assert await abstains(bench, tools, dispute)
    assert set(failures(tools, SUBMISSION)) == {"daemon.not_allowed"}


async def test_an_abstention_stands_even_if_the_replay_ends_later(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    dispute = bench.summon(tools)
    bench.brief(dispute)
    bench.net.clock.ms += bench.net.terms.jury_commit_ms - 1
    await Juror(replace(tools, training=BrokenMachine()), Fetcher(tools)).run_once()
    await Juror(tools, Fetcher(tools)).run_once()
    commitments = {call["commitment"] for call in tools.contract.calls("jury_commit")}
    assert len(commitments) == 1


# --- telling --------------------------------------------------------------------------------------


async def test_jurors_of_the_majority_tell_one_after_another(bench: Bench, autojump_clock) -> None:
    await bench.open_work()
    names = ("one", "two", "three")
    all_tools = [bench.daemon(name) for name in names]
    dispute = bench.summon(all_tools[0])
    dispute.jurors += [bench.net.juror(tools.address, tools.keys) for tools in all_tools[1:]]
    bench.brief(dispute)
    services = [Juror(tools, Fetcher(tools)) for tools in all_tools]
    for juror, tools, service in zip(dispute.jurors, all_tools, services, strict=True):
        await service.run_once()
        juror.commitment = tools.contract.calls("jury_commit")[0]["commitment"]
    dispute.phase, dispute.phase_ms = DisputePhase.REVEALING, bench.net.clock.ms
    for juror, tools, service in zip(dispute.jurors, all_tools, services, strict=True):
        await service.run_once()
        juror.value = tools.contract.calls("jury_reveal")[0]["value"]
    told = []
    for _second in range(0, 120, 10):
        for service in services:
            await service.run_once()
        told.append([len(tools.contract.calls("resolve")) > 0 for tools in all_tools])
        bench.net.clock.ms += 10_000
    assert told[0] == [True, False, False]
    assert told[3] == [True, True, False]
    assert told[6] == [True, True, True]
    (first,) = {tuple(call.values()) for call in all_tools[2].contract.calls("resolve")}
    record = read_records(bench.contributor.work.get("trained", SUBMISSION))[1]
    assert first == (record.chain, record.state_root)


async def test_who_is_not_of_the_majority_does_not_tell(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.daemon("juror")
    others = [bench.net.juror(f"0x{n:064x}", None) for n in (7, 8)]
    dispute = bench.summon(tools, *others)
    bench.brief(dispute)
    await Juror(tools, Fetcher(tools)).run_once()
    dispute.jurors[0].value = await bench.reveal(tools, dispute)
    for juror in others:
        juror.commitment, juror.value = b"\x01" * 32, b"\x02" * 32
    await Juror(tools, Fetcher(tools)).run_once()
    assert not tools.contract.calls("resolve")
