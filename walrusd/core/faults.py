"""Whose fault it is that a submission cannot be attested, and what a seat does about it.

There are three grounds:

- FRAUD: the committed work contradicts itself. Everyone who reads the opening finds the same, so a
  jury can judge it: the seat challenges.
- UNUSABLE: the opening cannot be read, or is incomplete. That proves nothing about the work: the
  seat reports it, and claims UNAVAILABLE only if the second opening is unusable too.
- OURS: this machine or its network, or no one's fault. The seat waits and tries again.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from walrusd.core.lifecycle import CaseKind
from walrusd.errors import (
    BlobNotFound,
    BlobTooLarge,
    FraudFound,
    OpeningUnusable,
    PartAbsent,
    PeerFault,
    WalrusdError,
)

PATIENCE_SHARE = 4
"""A seat waits for a missing blob for the verify window divided by this."""
MIN_ABSENCES = 3
"""The fewest failed fetches after which a blob counts as missing."""

NO_KEY = "no_key"
"""The cause of an unusable opening that another holder of its key can remedy."""


class Ground(Enum):
    """What an error means for the contributor whose work was examined."""

    FRAUD = "fraud"
    UNUSABLE = "unusable"
    OURS = "ours"


@dataclass(frozen=True)
class ChargeTraits:
    """The properties shared by all charges of one kind."""

    is_indexed: bool = False
    """Whether a submission has several parts of this kind; the index says which."""
    is_public: bool = False
    """Whether it is about public data, so that a juror needs no opening."""


CHARGE_TRAITS = {
    CaseKind.SEGMENT: ChargeTraits(is_indexed=True),
    CaseKind.UPDATE: ChargeTraits(),
    CaseKind.ROWS: ChargeTraits(is_indexed=True),
    CaseKind.COST: ChargeTraits(),
    CaseKind.FILE: ChargeTraits(is_public=True),
    CaseKind.ABSENCE: ChargeTraits(),
}


@dataclass(frozen=True, order=True)
class Charge:
    """What a jury can be asked: a challenge's kind, and the segment or row it is about, or 0."""

    kind: CaseKind
    index: int = 0

    @property
    def identity(self) -> str:
        """The name that no other charge has, such as ``SEGMENT(3)`` or ``FILE``.

        Part of the keys of protection records and work items, so it must never change.
        """
        is_indexed = CHARGE_TRAITS[self.kind].is_indexed or self.index != 0
        return f"{self.kind.name}({self.index})" if is_indexed else self.kind.name

    @property
    def is_public(self) -> bool:
        """Whether it can be judged without the opening."""
        return CHARGE_TRAITS[self.kind].is_public

    def __str__(self) -> str:
        """Return the identity."""
        return self.identity


def is_audit(accuser: str) -> bool:
    """Return whether the audit draw, for which 0x0 stands, brought a case before its jury."""
    return int(accuser, 16) == 0


class CheckedPart(Enum):
    """What was being examined when an error arose."""

    TASK = "task"
    OPENING = "opening"
    SEGMENT = "segment"
    UPDATE = "update"
    ROWS = "rows"
    COST = "cost"
    FILE = "file"


_KINDS = {
    CheckedPart.SEGMENT: CaseKind.SEGMENT,
    CheckedPart.UPDATE: CaseKind.UPDATE,
    CheckedPart.ROWS: CaseKind.ROWS,
    CheckedPart.COST: CaseKind.COST,
    CheckedPart.FILE: CaseKind.FILE,
}
"""What a peer's fault in a part proves. The others prove nothing about the work."""


def compute_ground(part: CheckedPart, error: WalrusdError) -> Ground:
    """Return what an error means that arose while ``part`` was examined.

    Only a peer's fault counts against anyone; bytes that an endpoint corrupted do not. A
    contributor checks plan and weights before it stakes, so with bad ones it cannot have done the
    work.
    """
    if isinstance(error, FraudFound):
        return Ground.FRAUD
    if isinstance(error, OpeningUnusable):
        return Ground.UNUSABLE
    if not isinstance(error, PeerFault):
        return Ground.OURS
    if part in _KINDS:
        return Ground.FRAUD
    return Ground.UNUSABLE


