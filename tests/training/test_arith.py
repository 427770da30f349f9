import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import DeviceRefused, NonFiniteValue, ProductBoundExceeded
from walrusd.training.numerics import arith, functions
from walrusd.training.numerics.arith import Operand
from walrusd.training.operators import losses
from walrusd.training.selftest import selftest
from walrusd.training.selftest.golden import GOLDEN

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def bits(x):
    """Return the bits of a float32 array, without the sign of zeros."""
    return (np.asarray(x, np.float32) + np.float32(0)).view(np.int32).tolist()


def line_limit(uniform):
    """Operands whose integers reach 256, and whose products cancel."""
    a = uniform("lim-a", 24, 4096) * np.float32(255.984375)
    b = np.rint(uniform("lim-b", 4096, 40) * np.float32(255))
    return np.concatenate([a, a], 1), np.concatenate([b, np.sign(uniform("lim-n", 4096, 40)) - b])


def line_attention(oracle, uniform):
    query, key, value, dy = (uniform(name, 1, 2, 150, 24) for name in "qkvd")
    output, backward = oracle.lines.causal_attention(
        query * np.float32(6), key * np.float32(6), value
    )
    return [output, *backward(dy)]


def test_every_operation_gives_the_bits_of_the_numpy_oracle(oracle):
    def uniform(name, *shape):
        return selftest._uniform(name, *shape).numpy()

    def wide(name, *shape):
        x = uniform(name, *shape)
        square = x * x
        return square * square * square * x

    def positive(name, *shape):
        return (np.abs(wide(name, *shape)) + np.float32(2.0**-20)) * np.float32(1024)

    a, b, c = wide("mm-a", 96, 700), wide("mm-b", 700, 80), wide("mm-c", 96, 80)
    left, left_exponent = oracle.grid(uniform("lim-a", 24, 4096))
    right, right_exponent = oracle.grid(uniform("lim-b", 4096, 40))
    nudge = np.sign(oracle.grid(uniform("lim-n", 4096, 40))[0])
    assert left_exponent == right_exponent == -20
    sgd_in = [uniform("sgd-w", 70_000), wide("sgd-m", 70_000), wide("sgd-g", 70_000)]
    expected = {
        "quantise": [oracle.quantise(wide("q", 70_000)).astype(np.float32)],
        "mm": [oracle.mm(a, b), oracle.mm(c, b.T), oracle.mm(a.T, c)],
        "mm_limit": [
            oracle.exact_product(
                np.concatenate([left, -left], 1), np.concatenate([right, right + nudge]), -40
            )
        ],
        "sum_rows": [oracle.sum_rows(wide("sum", 5000, 33))],
        "fold": [oracle.fold(wide("fold", 7, 10_001)), oracle.mean(wide("mean", 3, 77))],
        "exp": [
            oracle.exp2(uniform("exp2", 70_000) * np.float32(126)),
            oracle.exp(wide("exp", 70_000) * np.float32(90)),
        ],
        "log": [oracle.log(positive("log", 70_000))],
        "sqrt": [oracle.sqrt(positive("sqrt", 70_000))],
        "divide": [wide("div-a", 70_000) / positive("div-b", 70_000)],
        "cross_entropy": list(
            oracle.cross_entropy(
                uniform("xent", 512, 10) * np.float32(30), np.arange(512) % 10, 2.0**-9
            )
        ),
        "sgd": list(oracle.sgd(*sgd_in, 0.05, 0.9)),
        "line_mm": [oracle.lines.mm(a, b), oracle.lines.mm(c, b.T), oracle.lines.mm(a.T, c)],
        "line_mm_limit": [oracle.lines.mm(*line_limit(uniform))],
        "line_attention": line_attention(oracle, uniform),
    }
    hashes = {name: oracle.hash_arrays(arrays) for name, arrays in expected.items()}
    assert hashes == GOLDEN


def test_selftest_accepts_this_machine_with_two_threads():
    torch.set_num_threads(2)
    assert selftest.selftest() == GOLDEN


def test_selftest_names_the_operation_that_differs(monkeypatch):
    monkeypatch.setattr(functions, "sqrt", lambda x: x.sqrt().mul(1.0000001))
    with pytest.raises(DeviceRefused, match="sqrt") as caught:
        selftest.selftest()
    assert caught.value.fields["operations"] == ["sqrt"]


def test_flush_to_zero_is_refused():
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormals")
    try:
        with pytest.raises(DeviceRefused, match="subnormal"):
            selftest.check_subnormals()
    finally:
        torch.set_flush_denormal(False)
    selftest.check_subnormals()


@given(st.lists(FINITE, min_size=1, max_size=40))
def test_quantise_rounds_to_the_grid(values):
    x = torch.tensor(values, dtype=torch.float32)
    grid = arith.quantise(x).values
    largest = float(x.abs().max())
    unit = max(2.0 ** (np.frexp(largest)[1] - 20), 2.0**-63) if largest else 2.0**-63
    integers = grid / unit
    assert torch.equal(integers, integers.round())
    assert float(integers.abs().max()) <= 2**20
    assert float((grid - x.double()).abs().max()) <= unit / 2


