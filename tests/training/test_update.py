import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import MalformedData, NonFiniteValue, UpdateOverflow
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.costs import (
    SegmentCosts,
    compute_segment_costs,
    compute_step_costs,
    costs_from_bytes,
    costs_to_bytes,
    digest_step_costs,
)
from walrusd.training.run.state import deserialize_state
from walrusd.training.run.update import (
    apply_aggregate,
    compute_cost,
    compute_step_cost,
    compute_update,
    flatten_weights,
    unflatten_weights,
    update_to_bytes,
)
from walrusd.training.run.weights import init_weights


def shifted(plan, value):
    flat = flatten_weights(plan, init_weights(plan))
    return unflatten_weights(plan, np.full_like(flat, value))


def test_flat_order_is_name_order(plan):
    weights = init_weights(plan)
    flat = flatten_weights(plan, weights)
    assert np.array_equal(flat[:16], weights["linear00.bias"])
    assert np.array_equal(flat[16:208], weights["linear00.weight"].reshape(-1))
    back = unflatten_weights(plan, flat)
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    ("units", "rounded"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (7.25, 7)]
)
def test_rounding_is_half_to_even(plan, units, rounded):
    update = compute_update(plan, shifted(plan, 0.0), shifted(plan, units * 2.0**-20))
    assert update.dtype == np.int32
    assert set(update.tolist()) == {rounded}


def test_overflow_is_an_error_at_the_declared_bits(plan):
    limit = 2**23 - 1
    start, end = shifted(plan, 0.0), shifted(plan, limit * 2.0**-20)
    assert compute_update(plan, start, end).max() == limit
    assert compute_update(plan, end, start).min() == -limit
    with pytest.raises(UpdateOverflow, match="24 bits") as caught:
        compute_update(plan, start, shifted(plan, -8.0))
    assert "value_bits" in caught.value.hint


def test_update_bytes_are_little_endian(plan):
    update = np.arange(plan.weight_count, dtype=np.int32) - 100
    data = update_to_bytes(update)
    assert data[:4] == (-100).to_bytes(4, "little", signed=True)
    assert np.array_equal(np.frombuffer(data, "<i4"), update)


def test_one_update_applied_is_training_rounded_to_the_grid(plan, trained):
    states, _records = trained
    start = deserialize_state(plan, states[0]).weights
    end = deserialize_state(plan, states[-1]).weights
    update = compute_update(plan, start, end)
    new = apply_aggregate(plan, start, update.astype(np.int64), 1)
    for name, tensor in end.items():
        assert np.abs(new[name] - tensor).max() <= 2.0**-20
    same = apply_aggregate(plan, start, 7 * update.astype(np.int64), 7)
    assert all(np.array_equal(same[name], new[name]) for name in new)


@given(total=st.integers(1, 2**40), value=st.integers(-(2**52), 2**52))
def test_aggregate_is_near_the_rational_number(document, total, value):
    plan = read_plan(document())
    start = shifted(plan, 0.25)
    result = apply_aggregate(plan, start, np.full(plan.weight_count, value), total)
    exact = Fraction(1, 4) + Fraction(value, total << 20)
    found = Fraction(float(result["linear00.bias"][0]))
    assert abs(found - exact) <= abs(exact) / 2**23 + Fraction(1, 2**50)


def test_impossible_aggregates_are_refused(plan):
    start = init_weights(plan)
    count = plan.weight_count
    with pytest.raises(MalformedData):
        apply_aggregate(plan, start, np.zeros(count + 1, np.int64), 1)
    with pytest.raises(MalformedData):
        apply_aggregate(plan, start, np.zeros(count, np.int64), 0)
    for value in (2**53 + 1, -(2**63)):
        with pytest.raises(UpdateOverflow):
            apply_aggregate(plan, start, np.full(count, value), 1)


def test_cost_is_the_exact_mean():
    assert compute_cost([1.0, 2.0]) == 3 << 31
    assert compute_cost([2.0**-33]) == 0  # half to even
    assert compute_cost([3 * 2.0**-33]) == 2
    assert compute_cost([2.0**-149] * 3 + [1.0]) == 1 << 30


losses = st.floats(0.0, 1e9, width=32)


@given(st.lists(losses, min_size=1, max_size=40))
def test_a_cost_is_rounded_once(values):
    mean = sum(map(Fraction, values), Fraction(0)) / len(values)
    assert compute_cost(values) == round(mean * 2**32)


@given(st.lists(st.lists(losses, min_size=1, max_size=3), min_size=1, max_size=9))
def test_the_costs_of_a_segment_stand_for_its_losses(steps):
    costs = compute_step_costs(steps)
    found = compute_segment_costs(steps)
    assert costs.tolist() == [compute_step_cost(step) for step in steps]
    assert np.array_equal(costs_from_bytes(costs_to_bytes(costs)), costs)
    assert found == SegmentCosts.from_json(json.loads(json.dumps(found.to_json())))
    assert (found.steps, found.digest) == (len(steps), digest_step_costs(costs))
    assert found.final == compute_cost(loss for step in steps for loss in step)
    costs[-1] += 1
    assert digest_step_costs(costs) != found.digest


@given(st.lists(st.floats(0, 2.0**60, width=32), min_size=1, max_size=40))
def test_the_cost_of_a_step_is_the_rational_mean_rounded_once(losses):
    exact = round(sum(map(Fraction, losses)) * 2**32 / len(losses))
    assert compute_step_cost(losses) == min(exact, 2**63 - 1)


def test_a_sum_of_floats_would_give_another_cost_of_a_step():
    """It would also depend on the version of Python: from 3.12 on ``sum`` compensates."""
    assert compute_step_cost([2.0**20, 2.0**-31, 0.0, 0.0]) == 2**50
    assert compute_step_cost([2.0**20, 2.0**-31, 2.0**-60, 0.0]) == 2**50 + 1


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), 2.0**40])
def test_costs_without_meaning_are_refused(bad):
    with pytest.raises(NonFiniteValue):
        compute_cost([1.0, bad])
    with pytest.raises(MalformedData):
        compute_cost([])