@contextmanager
def raising_findings(part: CheckedPart, index: int = 0) -> Iterator[None]:
    """Convert a peer's fault into the fraud or unusable opening that it proves.

    Raises:
        FraudFound, OpeningUnusable: instead of another ``PeerFault``.
    """
    try:
        yield
    except (FraudFound, OpeningUnusable):
        raise
    except PeerFault as error:
        match compute_ground(part, error):
            case Ground.FRAUD:
                raise make_fraud(part, index, error.message) from error
            case Ground.UNUSABLE:
                raise OpeningUnusable(error.message, hint=error.hint, cause=error.code) from error
            case Ground.OURS:
                raise


@contextmanager
def naming_absence() -> Iterator[None]:
    """Treat a blob as absent if no endpoint has it, or if it is too large.

    Only if the endpoints agree: one that corrupts or lengthens a blob proves nothing.

    Raises:
        PartAbsent: instead of ``BlobNotFound`` and an agreed ``BlobTooLarge``.
    """
    try:
        yield
    except BlobNotFound as error:
        raise PartAbsent(error.message) from error
    except BlobTooLarge as error:
        if error.fields.get("agreed", True):
            raise PartAbsent(error.message) from error
        raise


def make_fraud(part: CheckedPart, index: int, message: str) -> FraudFound:
    """Return the fraud that a fault in a part proves."""
    return FraudFound(message, kind=int(_KINDS[part]), index=index)


def charge_of(fraud: FraudFound) -> Charge:
    """Return what a jury would be asked about a fraud."""
    return Charge(CaseKind(fraud.fields["kind"]), fraud.fields["index"])


class SeatAction(Enum):
    """What a seat does about a submission."""

    ATTEST = "attest"
    CHALLENGE = "challenge"
    REPORT = "report"
    CLAIM_UNAVAILABLE = "claim_unavailable"
    STAND_BY = "stand_by"
    """Do nothing more: a jury has judged the case differently."""


@dataclass(frozen=True)
class Verdict:
    """An action, the fraud it is about if it is a challenge, and the error that explains it."""

    action: SeatAction
    error: FraudFound | OpeningUnusable | None = None


def decide_verdict(
    frauds: Sequence[FraudFound],
    unusable: OpeningUnusable | None,
    *,
    judged: Collection[Charge],
    reopened: bool,
) -> Verdict:
    """Return what a seat does about its findings.

    A fraud comes first, as it decides the case; one that a jury has already judged cannot be
    charged again. Nothing is attested while a part is missing or we still find a fraud.
    """
    for fraud in frauds:
        if charge_of(fraud) not in judged:
            return Verdict(SeatAction.CHALLENGE, fraud)
    if unusable is not None:
        if not reopened:
            return Verdict(SeatAction.REPORT, unusable)
        if Charge(CaseKind.ABSENCE) not in judged:
            return Verdict(SeatAction.CLAIM_UNAVAILABLE, unusable)
        return Verdict(SeatAction.STAND_BY, unusable)
    if frauds:
        return Verdict(SeatAction.STAND_BY, frauds[0])
    return Verdict(SeatAction.ATTEST)


def is_patience_over(*, absences: int, opened_ms: int, verify_ms: int, now_ms: int) -> bool:
    """Return whether enough fetches over enough time have failed to call a blob missing."""
    return absences >= MIN_ABSENCES and now_ms >= opened_ms + verify_ms // PATIENCE_SHARE


def may_complain(
    error: OpeningUnusable, *, others_know: bool, waited_ms: int, window_ms: int
) -> bool:
    """Return whether to complain about an unusable opening now.

    ``others_know``: the chain shows that we need its key, so its other holders send it to us, at
    half of the window at the latest. Until then we complain only about what they cannot remedy.
    ``waited_ms`` and ``window_ms`` are in milliseconds.
    """
    if error.fields.get("cause") != NO_KEY or not others_know:
        return True
    return waited_ms >= 5 * window_ms // 8


def may_find_withheld(kind: CaseKind, *, has_accuser: bool) -> bool:
    """Return whether a jury may find that the opening was withheld, which counts as a fault.

    It may if that is the claim; and in an audit, whose jurors get the key only from the contributor
    and its committee: a ring that forged would withhold it. An accuser holds the key.
    """
    return kind == CaseKind.ABSENCE or (kind == CaseKind.SEGMENT and not has_accuser)
