"""Products of profile exact-q8r/2: exact at the bound, refused beyond it, compiled or not."""

import functools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.oracle import lines as oracle
from walrusd.errors import NonFiniteValue, ProductBoundExceeded
from walrusd.training.native import library
from walrusd.training.native import lines as kernels
from walrusd.training.q8r import line_attention, line_convolution, lines
from walrusd.training.q8r.lines import Lines

FINITE = st.floats(width=32, min_value=-(2.0**100), max_value=2.0**100)
AVX512, AVX2, NO_VECTORS = 2, 1, 0


@pytest.fixture(params=[(1, AVX512), (2, AVX2), (1, NO_VECTORS)], ids=str)
def machine(request):
    """Threads, and the instruction set of products; a level the processor lacks is lowered."""
    built = library.get_library()
    if built is None:
        pytest.skip("the compiled kernels were not built here")
    threads, level = request.param
    torch.set_num_threads(threads)
    built.walrusd_limit_products(level)
    library.enable_all()
    yield level
    built.walrusd_limit_products(AVX512)
    library.enable_all()


def wide(*shape, seed=0):
    """Values over many orders of magnitude, subnormal ones, zeros and a row of zeros among them."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))
    x = x.mul_(2).sub_(1).pow_(9)
    flat = x.view(-1)
    if flat.numel() > 5:
        flat[:: flat.numel() // 5] = 0.0
        flat[flat.numel() // 2] = 1e-42
    if x.shape[-2] > 1:
        x[..., x.shape[-2] // 2, :] *= 0.0
    return x


def bits(x):
    """Return the bits of an array, without the sign of zeros."""
    return (np.asarray(x, np.float32) + np.float32(0)).view(np.int32).tolist()


def check(function, *names):
    """Compare a kernel with its definition; ``names`` are the kernels that must have run."""
    library.take_called()
    found = [x for x in function() if x is not None]
    assert set(names) <= library.take_called()
    with library.definitions_only():
        expected = [x for x in function() if x is not None]
    assert [bits(x) for x in found] == [bits(x) for x in expected]


@given(st.lists(st.lists(FINITE, min_size=3, max_size=3), min_size=1, max_size=7))
def test_each_line_has_a_grid_of_its_own(values):
    x = torch.tensor(values, dtype=torch.float32)
    operand = lines.quantise(x)
    for axis in (-1, -2):
        integers, units = operand.integers(axis).double(), operand.units(axis).double()
        largest = x.double().abs().amax(axis, keepdim=True)
        assert torch.equal(integers, integers.round())
        assert float(integers.abs().max()) <= 256
        assert bool((units >= 2.0**-63).all())
        assert bool(
            ((largest < 256 * units) & ((largest >= 128 * units) | (units == 2.0**-63))).all()
        )
        assert bool((integers.mul(units).sub(x.double()).abs() <= units / 2).all())


@given(st.data())
def test_products_are_those_of_exact_integers(data):
    m, k, n = (data.draw(st.integers(1, 9)) for _ in range(3))
    a = np.array(data.draw(st.lists(FINITE, min_size=m * k, max_size=m * k)), np.float32)
    b = np.array(data.draw(st.lists(FINITE, min_size=k * n, max_size=k * n)), np.float32)
    a, b = a.reshape(m, k), b.reshape(k, n)
    found = lines.mm(lines.quantise(torch.from_numpy(a)), lines.quantise(torch.from_numpy(b)))
    with np.errstate(over="ignore"):
        assert bits(found) == bits(oracle.mm(a, b))


@pytest.mark.parametrize("terms", [255, 256, 257, 512, 16_384, 16_385, 70_000])
def test_the_longest_float32_block_and_more_are_exact(terms):
    """All integers at the limit: 256 terms give 2^24, and one more than float32 could add."""
    integers = torch.full((3, terms), 256.0)
    assert lines.sum_products(integers, integers.mT).unique().item() == 65_536.0 * terms
    random = torch.Generator().manual_seed(terms)
    signs = torch.randint(0, 2, (2, 5, terms), generator=random).mul_(2).sub_(1)
    left = signs[0].mul(torch.randint(255, 257, (5, terms), generator=random))
    right = signs[1].mul(torch.randint(255, 257, (5, terms), generator=random))
    exact = left.long() @ right.long().mT
    assert torch.equal(lines.sum_products(left.float(), right.float().mT), exact.double().float())


def test_a_block_one_term_longer_would_round():
    """The bound is tight: 257 terms of 2^16 and a one are no float32."""
    left = torch.cat([torch.full((256,), 256.0), torch.tensor([1.0])])[None]
    exact = int((left.long() @ left.long().mT).item())
    assert exact == 2**24 + 1
    assert int(torch.tensor(float(exact)).item()) != exact
    assert lines.BLOCK == 256


def test_longer_contractions_than_float64_adds_are_refused(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 300)
    lines.sum_products(torch.ones(1, 300), torch.ones(300, 1))
    with pytest.raises(ProductBoundExceeded, match="301 terms of 8 bits"):
        lines.sum_products(torch.ones(1, 301), torch.ones(301, 1))


def test_the_refusal_stands_where_float64_ends():
    assert 2 * lines.BITS + (lines.LONGEST - 1).bit_length() == 53
    none = torch.empty((0, lines.LONGEST + 1), device="meta")
    with pytest.raises(ProductBoundExceeded):
        lines.sum_products(none, none.mT)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", [0, 69_999])
def test_what_is_not_finite_is_refused(value, where):
    x = torch.ones(70_000)
    x[where] = value
    for shape in ((70, 1000), (1, 70_000), (7, 100, 100)):
        with pytest.raises(NonFiniteValue):
            lines.quantise(x.view(shape))
        with pytest.raises(NonFiniteValue), library.definitions_only():
            lines.quantise(x.view(shape))


SHAPES = [(1, 1), (1, 9), (9, 1), (7, 33), (300, 257), (3, 40, 50), (2, 5, 1), (4, 1, 6)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scale", [1.0, 1e-38, 1e38, 0.0])
def test_units(shape, scale, machine):
    x = wide(*shape).mul(scale)
    check(lambda: [lines.quantise(x).units(axis) for axis in (-1, -2)], "find_units")


PRODUCTS = [
    # rows, columns, depth
    (1, 1, 1),
    (37, 61, 29),
    (6, 16, 8),
    (13, 49, 3),
    (9, 25, 1025),
    (5, 40, 16_384),
    (7, 3, 16_387),
    (2, 35, 40_001),
    (700, 10, 128),
    (100, 300, 700),
]


@pytest.mark.parametrize("sizes", PRODUCTS, ids=str)
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_products(sizes, transpose_a, transpose_b, machine):
    rows, columns, depth = sizes
    a = lines.quantise(wide(depth, rows) if transpose_a else wide(rows, depth))
    b = lines.quantise(wide(columns, depth, seed=1) if transpose_b else wide(depth, columns))
    check(
        lambda: [lines.mm(a, b, transpose_a=transpose_a, transpose_b=transpose_b)], "line_product"
    )


@pytest.mark.parametrize("terms", [16_384, 16_386, 32_768, 100_003])
def test_compiled_sums_are_exact_beyond_what_32_bits_hold(terms, machine):
    a, b = Lines(torch.full((7, terms), 256.0)), Lines(torch.full((terms, 19), -256.0))
    for operand in (a, b):
        operand._units[-1] = torch.ones_like(operand.values[:, :1])
        operand._units[-2] = torch.ones_like(operand.values[:1])
    check(lambda: [lines.mm(a, b)], "line_product")
    assert lines.mm(a, b).unique().item() == np.float32(-65_536.0 * terms)


def test_operands_in_other_layouts_are_left_to_the_definition(machine):
    x, one = torch.ones(8, 8)[::2, ::2], torch.ones(4, 1)
    assert kernels.product(x, one, x, one.mT) is None
    empty = lines.quantise(torch.ones(0, 3))
    assert lines.mm(empty, lines.quantise(torch.ones(3, 2))).shape == (0, 2)


HEADS = [
    (1, 1, 1, 1, 4),
    (2, 4, 2, 37, 8),
    (2, 3, 3, 100, 40),
    (1, 4, 1, 33, 64),
    (1, 1, 1, 300, 7),
]


@pytest.mark.parametrize("sizes", HEADS, ids=str)
def test_attention(sizes, machine):
    batch, heads, key_heads, length, size = sizes
    q = wide(batch, heads, length, size).mul(9)
    k, v = wide(batch, key_heads, length, size).mul(3), wide(batch, key_heads, length, size, seed=1)
    dy = wide(batch, heads, length, size, seed=2)
    check(lambda: [line_attention.causal_attention(q, k, v)[0]], "line_attention")

    def differentiate(saved=None):
        saved = saved or line_attention.causal_attention(q, k, v)[1]
        return line_attention.causal_attention_backward(dy, saved)

    names = ["line_attention_backward"] if machine != NO_VECTORS else []
    check(differentiate, *names)
    # The definition can go on from what the kernel saved.
    check(functools.partial(differentiate, line_attention.causal_attention(q, k, v)[1]), *names)


@pytest.mark.parametrize("sizes", HEADS, ids=str)
def test_attention_is_that_of_the_second_implementation(sizes):
    batch, heads, key_heads, length, size = sizes
    q = wide(batch, heads, length, size).mul(9)
    k, v = wide(batch, key_heads, length, size).mul(3), wide(batch, key_heads, length, size, seed=1)
    dy = wide(batch, heads, length, size, seed=2)
    expected, backward = oracle.causal_attention(q.numpy(), k.numpy(), v.numpy())
    found, saved = line_attention.causal_attention(q, k, v)
    assert bits(found) == bits(expected)
    gradients = line_attention.causal_attention_backward(dy, saved)
    for one, other in zip(gradients, backward(dy.numpy()), strict=True):
        assert bits(one) == bits(other)


IMAGES = [
    (1, 1, 5, 5, 1, 3, 1),
    (2, 3, 8, 8, 6, 3, 1),
    (3, 2, 9, 7, 17, 5, 2),
    (2, 5, 6, 9, 3, 3, 0),
]


@pytest.mark.parametrize("sizes", IMAGES, ids=str)
def test_convolution(sizes, machine):
    count, channels, height, width, outputs, kernel, padding = sizes
    x = wide(count, channels, height, width)
    weight = lines.quantise(wide(outputs, channels * kernel * kernel))
    bias = torch.linspace(-1, 1, outputs)

    def convolve():
        return line_convolution.conv2d(x, weight, bias, kernel=kernel, padding=padding)

    check(lambda: convolve()[:1], "line_product")
    dy = wide(*convolve()[0].shape)
    for need_dx in (True, False):
        check(
            lambda need_dx=need_dx: line_convolution.conv2d_backward(
                dy, convolve()[1], weight, need_dx=need_dx
            )
        )
