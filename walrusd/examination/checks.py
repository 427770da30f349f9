"""The single checks of a submission: pure functions of verified parts, raising their findings.

A failed check is a ``FraudFound`` where everyone who reads it finds the same, and an
``OpeningUnusable`` where the opening shows nothing about the work (``core.faults``).
"""

from collections.abc import Sequence

from walrusd.core.faults import CheckedPart, make_fraud, raising_findings
from walrusd.core.opening import VerifiedOpening, verify_opened_cost, verify_rows_cover
from walrusd.core.pieces.layouts import OpenedCost
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.core.seats.eligibility import count_committee
from walrusd.crypto.number_tree import compute_update_root
from walrusd.crypto.stream import verify_key_check
from walrusd.crypto.vfile.blocks import PaillierBlock
from walrusd.crypto.vfile.checks import VerifiedFile, open_cost
from walrusd.errors import NotAllowed, OpeningUnusable, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.verified import VerifiedPlan
from walrusd.training.plan.plan import Plan
from walrusd.training.run.costs import digest_step_costs
from walrusd.training.run.replayed import Replayed
from walrusd.training.run.state import Tensors, deserialize_state, has_state_root
from walrusd.training.run.update import compute_update, update_to_bytes
from walrusd.units import address_bytes


def check_program(case: Case) -> None:
    """Check that we know the program that the task means: nobody of ours stakes on another.

    Raises:
        NotAllowed: if it names another.
    """
    if case.task.program_root != PROGRAM_ROOT:
        raise NotAllowed(
            f"the task names the program {case.task.program_root.hex()}, which this version of "
            "walrusd does not know: nothing is attested, accused or judged",
            hint="update walrusd; a seat that cannot serve a task pays the silence penalty",
        )


def check_inputs(
    case: Case, plan: VerifiedPlan, verified: VerifiedOpening, segments: Sequence[int]
) -> None:
    """Check that the opening holds everything that a replay of ``segments`` reads.

    Raises:
        OpeningUnusable: if a start state or a row is missing or wrong.
    """
    with raising_findings(CheckedPart.OPENING):
        for segment in segments:
            verify_opened_state(plan.plan, verified, segment - 1)
            needed = case.compute_needed_rows(plan.plan, [segment])
            verify_rows_cover(verified.opening, segment, needed, plan.plan.dataset.row_bytes)


def verify_opened_state(plan: Plan, verified: VerifiedOpening, boundary: int) -> bytes:
    """Return the opened state at a segment boundary, checked against its root.

    Raises:
        VerificationFailed: if the opening lacks it, or it has another root.
    """
    state = verified.opening.read_state(boundary)
    if not has_state_root(plan, state, verified.opening.trace.state_roots[boundary]):
        raise VerificationFailed(f"the opened state at boundary {boundary} has another root")
    return state


def check_replayed(case: Case, verified: VerifiedOpening, replayed: Replayed) -> None:
    """Compare leaves. Equality, not tolerance: one bit of difference gives another leaf.

    Raises:
        FraudFound: if they differ.
    """
    i = replayed.segment
    if replayed.leaf(case.ctx, count_committee(vars(case.task.terms))) != verified.leaves[i]:
        raise make_fraud(
            CheckedPart.SEGMENT, i, f"the replay of segment {i} does not give the committed leaf"
        )


def check_file(case: Case, plan: VerifiedPlan, verified: VerifiedFile) -> None:
    """Check that a verified file is about the submission, and quantised as the plan says.

    Raises:
        FraudFound: if it is not.
    """
    header, commitment = verified.file.header, case.submission.commitment
    assert commitment is not None
    with raising_findings(CheckedPart.FILE):
        if header.subject != case.subject:
            raise VerificationFailed("the verification file is about another subject")
        if header.quantisation != plan.quantisation:
            raise VerificationFailed("the verification file is not quantised as the plan says")
        if header.scheme.cost_commitment != commitment.cost_commitment:
            raise VerificationFailed("the verification file holds another cost commitment")


def check_update(
    case: Case, plan: VerifiedPlan, weights: Tensors, verified: VerifiedOpening
) -> None:
    """Check that the opened final state gives the committed update, and the opened one.

    ``weights`` are the task's initial ones. Blocks.

    Raises:
        FraudFound: if the final state does not give the committed update.
        OpeningUnusable: if the state is missing or wrong, or the opened update another one.
    """
    commitment = case.submission.commitment
    assert commitment is not None
    with raising_findings(CheckedPart.OPENING):
        state = verify_opened_state(plan.plan, verified, plan.plan.segments)
    with raising_findings(CheckedPart.UPDATE):
        update = compute_update(plan.plan, weights, deserialize_state(plan.plan, state).weights)
        if compute_update_root(update) != commitment.update_root:
            raise VerificationFailed("the update is not the difference of the final weights")
    with raising_findings(CheckedPart.OPENING):
        opened = verified.opening.read_update()
    if update_to_bytes(update) != opened:
        raise OpeningUnusable("the opened update is not the committed one")


def check_openings(verified: VerifiedOpening, file: VerifiedFile) -> tuple[bytes, ...]:
    """Return the openings, if there are as many as commitments to open.

    Raises:
        OpeningUnusable: if there are not.
    """
    block = file.file.header.scheme
    expected = 1 if isinstance(block, PaillierBlock) else block.count
    with raising_findings(CheckedPart.OPENING):
        openings = verified.opening.read_openings()
        if len(openings) != expected:
            raise VerificationFailed(f"the opening does not have {expected} openings of the update")
        return openings


def check_opened_cost(case: Case, verified: VerifiedOpening, file: VerifiedFile) -> OpenedCost:
    """Return the opened cost, if its key and the final cost are the committed ones.

    It does not check whether the cost is correct.

    Raises:
        OpeningUnusable: if they are not.
    """
    header = file.file.header
    with raising_findings(CheckedPart.OPENING):
        cost = verified.opening.read_cost()
        verify_key_check(cost.key, address_bytes(case.submission.id), header.key_check)
        verify_opened_cost(cost, header.scheme.cost_commitment)
        return cost


def check_cost(
    case: Case, verified: VerifiedOpening, file: VerifiedFile, last: Replayed | None
) -> None:
    """Check the cost function, and the cost against a replay of the last segment if there is one.

    Raises:
        FraudFound: if the cost function does not open, or is not what the replay gives.
        OpeningUnusable: if it is not opened as it was committed.
    """
    opened = check_opened_cost(case, verified, file)
    with raising_findings(CheckedPart.COST):
        costs = open_cost(file.file, opened.key).trajectory
        if last is None:
            return
        if last.abort is not None:
            raise VerificationFailed("the last segment cannot be carried out: it has no cost")
        assert last.costs is not None, "a segment that was carried out has losses"
        if last.costs.final != opened.final:
            raise VerificationFailed("the opened cost is not the mean loss of the last segment")
        if digest_step_costs(costs[-last.costs.steps :]) != last.costs.digest:
            raise VerificationFailed("the cost function is not that of the last segment")
