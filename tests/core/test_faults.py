"""Whose fault it is: no error of ours, and none of the world, ever becomes an accusation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd import errors
from walrusd.core.faults import (
    CHARGE_TRAITS,
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
    naming_absence,
    raising_findings,
)
from walrusd.core.lifecycle import CaseKind
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
    CheckedPart.SEGMENT: CaseKind.SEGMENT,
    CheckedPart.UPDATE: CaseKind.UPDATE,
    CheckedPart.ROWS: CaseKind.ROWS,
    CheckedPart.COST: CaseKind.COST,
    CheckedPart.FILE: CaseKind.FILE,
}


@pytest.mark.parametrize("part", CheckedPart)
@pytest.mark.parametrize("cls", CLASSES)
def test_only_a_peers_fault_speaks_against_anybody(part: CheckedPart, cls) -> None:
    error = cls("x", kind=1, index=1)
    ground = compute_ground(part, error)
    if issubclass(cls, PartAbsent):
        assert ground is Ground.ABSENT
    elif issubclass(cls, OurFault | WorldFault):
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
unusable = st.lists(st.just(OpeningUnusable("cut")), max_size=1)
absent = st.none() | st.just(PartAbsent("gone"))


@given(frauds, unusable, absent, st.booleans(), st.booleans())
def test_a_verdict_is_attested_only_if_nothing_is_wrong(
    found, cut, gone, may_accuse, may_report
) -> None:
    findings = [*cut, *found]
    verdict = decide_verdict(findings, gone, may_accuse=may_accuse, may_report=may_report)
    assert (verdict.action is SeatAction.ATTEST) == (not findings and gone is None)
    match verdict.action:
        case SeatAction.ACCUSE:
            assert may_accuse
            assert verdict.charge == charge_of(verdict.error)
        case SeatAction.REPORT:
            assert may_report
            assert not findings
            assert verdict.error is gone
        case SeatAction.STAND_BY:
            assert verdict.error is not None
    if findings:
        assert verdict.action is (SeatAction.ACCUSE if may_accuse else SeatAction.STAND_BY)
        assert isinstance(verdict.error, FraudFound if found else OpeningUnusable)


def test_an_opening_of_no_use_is_a_charge_of_its_own() -> None:
    assert charge_of(OpeningUnusable("cut")) == Charge(CaseKind.OPENING)


def test_every_kind_is_classified() -> None:
    assert set(CHARGE_TRAITS) == set(CaseKind)


def test_the_identity_of_a_charge_is_what_records_hold() -> None:
    assert [Charge(kind).identity for kind in CaseKind] == [
        "SEGMENT(0)",
        "UPDATE",
        "ROWS(0)",
        "COST",
        "FILE",
        "OPENING",
        "ABSENCE",
    ]
    assert Charge(CaseKind.SEGMENT, 3).identity == "SEGMENT(3)"
    assert Charge(CaseKind.ROWS, 7).identity == "ROWS(7)"


def test_no_two_charges_have_one_identity() -> None:
    known = [Charge(kind, index) for kind in CaseKind for index in range(12)]
    assert len({charge.identity for charge in known}) == len(known)


def test_a_missing_part_is_waited_for() -> None:
    window = {"opened_ms": 1_000, "verify_ms": 400}
    assert not is_patience_over(absences=2, now_ms=9_999, **window)
    assert not is_patience_over(absences=9, now_ms=1_099, **window)
    assert is_patience_over(absences=3, now_ms=1_100, **window)


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


def test_what_needs_no_opening_is_public() -> None:
    assert [kind for kind in CaseKind if Charge(kind).is_public] == [CaseKind.FILE]
