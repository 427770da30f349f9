import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.crypto import merkle
from walrusd.crypto.pedersen import rows
from walrusd.crypto.pedersen.folding import combine_rows, fold_wide
from walrusd.crypto.pedersen.g1 import (
    IDENTITY_BYTES,
    H,
    Q,
    compute_generator,
    encode_point,
    multiply,
    sum_points,
)
from walrusd.errors import MalformedData, UpdateOverflow, VerificationFailed

N = 8
INT32 = np.iinfo(np.int32)
GOLDEN_BLINDING = "72af1dc3b01a4618502d3ebba2afd455a178bca7decb781338a0c9648ce01a20"
RNG = np.random.default_rng(7)


def compute_aggregate(updates, weights):
    total = rows.RunningSum()
    for update, weight in zip(updates, weights, strict=True):
        total.add(update, weight)
    return total.vector


def random_update(entries=21):
    return RNG.integers(INT32.min, INT32.max, entries, dtype=np.int32, endpoint=True)


def make(entries=21):
    update = random_update(entries)
    count = rows.compute_row_count(entries, N)
    blindings = rows.derive_row_blindings(bytes(32), b"t" * 32, b"c" * 32, b"u" * 32, count)
    return update, blindings, rows.commit_rows(update, blindings, N)


@settings(max_examples=30)
@given(st.data())
def test_folding_is_exact(data):
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    entry = st.integers(-(2**31), 2**31) | st.sampled_from([-(2**31), 2**31])
    matrix = [[data.draw(entry) for _ in range(width)] for _ in range(height)]
    coefficients = [data.draw(st.integers(0, 2**128 - 1)) for _ in range(height)]
    expected = [
        sum(c * row[i] for c, row in zip(coefficients, matrix, strict=True)) for i in range(width)
    ]
    assert combine_rows(np.array(matrix, np.int64), coefficients).tolist() == expected
    wide = [[x * 2**30 for x in row] for row in matrix]
    if max(abs(x) for row in wide for x in row) < 2**62:
        found = fold_wide(np.array(wide, np.int64), coefficients).tolist()
        assert found == [x * 2**30 for x in expected]


@pytest.mark.parametrize("value", [-(2**31), 2**31])
@pytest.mark.parametrize("limb", [2**12 - 1, 2**12])
def test_folding_is_exact_at_the_bound(value, limb):
    """2500 rows of the largest entries against the largest limbs: sums reach 2**53."""
    coefficient = sum(limb << (13 * i) for i in range(9)) % 2**128
    matrix = np.full((2500, 2), value, np.int64)
    matrix[1::2, 1] = -value
    assert combine_rows(matrix, [coefficient] * 2500).tolist() == [2500 * coefficient * value, 0]


@pytest.mark.parametrize("bits", range(140))
def test_every_width_of_coefficient_folds(bits):
    coefficients = [2**bits - 1, 2**bits, -(2**bits), 1 - 2**bits]
    for coefficient in coefficients:
        assert combine_rows(np.array([[-3]]), [coefficient]).tolist() == [-3 * coefficient]


def test_folding_refuses_what_it_cannot_do_exactly():
    with pytest.raises(ValueError, match="too large"):
        combine_rows(np.array([[2**31 + 1]]), [1])
    with pytest.raises(ValueError, match="coefficients"):
        combine_rows(np.array([[1]]), [1, 2])


def test_commitment_is_its_definition():
    update, blindings, commitments = make()
    padded = [*update.tolist(), 0, 0, 0]
    for j, commitment in enumerate(commitments):
        terms = [multiply(compute_generator(i), padded[j * N + i]) for i in range(N)]
        assert commitment == encode_point(sum_points([*terms, multiply(H, blindings[j])]))


def test_pieces_give_the_same_commitments():
    update, blindings, commitments = make()
    assert rows.commit_rows(update[:8], blindings[:1], N) == commitments[:1]
    assert rows.commit_rows(update[8:], blindings[1:], N) == commitments[1:]


@pytest.mark.parametrize("entries", [1, 8, 9, 64])
def test_rows_open(entries):
    update, blindings, commitments = make(entries)
    rows.verify_rows(update, blindings, commitments, N)
    for j, commitment in enumerate(commitments):
        row = update[j * N : (j + 1) * N]
        rows.verify_row_commitment(row, blindings[j], commitment, N)


def test_extremes_open():
    for value in (INT32.min, INT32.max, 0, -1):
        update = np.full(N, value, np.int32)
        rows.verify_rows(update, [5], rows.commit_rows(update, [5], N), N)


def test_any_change_is_found():
    update, blindings, commitments = make()
    for position in range(update.size):
        changed = update.copy()
        changed[position] ^= 1
        with pytest.raises(VerificationFailed):
            rows.verify_rows(changed, blindings, commitments, N)
    with pytest.raises(VerificationFailed):
        rows.verify_rows(update, [blindings[0] + 1, *blindings[1:]], commitments, N)
    with pytest.raises(VerificationFailed):
        rows.verify_rows(update, blindings, [commitments[1], commitments[0], commitments[2]], N)
    with pytest.raises(VerificationFailed):
        rows.verify_row_commitment(update[:8], blindings[0], commitments[1], N)


