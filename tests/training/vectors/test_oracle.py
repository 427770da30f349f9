"""The files of ``tests/vectors/training`` against the implementation in NumPy."""

import numpy as np
import pytest

from tests.training import oracle
from tests.training.oracle import optimizers, stream
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
            found = optimizers.rate_at(schedule, float.fromhex(case["lr"]), step, case["steps"])
            assert found == number(rate), case
