"""Module ``submission``, third part: a contributor opens its work.

The opening is a fact: the public point of its key is on chain, so every envelope with a value of
that key can be checked against it.
"""

from walrusd.chain.layouts.events import SubmissionOpened
from walrusd.chain.layouts.objects import Market, Opening, Submission, Task
from walrusd.core.lifecycle import CostRule, SubmissionState
from walrusd.crypto.envelopes.contexts import OpeningContext
from walrusd.devnet.contract import pedersen
from walrusd.devnet.contract.checks import check_submission
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.envelope import check_opening
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.holdings import check_state
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, U64, U256, mut, option, ref
from walrusd.units import address_bytes

MODULE = Module("submission")


def compute_opening_context(market: Market, submission: Submission) -> bytes:
    """Return the 32 bytes that stand for the present attempt at opening."""
    return OpeningContext(
        chain_id=market.chain_id,
        package=address_bytes(market.package),
        market=address_bytes(market.id),
        pool=address_bytes(submission.pool),
        task=address_bytes(submission.task),
        submission=address_bytes(submission.id),
        contributor=address_bytes(submission.contributor),
        attempt=submission.attempt,
    ).digest()


@MODULE.public(
    ref(Market),
    ref(Task),
    mut(Submission),
    U256,
    BYTES,
    BYTES,
    BYTES,
    BYTES,
    option(U64),
    BYTES,
    CLOCK,
)
def open(  # noqa: A001  # the Move function has this name
    ctx: MoveContext,
    market: Market,
    task: Task,
    submission: Submission,
    blob: int,
    digest: bytes,
    p2: bytes,
    challenge: bytes,
    answer: bytes,
    cost: int | None,
    blinding: bytes,
    clock: ClockObject,
) -> None:
    """Say where the sealed opening is, and which key opens it. Its envelopes follow, one by one.

    It is possible, at a fee that grows, until the crank that punishes absence is run.
    """
    check_submission(market, task, submission)
    require(ctx.sender == submission.contributor, "submission.ENotContributor")
    check_state(submission, SubmissionState.SEATED)
    require(submission.opening is None, "submission.EAlreadyOpened")
    require(len(digest) == DIGEST, "submission.EBadDigest")
    _check_cost(task, submission, cost, blinding)
    check_opening(compute_opening_context(market, submission), p2, challenge, answer)

    submission.opening = Opening(blob, digest, p2, was_complete=False, cost=cost)
    ctx.emit(
        SubmissionOpened(
            task=task.id,
            submission=submission.id,
            contributor=submission.contributor,
            attempt=submission.attempt,
            blob=blob,
            digest=digest,
            p2=p2,
            cost=cost,
            at_ms=clock.timestamp_ms,
        )
    )


def _check_cost(task: Task, submission: Submission, cost: int | None, blinding: bytes) -> None:
    """Abort for a public cost that is not the committed one, or where there must be none.

    There is none where costs are private, and in an abort claim.
    """
    if task.terms.cost_rule == CostRule.PRIVATE or submission.abort is not None:
        require(cost is None, "submission.EBadCost")
        require(blinding == b"", "submission.EBadCost")
        return
    require(cost is not None, "submission.EBadCost")
    assert cost is not None, "required above"
    assert submission.commitment is not None, "a seated submission has committed"
    pedersen.check_opening(submission.commitment.cost_commitment, cost, blinding)