def test_shapes_are_checked():
    update, blindings, commitments = make()
    with pytest.raises(MalformedData):
        rows.verify_rows(update, blindings, commitments[:-1], N)
    with pytest.raises(MalformedData):
        rows.verify_rows(update, blindings[:-1], commitments, N)
    with refused("data.point", "identity"):
        rows.verify_rows(update, blindings, [IDENTITY_BYTES, *commitments[1:]], N)
    with refused("data.malformed", "most"):
        rows.verify_row_commitment(update[:9], blindings[0], commitments[0], N)
    for bad in (update.astype(np.int64), update[:0], update.reshape(3, 7)):
        with pytest.raises(ValueError, match="vector"):
            rows.commit_rows(bad, blindings, N)
    with pytest.raises(ValueError, match="argument"):
        rows.commit_rows(update, blindings[:-1], N)


def test_blinding_depends_on_everything():
    base = (b"s" * 32, b"t" * 32, b"c" * 32, b"u" * 32, 0)
    seen = {rows.derive_row_blinding(*base)}
    for position in range(5):
        fields = list(base)
        fields[position] = b"x" * 32 if position < 4 else 1
        seen.add(rows.derive_row_blinding(*fields))
    assert len(seen) == 6
    assert all(0 <= blinding < Q for blinding in seen)
    assert rows.derive_row_blindings(*base[:4], 3)[0] == rows.derive_row_blinding(*base)
    assert f"{rows.derive_row_blinding(*base):064x}" == GOLDEN_BLINDING


@settings(max_examples=10)
@given(st.lists(st.integers(1, 2**16), min_size=1, max_size=4))
def test_aggregate_verifies_and_changes_do_not(weights):
    made = [make() for _ in weights]
    aggregate = compute_aggregate((update for update, _, _ in made), weights)
    expected = [
        sum(w * int(update[i]) for w, (update, _, _) in zip(weights, made, strict=True))
        for i in range(21)
    ]
    assert aggregate.tolist() == expected
    commitments = [column for _, _, column in made]
    summed = rows.sum_blindings([blindings for _, blindings, _ in made], weights)
    rows.verify_aggregate(aggregate, weights, commitments, summed, N)
    changed = aggregate.copy()
    changed[17] += 1
    with pytest.raises(VerificationFailed):
        rows.verify_aggregate(changed, weights, commitments, summed, N)
    with pytest.raises(VerificationFailed):
        rows.verify_aggregate(aggregate, [weights[0] + 1, *weights[1:]], commitments, summed, N)
    with pytest.raises(VerificationFailed):
        rows.verify_aggregate(aggregate, weights, commitments, [summed[0] + 1, *summed[1:]], N)


def test_aggregate_shapes_are_checked():
    update, blindings, commitments = make()
    aggregate = compute_aggregate([update], [1])
    for weights, columns, summed in (
        ([], [], blindings),
        ([1, 1], [commitments], blindings),
        ([1], [commitments[:-1]], blindings),
        ([1], [commitments], blindings[:-1]),
    ):
        with pytest.raises(MalformedData):
            rows.verify_aggregate(aggregate, weights, columns, summed, N)
    for value in (2**62, -(2**62) - 1, np.iinfo(np.int64).min):
        huge = aggregate.copy()
        huge[0] = value
        with refused("data.malformed", "62"):
            rows.verify_aggregate(huge, [1], [commitments], blindings, N)


def test_overflow_is_refused_before_it_happens():
    top = np.full(2, INT32.min, np.int32)
    assert compute_aggregate([top], [2**31 - 1]).tolist() == [-(2**62) + 2**31] * 2
    for weights in ([2**31], [2**30, 2**30], [2**70]):
        with pytest.raises(UpdateOverflow):
            compute_aggregate([top] * len(weights), weights)


def test_aggregate_refuses_bad_input():
    update = random_update()
    for updates, weights in (
        ([], []),
        ([update], [1, 1]),
        ([update], [0]),
        ([update], [-1]),
        ([update.astype(np.int64)], [1]),
        ([update, update[:-1]], [1, 1]),
    ):
        with pytest.raises(ValueError, match=r"aggregate|argument"):
            compute_aggregate(updates, weights)
    with pytest.raises(ValueError, match="argument"):
        rows.sum_blindings([[1, 2], [1]], [1, 1])


def test_scheme_root_is_over_single_commitments():
    _, _, commitments = make()
    counted = [b"\x30" + commitment for commitment in commitments]
    assert rows.compute_scheme_root(commitments) == merkle.compute_root(counted)


@pytest.mark.slow
def test_a_full_row_opens():
    update = RNG.integers(-(2**24), 2**24, 5000).astype(np.int32)
    commitments = rows.commit_rows(update, [3, 4])
    assert len(commitments) == 2
    rows.verify_rows(update, [3, 4], commitments)
