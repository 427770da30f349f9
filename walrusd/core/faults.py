"""Whose fault it is that a submission cannot be attested, and what a seat does about it.

There are four grounds:

- FRAUD: the committed work contradicts itself. Everyone who reads the opening finds the same, so a
  jury can judge it: the seat accuses.
- UNUSABLE: the opening can be had, but it is incomplete or not what the roots say. That, too,
  everyone finds: the seat accuses the opening.
- ABSENT: what the opening consists of cannot be had. Nobody can judge what he has not read: the
  seat reports, and most of a committee must before it matters.
- OURS: this machine or its network, or no one's fault. The seat waits and tries again.
"""

from collections.abc import Iterator, Sequence
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

FIRST_ATTEMPT = 1
"""The number of the first attempt at opening."""


class Ground(Enum):
    """What an error means for the contributor whose work was examined."""

    FRAUD = "fraud"
    UNUSABLE = "unusable"
    ABSENT = "absent"
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
    CaseKind.OPENING: ChargeTraits(),
    CaseKind.ABSENCE: ChargeTraits(),
}


@dataclass(frozen=True, order=True)
class Charge:
    """What a jury can be asked: a case's kind, and the segment or row it is about, or 0."""

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
    """Return whether nobody, for whom 0x0 stands, brought a case before its jury."""
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
    if isinstance(error, PartAbsent):
        return Ground.ABSENT
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
            case Ground.ABSENT | Ground.OURS:
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


def charge_of(finding: FraudFound | OpeningUnusable) -> Charge:
    """Return what a jury would be asked about a finding."""
    if isinstance(finding, OpeningUnusable):
        return Charge(CaseKind.OPENING)
    return Charge(CaseKind(finding.fields["kind"]), finding.fields["index"])


class SeatAction(Enum):
    """What a seat does about a submission."""

    ATTEST = "attest"
    ACCUSE = "accuse"
    REPORT = "report"
    STAND_BY = "stand_by"
    """Do nothing more: it has said what it may say."""


@dataclass(frozen=True)
class Verdict:
    """An action, and the finding that explains it; ``charge`` is what an accusation is about."""

    action: SeatAction
    error: WalrusdError | None = None
    charge: Charge | None = None


def decide_verdict(
    findings: Sequence[FraudFound | OpeningUnusable],
    absent: PartAbsent | None,
    *,
    may_accuse: bool,
    may_report: bool,
) -> Verdict:
    """Return what a seat does about its findings, the most telling first.

    A fault that everyone finds decides the case, so it comes before what is absent, and what proves
    a forgery before what proves a careless opening. Nothing is attested while anything is wrong.
    ``may_accuse``: the seat has not yet accused this submission. ``may_report``: it has not yet
    reported this attempt, and no jury has been asked.
    """
    frauds = [each for each in findings if isinstance(each, FraudFound)]
    first = next(iter([*frauds, *findings]), None)
    if first is not None:
        action = SeatAction.ACCUSE if may_accuse else SeatAction.STAND_BY
        return Verdict(action, first, charge_of(first))
    if absent is not None:
        return Verdict(SeatAction.REPORT if may_report else SeatAction.STAND_BY, absent)
    return Verdict(SeatAction.ATTEST)


def is_patience_over(*, absences: int, opened_ms: int, verify_ms: int, now_ms: int) -> bool:
    """Return whether enough fetches over enough time have failed to call a blob missing."""
    return absences >= MIN_ABSENCES and now_ms >= opened_ms + verify_ms // PATIENCE_SHARE
