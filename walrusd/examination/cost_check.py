"""Look at the cost of a submission: that it opens as committed, and that a replay gives it."""

from walrusd.core.faults import CheckedPart, looking_at
from walrusd.core.opening import OpenedCost, Opening, VerifiedOpening, verify_opened_cost
from walrusd.crypto.stream import verify_key_check
from walrusd.crypto.vfile.checks import open_cost
from walrusd.crypto.vfile.vfile import VerificationFile
from walrusd.errors import VerificationFailed
from walrusd.examination.replayer import Replayed
from walrusd.market.case import Case
from walrusd.training.run.costs import digest_step_costs
from walrusd.units import address_bytes


def check_opened_cost(case: Case, opening: Opening, file: VerificationFile) -> OpenedCost:
    """Return what opens the cost: its key and the final cost are the committed ones.

    Whether the cost is true is not asked.

    Raises:
        OpeningUnusable: if they are not.
    """
    with looking_at(CheckedPart.OPENING):
        if opening.cost is None:
            raise VerificationFailed("the opening does not open the cost")
        name = address_bytes(case.submission.id)
        verify_key_check(opening.cost.key, name, file.header.key_check)
        verify_opened_cost(opening.cost, file.header.scheme.cost_commitment)
        return opening.cost


def check_cost(
    case: Case, verified: VerifiedOpening, file: VerificationFile, last: Replayed | None
) -> None:
    """Check the cost function, and the cost against a replay of the last segment if there is.

    Raises:
        FraudFound: if the cost function does not open, or is not what the replay gives.
        OpeningUnusable: if it is not opened as it was committed.
    """
    opened = check_opened_cost(case, verified.opening, file)
    with looking_at(CheckedPart.COST):
        costs = open_cost(file, opened.key).trajectory
        if last is None:
            return
        if last.abort is not None:
            raise VerificationFailed("the last segment cannot be carried out: it has no cost")
        assert last.costs is not None, "a segment that was carried out has losses"
        if last.costs.final != opened.final:
            raise VerificationFailed("the opened cost is not the mean loss of the last segment")
        if digest_step_costs(costs[-last.costs.steps :]) != last.costs.digest:
            raise VerificationFailed("the cost function is not that of the last segment")
