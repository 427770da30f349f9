"""What malicious seats and jurors do instead of their duty; see ``casting``."""

import secrets
from collections.abc import Callable

from tests.adversaries.results import read_records
from tests.attacks.casting import CastJuror, CastVerifier, JurorAct, SeatAct
from tests.attacks.trainings import Loot
from walrusd.chain.calls.jury import Accused
from walrusd.chain.layouts import objects as ob
from walrusd.core.judging import Answer
from walrusd.core.lifecycle import CaseKind
from walrusd.core.opening import Opening
from walrusd.core.pieces.names import TRACE
from walrusd.core.protocol import PROGRAM_ROOT, compute_slot_tree, compute_work_digest
from walrusd.core.seats.eligibility import count_committee
from walrusd.crypto.merkle import Tree
from walrusd.errors import MoveAborted
from walrusd.market.case import Case
from walrusd.market.keys import find_opening_keys
from walrusd.services.contributor.committer import trace_leaves

# --- seats --------------------------------------------------------------------------------------


async def stay_silent(verifier: CastVerifier, case: Case, seat: int) -> bool:
    """Take the seat and do nothing."""
    return False


async def read_leaves(verifier: CastVerifier, case: Case) -> list[bytes]:
    """Return the leaves of an opening's trace, which every seat can read."""
    return (await open_trace(verifier, case)).leaves()


async def open_trace(verifier: CastVerifier, case: Case) -> Opening:
    """Return the opening as far as it shows the trace."""
    keys = find_opening_keys(verifier.tools, case)
    assert keys is not None
    return await verifier.fetcher.opening_of(case, keys, [TRACE])


async def attest_with(
    verifier: CastVerifier, case: Case, seat: int, position: int, digest: bytes, chain: bytes
) -> None:
    """Attest with a digest that no replay gave; note it if the contract refuses."""
    segment = case.segments_of(seat)[position]
    opening = await open_trace(verifier, case)
    slot, count = case.submission.committee[seat].slot, count_committee(vars(case.task.terms))
    slots = compute_slot_tree(case.ctx, segment, count, chain)
    try:
        await verifier.tools.contract.attest(
            case.task.id,
            case.submission,
            seat=seat,
            position=position,
            digest=digest,
            slot_path=slots.path(slot),
            state_root=opening.trace.state_roots[segment],
            trace_path=Tree(opening.leaves()).path(segment),
            program_root=PROGRAM_ROOT,
        )
    except MoveAborted as error:
        verifier.casting.refused.append((case.submission.id, error.message))


async def attest_unseen(verifier: CastVerifier, case: Case, seat: int) -> bool:
    """Read the opening's roots, save the replay, and attest with a digest out of thin air."""
    if not _first_time(verifier, case, "lazy"):
        return False
    for position in range(case.task.terms.segments_per_seat):
        chain = secrets.token_bytes(32)
        await attest_with(verifier, case, seat, position, chain, chain)
    return False


async def copy_digests(verifier: CastVerifier, case: Case, seat: int) -> bool:
    """Wait for the digests of another seat, and send them as one's own."""
    mine = case.segments_of(seat)
    for (submission, other, at), digest in list(verifier.casting.overheard.items()):
        segment = case.segments_of(other)[at]
        new = submission == case.submission.id and other != seat and segment in mine
        if new and _first_time(verifier, case, f"copy{segment}"):
            await attest_with(verifier, case, seat, mine.index(segment), digest, bytes(32))
    return False


async def accuse_falsely(verifier: CastVerifier, case: Case, seat: int) -> bool:
    """Accuse sound work."""
    if not _first_time(verifier, case, "accuse"):
        return False
    segment, leaves = case.segments_of(seat)[0], await read_leaves(verifier, case)
    path = tuple(Tree(leaves).path(segment))
    accused = Accused(CaseKind.SEGMENT, segment, leaf=leaves[segment], path=path)
    await verifier.tools.contract.accuse(
        case.task.id, case.submission, accused, seat=seat, program_root=PROGRAM_ROOT
    )
    return False


async def report_without_reason(verifier: CastVerifier, case: Case, seat: int) -> bool:
    """Say that a good opening cannot be had, and serve honestly afterwards."""
    if not _first_time(verifier, case, f"report{case.submission.attempt}"):
        return True
    await verifier.tools.contract.report(case.task.id, case.submission, seat=seat)
    return False


def attest_for_money(loot: Loot) -> SeatAct:
    """Return the act of attesting with the digests that the contributor sells."""

    async def act(verifier: CastVerifier, case: Case, seat: int) -> bool:
        found = loot.result
        assert found is not None
        leaves = trace_leaves(found)
        done = case.submission.committee[seat].attested
        for position, segment in enumerate(case.segments_of(seat)):
            if done >> position & 1:
                continue
            record = read_records(found)[segment - 1]
            chain, slot = record.chain, case.submission.committee[seat].slot
            count = count_committee(vars(case.task.terms))
            slots = compute_slot_tree(case.ctx, segment, count, chain)
            await verifier.tools.contract.attest(
                case.task.id,
                case.submission,
                seat=seat,
                position=position,
                digest=compute_work_digest(case.ctx, segment, slot, chain),
                slot_path=slots.path(slot),
                state_root=record.state_root,
                trace_path=Tree(leaves).path(segment),
                program_root=PROGRAM_ROOT,
            )
        return False

    return act


def _first_time(verifier: CastVerifier, case: Case, what: str) -> bool:
    """Return whether something is done for the first time."""
    key = f"{case.submission.id}:{what}"
    if verifier.tools.records.get("done", key):
        return False
    verifier.tools.records.put("done", key, value=True)
    return True


# --- jurors -------------------------------------------------------------------------------------


def vote(value: Callable[[ob.Dispute], Answer]) -> JurorAct:
    """Return the act of voting without checking: ``value(dispute)`` gives the vote.

    It is committed to like an honest value, so the juror's own service reveals it.
    """

    async def act(juror: CastJuror, case: Case, dispute: ob.Dispute, number: int) -> bool:
        tools, challenge = juror.tools, dispute.challenge
        if tools.work.get("jury", challenge.hex()) is None:
            tools.work.put("jury", challenge.hex(), value(dispute).to_json())
        return True

    return act


def vote_anything() -> JurorAct:
    """Return the act of a lazy juror: it knows no value, so it says any."""
    return vote(lambda _dispute: Answer(secrets.token_bytes(32), secrets.token_bytes(32)))


def vote_for_forger(loot: Loot) -> JurorAct:
    """Return the act of a juror that the forger has bought: it says what was committed."""

    def forged(dispute: ob.Dispute) -> Answer:
        assert loot.result is not None
        record = read_records(loot.result)[dispute.index - 1]
        return Answer(record.chain, record.state_root)

    return vote(forged)


async def judge_nothing(juror: CastJuror, case: Case, dispute: ob.Dispute, number: int) -> bool:
    """Take the seat on the jury and do nothing."""
    return False
