import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from walrusd.errors import MalformedData, NonFiniteValue
from walrusd.training.run.state import (
    State,
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.weights import (
    compute_state_root_0,
    init_weights,
    weights_from_bytes,
    weights_to_bytes,
)


def test_initial_weights_follow_from_the_plan(plan):
    weights = init_weights(plan)
    assert {n: w.shape for n, w in weights.items()} == {
        t.name: t.shape for t in plan.model.tensors()
    }
    matrix = weights["linear00.weight"]
    assert np.abs(matrix).max() <= np.sqrt(6 / 12)
    assert np.abs(matrix).max() > 0.6
    assert not weights["linear01.bias"].any()
    assert len({w.tobytes() for w in weights.values()}) == len(weights)


def test_state_round_trip_and_layout(plan, trained):
    states, _records = trained
    for segment, data in enumerate(states):
        state = deserialize_state(plan, data)
        assert state.step == 4 * segment
        assert serialize_state(plan, state) == data
        first = plan.model.tensors()[0]
        assert data[: 4 * first.size] == state.weights[first.name].tobytes()
        assert data[-8:] == state.step.to_bytes(8, "little")
    assert any(deserialize_state(plan, states[1]).slots[0]["linear00.weight"].reshape(-1))


def test_negative_zero_is_normalised_when_written_and_refused_when_read(plan, state_0):
    weights = init_weights(plan)
    weights["linear00.bias"][:] = -0.0
    assert np.signbit(weights["linear00.bias"]).all()
    assert serialize_state(plan, initial_state(plan, weights)) == state_0
    assert weights_to_bytes(plan, weights) == weights_to_bytes(plan, init_weights(plan))
    forged = bytearray(state_0)
    assert forged[3] == 0
    forged[3] = 0x80
    with pytest.raises(MalformedData, match="negative zero"):
        deserialize_state(plan, bytes(forged))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_values_are_refused(plan, value):
    weights = init_weights(plan)
    weights["linear01.weight"][2, 3] = value
    with pytest.raises(NonFiniteValue, match=r"linear01\.weight"):
        initial_state(plan, weights)
    with pytest.raises(NonFiniteValue):
        weights_from_bytes(plan, save(weights))


def test_malformed_states_are_refused(plan, state_0):
    with pytest.raises(MalformedData, match="bytes"):
        deserialize_state(plan, state_0[:-1])
    with pytest.raises(MalformedData, match="boundary"):
        deserialize_state(plan, state_0[:-8] + (3).to_bytes(8, "little"))
    with pytest.raises(MalformedData, match="boundary"):
        deserialize_state(plan, state_0[:-8] + (16).to_bytes(8, "little"))


def test_weights_of_another_model_are_refused(plan):
    weights = init_weights(plan)
    for change in (
        {"extra": np.zeros(1, np.float32)},
        {"linear00.bias": np.zeros(15, np.float32)},
        {"linear00.bias": np.zeros(16, np.float64)},
    ):
        with pytest.raises(MalformedData):
            weights_from_bytes(plan, save({**weights, **change}))
    del weights["linear00.bias"]
    with pytest.raises(MalformedData, match=r"linear00\.bias"):
        weights_from_bytes(plan, save(weights))
    with pytest.raises(MalformedData, match="safetensors"):
        weights_from_bytes(plan, b"\x08")


def test_weights_travel_unchanged_and_without_metadata(plan):
    weights = init_weights(plan)
    data = weights_to_bytes(plan, dict(reversed(weights.items())))
    assert data == weights_to_bytes(plan, weights)
    assert b"__metadata__" not in data
    back = weights_from_bytes(plan, data)
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


def test_state_root_binds_every_byte(plan, state_0):
    root = compute_state_root(plan, state_0)
    assert root == compute_state_root_0(plan, init_weights(plan))
    roots = {root}
    for place in (0, len(state_0) // 2, len(state_0) - 8):
        changed = bytearray(state_0)
        changed[place] ^= 1
        roots.add(compute_state_root(plan, bytes(changed)))
    assert len(roots) == 4


@given(step=st.sampled_from([0, 4, 8, 12]), value=st.floats(width=32, allow_nan=False))
def test_any_finite_state_round_trips(plan, step, value):
    weights = {n: np.full_like(w, value) for n, w in init_weights(plan).items()}
    state = State(weights, (weights,), step)
    if not np.isfinite(value):
        with pytest.raises(NonFiniteValue):
            serialize_state(plan, state)
        return
    back = deserialize_state(plan, serialize_state(plan, state))
    assert back.step == step
    assert all(np.array_equal(back.slots[0][name], weights[name]) for name in weights)
