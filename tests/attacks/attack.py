"""What an attack is: who does what, what catches it, how it ends and what it costs."""

from dataclasses import dataclass
from enum import Enum

from tests.support.scenario.terms import PRICES
from walrusd.chain.layouts.objects import Terms
from walrusd.core.lifecycle import EndReason, SubmissionState


class Culprit(Enum):
    """Who attacks."""

    CONTRIBUTOR = "a contributor"
    VERIFIER = "a verifier"
    JUROR = "jurors"
    RING = "a contributor and its committee"
    PUBLISHER = "the publisher"
    OWNER = "the dataset's owner"
    ANYBODY = "anyone"


class Loss(Enum):
    """What the attack costs whoever does it, gas aside."""

    NOTHING = "nothing"
    STAKE = "its stake"
    LAPSE = "the lapse penalty"
    LATE_FEE = "at most the late fee"
    TEN_FEES = "ten verifier fees of its seat's stake"
    TEN_JUROR_FEES = "ten juror fees of its seat's stake"
    SEAT_STAKE = "the verifier stake"
    CASE = "the jury's fees and the silence penalty, of its seat's stake"

    def amount(self, terms: Terms) -> int | None:
        """Return the loss in Mist under a task's terms; None if that depends on the time."""
        if self in _PRICES:
            return PRICES[_PRICES[self]](terms)
        return 0 if self is Loss.NOTHING else None


_PRICES = {
    Loss.STAKE: "stake",
    Loss.LAPSE: "lapse",
    Loss.TEN_FEES: "seat silence",
    Loss.TEN_JUROR_FEES: "juror silence",
    Loss.SEAT_STAKE: "seat stake",
    Loss.CASE: "accusation",
}


@dataclass(frozen=True)
class End:
    """How the submission under attack ends."""

    state: SubmissionState
    reason: EndReason

    def __str__(self) -> str:
        """Return the words of the documentation."""
        words = self.reason.name.lower().replace("_", " ")
        return f"{self.state.name.lower()} ({words})"


ACCEPTED = End(SubmissionState.ACCEPTED, EndReason.ATTESTED)
SLASHED = End(SubmissionState.REJECTED, EndReason.CHALLENGE_CONFIRMED)
AUDITED = End(SubmissionState.REJECTED, EndReason.AUDIT_CONFIRMED)
UNOPENED = End(SubmissionState.REJECTED, EndReason.NEVER_OPENED)
LAPSED = End(SubmissionState.LAPSED, EndReason.NO_COMMIT)
ABORTED = End(SubmissionState.ABORTED, EndReason.PLAN_ABORTED)


@dataclass(frozen=True)
class Attack:
    """One row of the table.

    ``end`` is how the submission under attack ends, if the attack is on one; ``outcome`` says in
    words what else there is to say. ``part`` is what is malicious in the daemon, or which
    transaction is sent. ``test`` is the test that plays it, ``file::function``.
    """

    name: str
    culprit: Culprit
    what: str
    part: str
    caught_by: str
    test: str
    end: End | None = None
    loss: Loss = Loss.NOTHING
    outcome: str = ""
