"""The files of ``tests/vectors/training`` against the implementation in NumPy."""

import hashlib

import numpy as np
import pytest

from tests.training import oracle
from tests.training.oracle import optimizers, stream
from tests.training.oracle.aborts import Abort
from tests.training.oracle.reals import rate_at
from tests.training.oracle.run import compute_cost, compute_step_cost
from tests.training.vectors import forms
from tests.training.vectors.files import load


def numbers(values, kind=np.float32):
    read = np.vectorize(float.fromhex, otypes=[np.float64])
    return read(np.array(values)).astype(kind)


def number(text):
    return np.float32(float.fromhex(text))


@pytest.mark.parametrize("name", ["exp2", "exp", "log", "sqrt", "rsqrt"])
def test_functions(name):
    function = {"rsqrt": "reciprocal_sqrt"}.get(name, name)
    arguments, expected = zip(*load("functions")[name], strict=True)
    found = getattr(oracle, function)(numbers(arguments))
    assert found.dtype == np.float32
    assert found.tolist() == numbers(expected).tolist()


def test_folds_and_grids():
    for case in load("functions")["fold"]:
        values = numbers(case["values"])
        assert oracle.fold(values) == number(case["fold"])
        assert oracle.mean(values) == number(case["mean"])
    for case in load("grids")["grids"]:
        integers, exponent = oracle.grid(numbers(case["values"], np.float64))
        assert integers.tolist() == case["integers"]
        assert exponent == case["unit_exponent"]


def test_products():
    told = load("grids")
    small = told["product"]
    product = oracle.mm(numbers(small["left"]), numbers(small["right"]))
    assert product.tolist() == numbers(small["product"]).tolist()
    sums = oracle.sum_rows(product)
    assert sums.tolist() == numbers(told["exact_sums_of_its_columns"]).tolist()
    long, seed = told["long_product"], bytes.fromhex(told["seed"])
    drawn = [
        stream.uniform(seed, 0, name, tuple(shape), float.fromhex(bound))
        for name, shape, bound in (long["drawn"]["left"], long["drawn"]["right"])
    ]
    assert oracle.mm(*drawn).tolist() == numbers(long["product"]).tolist()


def test_random_numbers():
    told = load("random")
    seed = bytes.fromhex(told["seed"])
    for case in told["streams"]:
        assert stream.stream(seed, case["step"], case["name"], 40).hex() == case["bytes"]
    taken = told["steps"]
    for step, rows in enumerate(taken["from_step_1"], 1):
        assert list(stream.batch_rows(seed, step, taken["batch"], taken["rows"])) == rows
    mask = told["dropout"]
    name = f"dropout/{mask['micro_batch']}/{mask['name']}"
    kept = stream.kept(seed, mask["step"], name, (24,), mask["threshold"])
    assert kept.astype(int).tolist() == mask["kept"]


def test_rates():
    for case in load("rates")["rates"]:
        schedule = case["schedule"] | {"floor": float.fromhex(case["schedule"]["floor"])}
        for step, rate in case["rates"]:
            found = rate_at(schedule, float.fromhex(case["lr"]), step, case["steps"])
            assert found == number(rate), case


def test_optimizers():
    told = load("optimizers")
    steps = list(zip(told["gradients"], map(number, told["rates"]), strict=True))
    momentum = number(told["sgd"]["momentum"])
    p, m = numbers(told["weights"]), np.zeros(4, np.float32)
    for after, (gradient, rate) in zip(told["sgd"]["steps"], steps, strict=True):
        p, m = optimizers.sgd(p, m, numbers(gradient), rate, momentum)
        assert p.tolist() == numbers(after["weights"]).tolist()
        assert m.tolist() == numbers(after["momentum"]).tolist()
    spec = {key: number(told["adamw"][key]) for key in ("beta1", "beta2", "epsilon")}
    spec["weight_decay"] = number(told["adamw"]["weight_decay"])
    for name, shape in (("matrix", (2, 2)), ("vector", (4,))):
        p = numbers(told["weights"]).reshape(shape)
        held = p, np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for after, (gradient, rate) in zip(told["adamw"][name], steps, strict=True):
            powers = [np.float64(float.fromhex(power)) for power in after["powers"]]
            constants = optimizers.adamw_constants(spec, powers, rate)
            assert list(constants[2:]) == numbers(after["constants"]).tolist()
            held = optimizers.adamw(*held, numbers(gradient).reshape(shape), constants)
            for found, key in zip(held, ("weights", "first", "second"), strict=True):
                assert found.reshape(-1).tolist() == numbers(after[key]).tolist()
    for case in told["clipping"]["cases"]:
        gradient = {"it": numbers(told["clipping"]["gradient"])}
        clipped = optimizers.clip(gradient, float.fromhex(case["limit"]))["it"]
        assert clipped.tolist() == numbers(case["clipped"]).tolist()


def test_costs():
    for case in load("costs")["costs"]:
        losses = [number(loss) for loss in case["losses"]]
        assert compute_step_cost(losses) == case["step_cost"]
        if case["cost"] is None:
            with pytest.raises(Abort):
                compute_cost([losses])
        else:
            assert compute_cost([losses]) == case["cost"]


@pytest.fixture(scope="module")
def runs():
    return load("runs")


def carry_out(runs, told, plan, rows):
    """Compare a run with a file; return what the oracle tells of it."""
    seed, context = (bytes.fromhex(x) for x in (runs["run"]["context"]["seed"], told["ctx"]))
    data = b"".join(map(bytes.fromhex, rows))
    plan = forms.canonical_json(plan)
    slots = runs["run"]["slots"]
    found = oracle.describe(plan, None, data, seed=seed, context=context, slots=slots)
    for segment in told["segments"]:
        again = found["segments"][segment["segment"] - 1]
        for key in ("chain", "slot_root", "state_root", "leaf"):
            assert again[key] == segment[key]
    assert found["state_root_0"] == told["state_root_0"]
    assert found["trace_root"] == told["trace_root"]
    assert found.get("abort") == told.get("abort")
    return found


def test_a_run_to_its_end(runs):
    told = runs["run"]
    found = carry_out(runs, told, told["plan"], told["rows"])
    assert found["plan_digest"] == told["plan_digest"]
    assert found["cost"] == told["cost"]
    for key, data in (("update", "update_bytes"), ("state", "final_state")):
        assert found[key] == hashlib.sha256(bytes.fromhex(told[data])).hexdigest()
    losses = [step["losses"] for segment in told["segments"] for step in segment["steps"]]
    again = [step for segment in found["segments"] for step in segment["losses"]]
    assert [[float(x) for x in step] for step in again] == numbers(losses).tolist()


def test_the_aborts(runs):
    whole, bad, large = runs["run"], runs["bad_row"], runs["overflow"]
    rows = [*whole["rows"]]
    rows[bad["row"]] = bad["bytes"]
    carry_out(runs, bad, whole["plan"], rows)
    plan = whole["plan"] | {"update": large["update"]}
    assert carry_out(runs, large, plan, whole["rows"])["plan_digest"] == large["plan_digest"]