@given(st.data())
def test_products_are_those_of_exact_integers(oracle_module, data):
    m, k, n = (data.draw(st.integers(1, 6)) for _ in range(3))
    a = np.array(data.draw(st.lists(FINITE, min_size=m * k, max_size=m * k)), np.float32)
    b = np.array(data.draw(st.lists(FINITE, min_size=k * n, max_size=k * n)), np.float32)
    a, b = a.reshape(m, k), b.reshape(k, n)
    found = arith.mm(arith.quantise(torch.from_numpy(a)), arith.quantise(torch.from_numpy(b)))
    with np.errstate(over="ignore"):
        expected = oracle_module.mm(a, b)
    assert bits(found.numpy()) == bits(expected)


@pytest.fixture(scope="module")
def oracle_module(oracle):
    return oracle


def test_the_longest_exact_product_and_one_term_more():
    full = torch.full((1, 8192), 2.0**20 - 1, dtype=torch.float64)
    product = arith.mm(Operand(full, 20), Operand(full.t(), 20))
    assert int(product.item()) == int(np.float32(8192 * (2**20 - 1) ** 2))
    fine = Operand(full.mul(2.0), 21)
    with pytest.raises(ProductBoundExceeded, match="8192 terms of 21 and 20 bits"):
        arith.mm(fine, Operand(full.t(), 20))
    with pytest.raises(ProductBoundExceeded, match="8193"):
        arith.bmm(*(Operand(torch.ones(shape), 20) for shape in ((1, 1, 8193), (1, 8193, 1))))


def test_the_longest_exact_sum_and_one_term_more(monkeypatch):
    """2^33 terms of 2^20 are 2^53; for the sums themselves the limit is made smaller."""
    operand = Operand(torch.ones(5, 3, dtype=torch.float64), 20)
    arith.check_sum_bound(operand, 2**33)
    with pytest.raises(ProductBoundExceeded, match="8589934593 terms of 20 bits"):
        arith.check_sum_bound(operand, 2**33 + 1)
    monkeypatch.setattr(arith, "_EXACT_BITS", 22)
    assert arith.sum_rows(Operand(operand.values[:4], 20)).tolist() == [4.0] * 3
    with pytest.raises(ProductBoundExceeded, match="5 terms"):
        arith.sum_rows(operand)


def test_longer_products_add_exact_blocks_in_order():
    generator = np.random.default_rng(5)
    left = generator.standard_normal((2, 20_001)).astype(np.float32)
    right = generator.standard_normal((20_001, 3)).astype(np.float32)
    a, b = (arith.quantise(torch.from_numpy(x)) for x in (left, right))
    wide_a, wide_b = a.values.double().numpy(), b.values.double().numpy()
    expected = wide_a[:, :8192] @ wide_b[:8192]
    for start in (8192, 16384):
        part = slice(start, start + 8192)
        expected = expected + wide_a[:, part] @ wide_b[part]
    assert np.array_equal(arith.mm(a, b).numpy(), expected.astype(np.float32))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_operands_are_refused(bad):
    with pytest.raises(NonFiniteValue):
        arith.quantise(torch.tensor([1.0, bad, 2.0]))
    with pytest.raises(NonFiniteValue):
        losses.cross_entropy(torch.tensor([[1.0, bad]]), torch.tensor([0]), 1.0)


@given(st.lists(FINITE.map(lambda v: v / 1000), min_size=1, max_size=70))
def test_fold_is_the_binary_tree(values):
    def tree(items):
        if len(items) == 1:
            return items[0]
        half = 1 << ((len(items) - 1).bit_length() - 1)
        pairs = zip(items[:half], items[half:] + [None] * half, strict=False)
        return tree([np.float32(x + y) if y is not None else x for x, y in pairs])

    found = arith.fold(torch.tensor(values, dtype=torch.float32))
    assert bits(found.numpy()) == bits(tree([np.float32(v) for v in values]))


def test_exp_and_log_are_close_to_the_functions_they_stand_for():
    x = torch.linspace(-80, 80, 20_001)
    true = x.double().exp()
    assert float(((functions.exp(x).double() - true) / true).abs().max()) < 6e-6
    y = torch.logspace(-30, 30, 20_001)
    error = (functions.log(y).double() - y.double().log()).abs()
    assert float((error / y.double().log().abs().clamp_min(1.0)).max()) < 2e-7
    assert functions.log(torch.ones(1)).item() == 0.0


@pytest.mark.parametrize("relative_error", [0.0, 2.0**-29, -(2.0**-29)])
def test_sqrt_is_correctly_rounded_even_on_a_poor_library(monkeypatch, relative_error):
    library = torch.Tensor.sqrt
    monkeypatch.setattr(torch.Tensor, "sqrt", lambda x: library(x) * (1 + relative_error))
    both_parities = np.arange(0x3F800000, 0x40800000, 37, dtype=np.uint32).view(np.float32)
    edges = np.array([0.0, 1e-45, 1e-40, 2.0**-126, 4.0, 3.4028235e38], np.float32)
    x = np.concatenate([both_parities, edges])
    assert np.array_equal(functions.sqrt(torch.from_numpy(x)).numpy(), np.sqrt(x))


def test_cross_entropy_agrees_with_its_mathematics():
    z = selftest._uniform("test", 64, 10).mul(8.0)
    y = torch.arange(64).remainder(10)
    loss, gradient = losses.cross_entropy(z, y, 1.0)
    wide = z.double().requires_grad_()
    reference = torch.nn.functional.cross_entropy(wide, y, reduction="sum")
    reference.backward()
    assert float(loss.double().sum()) == pytest.approx(reference.item(), rel=1e-6)
    assert float((gradient - wide.grad).abs().max()) < 1e-6
    assert bool((loss >= 0).all())
