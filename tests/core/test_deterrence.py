"""Detection, bribed seats, audits and juries that colluders hold, against direct counting."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.core.detection import compute_detection
from walrusd.core.incentives import (
    GIVEN_ON,
    Rules,
    compute_accusation_gain,
    compute_bought_fees,
    compute_challenge_income,
    compute_contributor_income,
    compute_coverage,
    compute_detection_chances,
    compute_deterring_stake,
    compute_gain,
    compute_juror_income,
    compute_jury_rate,
    compute_place_chances,
    compute_tolerated_share,
    compute_verifier_income,
    list_forgeries,
)
from walrusd.core.juries import compute_capture, count_drawn

RULES = Rules(
    segments=64,
    committee=3,
    substitutes=4,
    segments_per_seat=2,
    jury=5,
    audit_bps=3_000,
    reward=1_000,
    stake=2_000,
    verifier_fee=50,
    juror_fee=50,
    verifier_stake=10_000,
)
shares = st.integers(0, 4).map(lambda n: Fraction(n, 4))


def count_outcomes(rules: Rules, forged: int, bribed: Fraction) -> tuple[Fraction, Fraction]:
    """Count every deal, every set of bribed seats and every place that the audit may draw."""
    seats, each = rules.committee, rules.segments_per_seat
    deals = list(combinations(range(rules.segments), forged))
    by_committee = by_audit = Fraction(0)
    for honest in product((True, False), repeat=seats):
        weight = Fraction(1)
        for seat in honest:
            weight *= 1 - bribed if seat else bribed
        for bad in deals:
            dealt = [
                [(seat * each + k) % rules.segments for k in range(each)] for seat in range(seats)
            ]
            met = any(h and set(d) & set(bad) for h, d in zip(honest, dealt, strict=True))
            if met:
                by_committee += weight / len(deals)
                continue
            hits = sum(place in bad for places in dealt for place in places)
            by_audit += weight / len(deals) * rules.audit * Fraction(hits, seats * each)
    return by_committee, by_audit


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), shares, st.data())
def test_outcomes_equal_counting(segments, committee, per_seat, bribed, data) -> None:
    per_seat = min(per_seat, segments)
    forged = data.draw(st.integers(0, segments))
    rules = replace(
        RULES, segments=segments, committee=committee, segments_per_seat=per_seat, audit_bps=2_500
    )
    found = compute_detection_chances(rules, forged, bribed)
    by_committee, by_audit = count_outcomes(rules, forged, bribed)
    assert abs(found.by_committee - by_committee) < Fraction(1, 1 << 120)
    # An audited place may be one of two that hold the same segment: exact without overlap.
    if committee * per_seat <= segments:
        assert abs(found.by_audit + found.by_ring_audit - by_audit) < Fraction(1, 1 << 120)


def test_without_bribes_the_committee_finds_what_coverage_says() -> None:
    assert compute_coverage(RULES) == Fraction(6, 64)
    found = compute_detection_chances(RULES, 1, Fraction(0))
    assert found.by_committee == Fraction(6, 64)
    assert found.by_audit == 0
    assert compute_coverage(replace(RULES, segments=4)) == 1


def test_when_every_seat_is_bribed_the_audit_finds_its_share() -> None:
    for forged in (1, 32, 64):
        found = compute_detection_chances(RULES, forged, Fraction(1))
        assert (found.by_committee, found.by_audit) == (0, 0)
        assert found.by_ring_audit == found.caught == Fraction(3 * forged, 640)


def count_place(rules: Rules, share: Fraction, jurors: Fraction) -> tuple[Fraction, ...]:
    """Follow an honest seat that accuses, seat by seat: convicted, attested, undecided."""
    captured = compute_capture(rules.jury, jurors)
    convicted = attested = Fraction(0)
    reached = Fraction(1)
    for further in range(min(GIVEN_ON, rules.substitutes) + 1):
        convicted += reached * (1 - captured)
        reached *= captured
        if further == min(GIVEN_ON, rules.substitutes):
            break
        attested += reached * share
        reached *= 1 - share
    return convicted, attested, reached


@given(shares, shares, st.integers(1, 16))
def test_a_place_ends_as_it_does_seat_by_seat(share, jurors, substitutes) -> None:
    rules = replace(RULES, substitutes=substitutes)
    found = compute_place_chances(rules, share, jurors)
    ends = (found.convicted, found.attested, found.undecided)
    assert ends == count_place(rules, share, jurors)
    assert sum(ends) == 1
    assert found.accusations >= 1


def test_a_captured_jury_finds_for_the_forger() -> None:
    free = compute_detection_chances(RULES, 64, Fraction(1, 2))
    half = compute_detection_chances(RULES, 64, Fraction(1, 2), Fraction(1, 2))
    # A half of the juries acquits; then a half of the next seats accuses again, four times.
    assert free.by_committee == Fraction(7, 8)
    assert half.by_committee == Fraction(7, 8) / 2 * sum(Fraction(1, 4) ** i for i in range(5))
    assert half.undecided == Fraction(7, 8) / 2 * Fraction(1, 4) ** 4
    assert half.by_ring_audit == free.by_ring_audit / 2
    assert half.caught + half.undecided + half.passed == 1
    # Three, four or five colluding jurors in 10, 5 and 1 of 32 juries.
    fees = Fraction(10 * 3 + 5 * 4 + 1 * 5, 32) * 50
    assert compute_bought_fees(RULES, Fraction(1, 2)) == fees
    assert free.bought_fees == 0 < half.bought_fees


def test_a_jury_is_captured_by_the_majority_of_its_seats() -> None:
    assert [compute_capture(5, Fraction(n, 2)) for n in range(3)] == [0, Fraction(1, 2), 1]
    assert compute_capture(3, Fraction(1, 3)) == Fraction(7, 27)


def test_a_ring_loses_the_lesser_of_its_seats_stakes_and_their_silence() -> None:
    found = compute_detection_chances(RULES, 64, Fraction(1))
    silence = 3 * 10 * 50
    for verifier_stake, lost in ((0, 0), (1_000, 1_000), (1_500, silence), (10_000, silence)):
        rules = replace(RULES, verifier_stake=verifier_stake)
        without = compute_gain(replace(rules, verifier_stake=0), 64, found)
        assert without - compute_gain(rules, 64, found) == found.by_ring_audit * lost


def test_what_deters_whoever_bribes_everybody_is_stake_and_audit() -> None:
    """`p·(R + P + min(V, m·Z)) > C`."""
    for audit_bps, deters in ((1_777, False), (1_778, True)):
        rules = replace(RULES, audit_bps=audit_bps)
        for forged in list_forgeries(rules):
            outcomes = compute_detection_chances(rules, forged, Fraction(1))
            assert (compute_gain(rules, forged, outcomes) < 0) is deters


@given(st.integers(1, 64), shares, st.integers(0, 5_000))
def test_the_deterring_stake_is_the_first_that_deters(forged, bribed, verifier_stake) -> None:
    rules = replace(RULES, verifier_stake=verifier_stake)
    outcomes = compute_detection_chances(rules, forged, bribed)
    stake = compute_deterring_stake(rules, forged, outcomes)
    assert compute_gain(replace(rules, stake=stake), forged, outcomes) < 0
    if stake:
        assert compute_gain(replace(rules, stake=stake - 1), forged, outcomes) >= 0


def test_without_audit_nothing_deters_who_bribes_everybody() -> None:
    rules = replace(RULES, audit_bps=0)
    assert (
        compute_deterring_stake(rules, 1, compute_detection_chances(rules, 1, Fraction(1))) is None
    )


@given(st.integers(1, 64), shares)
def test_no_forgery_between_the_ends_pays_more(forged, bribed) -> None:
    def gain(count: int) -> Fraction:
        return compute_gain(RULES, count, compute_detection_chances(RULES, count, bribed))

    assert gain(forged) <= max(gain(count) for count in list_forgeries(RULES))


def test_incomes_are_fees_less_the_cost_of_replays() -> None:
    assert RULES.work_cost == 800
    assert compute_verifier_income(RULES) == 50 - 25
    assert compute_juror_income(RULES) == 50 - Fraction(800, 64)
    assert compute_jury_rate(RULES) == Fraction(3, 10)
    assert (
        compute_contributor_income(RULES, 0, compute_detection_chances(RULES, 0, Fraction(0)))
        == 200
    )
    lazy = compute_detection_chances(RULES, 64, Fraction(0))
    assert compute_contributor_income(RULES, 64, lazy) == 200 + 800 - 3_000
    side = compute_gain(RULES, 1, compute_detection_chances(RULES, 1, Fraction(0)), side_gain=6_400)
    assert side == Fraction(800, 64) + Fraction(58, 64) * 6_400 - Fraction(6, 64) * 3_000


def test_accusing_pays_only_with_the_jury() -> None:
    assert count_drawn(5) == 8
    assert RULES.accusation == 8 * 50 + 10 * 50
    assert compute_accusation_gain(RULES, Fraction(0)) == -900
    assert compute_accusation_gain(RULES, Fraction(1)) == 250 + 5 * 50
    assert compute_challenge_income(RULES, Fraction(0)) == 250
    assert compute_challenge_income(RULES, Fraction(1)) == -900
    assert compute_challenge_income(replace(RULES, stake=100), Fraction(0)) == 20


def test_the_tolerated_share_is_where_something_begins_to_pay() -> None:
    share = compute_tolerated_share(RULES)
    assert share == Fraction(33, 100)
    assert compute_challenge_income(RULES, share) > 0 > compute_accusation_gain(RULES, share)
    assert compute_challenge_income(RULES, share + Fraction(1, 100)) < 0
    assert compute_tolerated_share(replace(RULES, stake=1)) < share
    assert compute_tolerated_share(replace(RULES, jury=15)) > share
    assert compute_tolerated_share(replace(RULES, verifier_fee=0, juror_fee=0)) == 0


def test_the_largest_terms_are_looked_at_quickly_and_exactly() -> None:
    large = replace(RULES, segments=1 << 20, committee=16, segments_per_seat=64, jury=15)
    small = replace(RULES, segments=100, committee=16, segments_per_seat=64)
    for rules in (large, small):
        found = compute_detection_chances(rules, 1, Fraction(1, 3))
        assert 0 < found.caught < 1
        assert found.caught.denominator.bit_length() < 512


@given(st.integers(1, 8), st.data())
def test_detection_equals_counting_all_draws(segments, data) -> None:
    forged = data.draw(st.integers(0, segments))
    replayed = data.draw(st.integers(0, segments))
    draws = list(combinations(range(segments), replayed))
    hits = sum(any(i < forged for i in draw) for draw in draws)
    assert compute_detection(segments, forged, replayed) == Fraction(hits, len(draws))


def test_full_coverage_always_detects() -> None:
    assert compute_detection(6, 1, 6) == 1
    assert compute_detection(6, 1, 99) == 1


def test_more_forged_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be forged"):
        compute_detection(4, 5, 1)
