"""The update in an opening: that it is the one of the final state, and can be opened."""

from walrusd.core.faults import CheckedPart, looking_at
from walrusd.core.opening import VerifiedOpening
from walrusd.crypto.chunks import compute_update_root
from walrusd.crypto.vfile.blocks import PaillierBlock
from walrusd.crypto.vfile.vfile import VerificationFile
from walrusd.errors import OpeningUnusable, VerificationFailed
from walrusd.examination.replayer import state_at
from walrusd.market.case import Case
from walrusd.training.plan.plan import Plan
from walrusd.training.run.state import Tensors, deserialize_state
from walrusd.training.run.update import compute_update, update_to_bytes


def compute_committed_update(
    case: Case, plan: Plan, verified: VerifiedOpening, weights: Tensors
) -> bytes:
    """Return the update that the opened final state gives. Errors as ``check_update``."""
    commitment, opening = case.submission.commitment, verified.opening
    assert commitment is not None
    with looking_at(CheckedPart.OPENING):
        state = state_at(plan, opening, plan.segments)
    with looking_at(CheckedPart.UPDATE):
        end = deserialize_state(plan, state)
        update = compute_update(plan, weights, end.weights)
        if compute_update_root(update) != commitment.update_root:
            raise VerificationFailed("the update is not the difference of the final weights")
    data = update_to_bytes(update)
    if data != opening.update:
        raise OpeningUnusable("the opened update is not the committed one")
    return data


def check_openings(verified: VerifiedOpening, file: VerificationFile) -> None:
    """Check that there are as many openings as commitments to open.

    Raises:
        OpeningUnusable: if there are not.
    """
    block = file.header.scheme
    expected = 1 if isinstance(block, PaillierBlock) else block.count
    if len(verified.opening.openings) != expected:
        raise OpeningUnusable(f"the opening does not have {expected} openings of the update")
