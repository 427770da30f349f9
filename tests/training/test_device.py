"""Training on GPUs: their code paths, tried on the CPU, and the golden runs on a real one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import run as golden
from tests.golden.plans import MODELS
from walrusd.errors import DeviceRefused, NonFiniteValue
from walrusd.training.layers.profiles import PROFILES
from walrusd.training.native import library
from walrusd.training.numerics import arith, device, int8_split
from walrusd.training.numerics.arith import Operand
from walrusd.training.q8r import lines
from walrusd.training.selftest import selftest

ROOT = Path(__file__).parents[2]
LARGEST = 1 << 20
QUICK = {"mlp", "convnet", "mlp-q8r", "gpt-q8r"}


@pytest.fixture(params=["float64", "int8"])
def as_on_a_gpu(request, monkeypatch):
    """No value is read back while products are computed, and no compiled kernel runs."""
    monkeypatch.setattr(arith, "exponents_stay_on_device", True)
    monkeypatch.setenv(device.PRODUCTS, request.param)
    with library.definitions_only():
        yield request.param


@given(st.lists(st.integers(-LARGEST, LARGEST), min_size=1, max_size=30))
def test_digits_are_small_and_make_up_the_number(numbers):
    values = torch.tensor([[*numbers, LARGEST, -LARGEST]], dtype=torch.float64)
    found = int8_split.split(values.mul(0.25), torch.tensor(0.25, dtype=torch.float64))
    assert [digit.dtype for digit in found] == [torch.int8] * 3
    assert max(int(digit.int().abs().max()) for digit in found) <= 64
    whole = sum(digit.double().mul(2.0 ** (7 * place)) for place, digit in enumerate(found))
    assert torch.equal(whole, values)


@pytest.mark.parametrize("shape", [(1, 1, 1), (17, 8, 8), (5, 8192, 3), (40, 333, 21)], ids=str)
def test_products_by_digits_are_exact(shape):
    rows, length, columns = shape
    random = torch.Generator().manual_seed(length)

    def draw(*sizes):
        x = torch.randint(-LARGEST, LARGEST + 1, sizes, generator=random)
        x[0, 0] = LARGEST
        return x

    a, b = draw(rows, length), draw(length, columns)
    one = torch.tensor(1.0, dtype=torch.float64)
    found = int8_split.multiply_exactly(a.double(), one, b.double().mul(0.5), one.mul(0.5))
    assert torch.equal(found, (a @ b).double().mul(0.5))


def test_products_by_digits_are_exact_at_the_limit():
    """8192 terms of 2^40 are 2^53, and one less shows whether the last bit is there."""
    full = torch.full((1, arith.BLOCK), float(LARGEST), dtype=torch.float64)
    less = full.clone()
    less[0, 0] -= 1.0
    one = torch.tensor(1.0, dtype=torch.float64)
    for operand, exact in ((full, 2**53), (less, 2**53 - 2**20)):
        assert int(int8_split.multiply_exactly(operand, one, full.t(), one).item()) == exact


def test_the_way_of_a_gpu_gives_the_golden_bits(as_on_a_gpu):
    assert selftest.selftest() == selftest.GOLDEN


def test_products_take_the_way_that_is_asked_for(as_on_a_gpu, monkeypatch):
    calls = []
    honest = int8_split.multiply_exactly
    monkeypatch.setattr(
        int8_split, "multiply_exactly", lambda *args: calls.append(1) or honest(*args)
    )
    operand = arith.quantise(torch.rand(20, 20))
    product = arith.mm(operand, operand)
    assert bool(calls) == (as_on_a_gpu == "int8")
    assert torch.equal(product, arith.mm(*[Operand(operand.values, 20)] * 2))


def on(model):
    return model if model in QUICK else pytest.param(model, marks=pytest.mark.slow)


@pytest.mark.parametrize("arithmetic", [arith, lines], ids=["q20", "q8r"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_reaches_the_end_of_the_step(value, arithmetic, as_on_a_gpu):
    """As NaN, which nothing after it can take for a number: a ReLU of minus infinity is zero."""
    x = torch.ones(9, 9)
    x[3, 4] = value
    product = arithmetic.mm(arithmetic.quantise(x), arithmetic.quantise(torch.ones(9, 9)))
    assert bool(product[3].isnan().all())
    with pytest.raises(NonFiniteValue):
        arith.require_finite(product, "a gradient")


@pytest.mark.parametrize("profile", ["exact-q20/2", "exact-q8r/2"])
def test_no_value_is_read_back_for_a_product(profile, monkeypatch):
    """A tensor on the device ``meta`` has no values: whoever asks for one gets an error."""
    monkeypatch.setattr(arith, "exponents_stay_on_device", True)
    rules = PROFILES[profile]
    left, right = (torch.empty(shape, device="meta") for shape in ((6, 40), (40, 8)))
    operands = rules.quantise(left), rules.quantise(right)
    assert rules.mm(*operands).shape == (6, 8)
    q, k, v = (torch.empty(2, 4, 10, 8, device="meta") for _ in range(3))
    y, saved = rules.attend(q, k, v)
    assert [x.shape for x in rules.attend_backward(y, saved)] == [q.shape] * 3
    images = torch.empty(2, 3, 8, 8, device="meta")
    kernels = rules.quantise(torch.empty(5, 27, device="meta"))
    y, saved = rules.conv2d(images, kernels, torch.empty(5, device="meta"), kernel=3, padding=1)
    dx, *_ = rules.conv2d_backward(y, saved, kernels, need_dx=True)
    assert dx.shape == images.shape


@pytest.mark.parametrize("model", [on(model) for model in MODELS])
def test_a_segment_the_way_of_a_gpu_gives_the_golden_hashes(model, as_on_a_gpu):
    found = golden.run(golden.read_golden(model)["plan"], segments=1)
    assert golden.compare(model, found) == []


def test_the_environment_names_the_device(monkeypatch):
    monkeypatch.delenv(device.DEVICE, raising=False)
    assert device.find_device() == torch.device("cpu")
    for name, message in (
        ("gpu!", "no device"),
        ("meta", "finds no such device"),
        ("cuda:99", "finds no such device|CUDA devices"),
    ):
        monkeypatch.setenv(device.DEVICE, name)
        with pytest.raises(DeviceRefused, match=message):
            device.find_device()
    monkeypatch.setenv(device.PRODUCTS, "bf16")
    with pytest.raises(DeviceRefused, match="'bf16'"):
        device.multiplies_by_int8(torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("products", ["float64", "int8"])
def test_whole_runs_are_the_same_on_a_gpu(products):
    if not torch.cuda.is_available():
        pytest.skip("NOT RUN ON A GPU: torch finds no CUDA device here")
    done = subprocess.run(
        [sys.executable, "-m", "tests.golden.run", *MODELS, "--check"],
        env={**os.environ, device.DEVICE: "cuda", device.PRODUCTS: products},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["model"] for one in found] == list(MODELS)
