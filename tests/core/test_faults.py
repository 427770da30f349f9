"""Whose fault it is: no error of ours, and none of the world, ever becomes an accusation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd import errors
from walrusd.core.faults import (
    CHARGE_TRAITS,
    NO_KEY,
    Charge,
    CheckedPart,
    Ground,
    SeatAction,
    charge_of,
    compute_ground,
    decide_verdict,
    is_audit,
    is_patience_over,
    make_fraud,
    may_complain,
    may_find_withheld,
    naming_absence,
    raising_findings,
)
from walrusd.core.lifecycle import ChallengeKind
from walrusd.errors import (
    BlobCorrupt,
    BlobNotFound,
    BlobTooLarge,
    FraudFound,
    MalformedData,
    ObjectUnreadable,
    OpeningUnusable,
    OurFault,
    PartAbsent,
    PeerFault,
    WalrusdError,
    WorldFault,
)

CLASSES = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, WalrusdError) and "code" in vars(cls)
]
FRAUDS = {
    CheckedPart.SEGMENT: ChallengeKind.SEGMENT,
    CheckedPart.UPDATE: ChallengeKind.UPDATE,
    CheckedPart.ROWS: ChallengeKind.ROWS,
    CheckedPart.COST: ChallengeKind.COST,
    CheckedPart.FILE: ChallengeKind.FILE,
}


@pytest.mark.parametrize("part", CheckedPart)
@pytest.mark.parametrize("cls", CLASSES)
def test_only_a_peers_fault_speaks_against_anybody(part: CheckedPart, cls) -> None:
    error = cls("x", kind=1, index=1)
    ground = compute_ground(part, error)
    if issubclass(cls, OurFault | WorldFault):
        assert ground is Ground.OURS
    elif issubclass(cls, PeerFault) and not issubclass(cls, FraudFound | OpeningUnusable):
        assert (ground is Ground.FRAUD) == (part in FRAUDS)


@pytest.mark.parametrize("part", FRAUDS)
def test_a_peers_fault_in_a_part_is_the_charge_of_that_part(part: CheckedPart) -> None:
    with pytest.raises(FraudFound) as caught, raising_findings(part, 7):
        raise MalformedData("bad")
    assert charge_of(caught.value) == Charge(FRAUDS[part], 7)


def test_what_is_found_further_in_keeps_its_meaning() -> None:
    with pytest.raises(OpeningUnusable), raising_findings(CheckedPart.FILE):
        raise OpeningUnusable("cut")
    with (
        pytest.raises(FraudFound) as caught,
        raising_findings(CheckedPart.OPENING),
        raising_findings(CheckedPart.ROWS, 3),
    ):
        raise MalformedData("bad")
    assert str(charge_of(caught.value)) == "ROWS(3)"
    with pytest.raises(BlobCorrupt), raising_findings(CheckedPart.TASK):
        raise BlobCorrupt("an endpoint lies")
    with pytest.raises(OpeningUnusable), raising_findings(CheckedPart.TASK):
        raise MalformedData("the plan is none")


@pytest.mark.parametrize("part", CheckedPart)
@pytest.mark.parametrize("error", [BlobCorrupt, BlobTooLarge, BlobNotFound, ObjectUnreadable])
def test_what_an_endpoint_has_spoilt_speaks_against_nobody(part: CheckedPart, error) -> None:
    with pytest.raises(error), raising_findings(part):
        raise error("an endpoint errs", agreed=True)


frauds = st.lists(
    st.builds(make_fraud, st.sampled_from(list(FRAUDS)), st.integers(0, 9), st.just("bad")),
    max_size=4,
)
charges = st.sets(st.builds(Charge, st.sampled_from(ChallengeKind), st.integers(0, 9)))


@given(frauds, st.none() | st.just(OpeningUnusable("cut")), charges, st.booleans())
def test_a_verdict_is_attested_only_if_nothing_is_wrong(found, unusable, judged, reopened) -> None:
    verdict = decide_verdict(found, unusable, judged=judged, reopened=reopened)
    assert (verdict.action is SeatAction.ATTEST) == (not found and unusable is None)
    match verdict.action:
        case SeatAction.CHALLENGE:
            assert isinstance(verdict.error, FraudFound)
            assert charge_of(verdict.error) not in judged
        case SeatAction.REPORT:
            assert not reopened
        case SeatAction.CLAIM_UNAVAILABLE:
            assert reopened
            assert Charge(ChallengeKind.UNAVAILABLE) not in judged
        case SeatAction.STAND_BY:
            assert verdict.error is not None
    if any(charge_of(fraud) not in judged for fraud in found):
        assert verdict.action is SeatAction.CHALLENGE


def test_every_kind_is_classified() -> None:
    assert set(CHARGE_TRAITS) == set(ChallengeKind)


def test_the_identity_of_a_charge_is_what_earlier_versions_wrote() -> None:
    assert [Charge(kind).identity for kind in ChallengeKind] == [
        "SEGMENT(0)",
        "UPDATE",
        "ROWS(0)",
        "COST",
        "FILE",
        "UNAVAILABLE",
    ]
    assert Charge(ChallengeKind.SEGMENT, 3).identity == "SEGMENT(3)"
    assert Charge(ChallengeKind.ROWS, 7).identity == "ROWS(7)"


def test_no_two_charges_have_one_identity() -> None:
    known = [Charge(kind, index) for kind in ChallengeKind for index in range(12)]
    assert len({charge.identity for charge in known}) == len(known)


def test_a_missing_part_is_waited_for() -> None:
    window = {"opened_ms": 1_000, "verify_ms": 400}
    assert not is_patience_over(absences=2, now_ms=9_999, **window)
    assert not is_patience_over(absences=9, now_ms=1_099, **window)
    assert is_patience_over(absences=3, now_ms=1_100, **window)


def test_only_what_other_holders_can_mend_is_waited_for() -> None:
    no_key, cut = OpeningUnusable("x", cause=NO_KEY), OpeningUnusable("x")
    early = {"waited_ms": 624, "window_ms": 1_000}
    assert may_complain(no_key, others_know=False, **early)
    assert may_complain(cut, others_know=True, **early)
    assert not may_complain(no_key, others_know=True, **early)
    assert may_complain(no_key, others_know=True, waited_ms=625, window_ms=1_000)


@pytest.mark.parametrize(
    "error",
    [BlobNotFound("none has it"), BlobTooLarge("too long"), BlobTooLarge("too long", agreed=True)],
)
def test_a_blob_that_nobody_can_deliver_is_absent(error) -> None:
    with pytest.raises(PartAbsent), naming_absence():
        raise error


@pytest.mark.parametrize("error", [BlobTooLarge("one says so", agreed=False), BlobCorrupt("bad")])
def test_what_one_endpoint_says_is_no_absence(error) -> None:
    with pytest.raises(type(error)), naming_absence():
        raise error


def test_only_the_draw_accuses_for_an_audit() -> None:
    assert is_audit("0x0")
    assert is_audit("0x" + "0" * 64)
    assert not is_audit("0x" + "0" * 63 + "1")


@pytest.mark.parametrize("kind", ChallengeKind)
@pytest.mark.parametrize("has_accuser", [True, False])
def test_a_withheld_opening_is_a_fault_if_that_is_the_claim_or_nobody_else_has_the_key(
    kind, has_accuser
) -> None:
    claimed = kind is ChallengeKind.UNAVAILABLE
    audited = kind is ChallengeKind.SEGMENT and not has_accuser
    assert may_find_withheld(kind, has_accuser=has_accuser) == (claimed or audited)


def test_what_needs_no_opening_is_public() -> None:
    assert [kind for kind in ChallengeKind if Charge(kind).is_public] == [ChallengeKind.FILE]
