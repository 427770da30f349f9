"""Every compiled kernel gives the bits of the torch definition it stands in for."""

import functools
import math

import pytest
import torch

from walrusd.errors import NonFiniteValue
from walrusd.training.native import kernels, library
from walrusd.training.numerics import arith
from walrusd.training.numerics.arith import Operand
from walrusd.training.operators import attention, convolution, elementwise, losses, norms

pytestmark = pytest.mark.skipif(
    library.get_library() is None, reason="the compiled kernels were not built here"
)

AVX512, AVX2, NO_VECTORS = 2, 1, 0


@pytest.fixture(
    params=[(1, AVX512), (2, AVX512), (2, AVX2), (1, NO_VECTORS)], ids=str, autouse=True
)
def machine(request):
    """Threads, and the instruction set of products; a level the processor lacks is lowered."""
    threads, level = request.param
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    library.get_library().walrusd_limit_products(level)
    library.enable_all()
    torch.manual_seed(7)
    yield level
    library.get_library().walrusd_limit_products(AVX512)
    library.enable_all()
    torch.set_num_threads(before)


def define(function):
    """Return what the torch definitions give."""
    with library.definitions_only():
        return function()


def tensors_of(result):
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, tuple | list):
        return [tensor for part in result for tensor in tensors_of(part)]
    return []


def check(function, *names):
    """Compare kernels and definitions; ``names`` are the kernels that must have run."""
    library.take_called()
    found = tensors_of(function())
    assert set(names) <= library.take_called()
    expected = tensors_of(define(function))
    assert not library.take_called()
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        # Zeros compare equal whatever their sign, which the arithmetic leaves open.
        assert torch.equal(one.double(), other.double())


def wide(*shape):
    """Values over many orders of magnitude, subnormal ones and zeros among them."""
    x = torch.rand(shape).mul(2).sub(1).pow(9)
    flat = x.view(-1)
    flat[:: max(1, flat.numel() // 5)] = 0.0
    flat[flat.numel() // 2] = 1e-42
    return x


SIZES = [1, 2, 3, 15, 16, 17, 1000, 1024, 1025, 8192, 8193, 70_001]


@pytest.mark.parametrize("size", SIZES)
def test_vectors(size):
    x, dy = wide(size).mul(20), wide(size)
    check(lambda: arith.quantise(x).values, "quantise")
    check(lambda: arith.quantise(x, 13).values, "quantise")
    check(lambda: arith.fold(x), "fold")
    check(lambda: elementwise.relu_backward(dy, x), "relu_backward")
    check(lambda: elementwise.gelu(x), "gelu")
    check(lambda: elementwise.silu(x), "silu")
    gate = elementwise.silu(x)[1]
    check(lambda: elementwise.gelu_backward(dy, x, gate), "gelu_backward")
    check(lambda: elementwise.silu_backward(dy, x, gate), "silu_backward")


@pytest.mark.parametrize("half", [1024, 8192, 131_072])
def test_folds_whose_upper_half_ends_anywhere(half):
    """The kernel takes four rows of a quarter of the lower half at once, 512 columns at a time."""
    for quarters in range(5):
        for more in (-513, -1, 0, 1, 511, 512, 700):
            upper = half * quarters // 4 + more
            if 0 < upper <= half:
                check(functools.partial(arith.fold, wide(half + upper)), "fold")


def test_folds_of_many_tensors():
    many = [wide(3, 5), wide(70_001), wide(1), wide(40, 50).t()]
    check(lambda: arith.fold_each(many), "fold")
    assert torch.equal(
        arith.fold_each(many), torch.stack([arith.fold(x.reshape(-1)) for x in many])
    )
    assert arith.fold_each([torch.ones(2, dtype=torch.float64)]).tolist() == [2.0]


@pytest.mark.parametrize("scale", [0.0, 1e-45, 1e-30, 1e-15, 1.0, 1e15, 1e30, 2.0**104, 3e38])
def test_grids_of_every_magnitude(scale):
    x = wide(1000).mul(scale)
    check(lambda: arith.quantise(x).values)
    check(lambda: arith.quantise(torch.full((3,), scale)).values)


def test_halves_go_to_the_even_neighbour():
    x = torch.tensor([2.0**19 + 0.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    expected = [2.0**19, -2.0, -2.0, 0.0, 0.0, 2.0, 2.0]
    assert arith.quantise(x).values.tolist() == expected
    check(lambda: arith.quantise(x).values, "quantise")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value):
    x = torch.ones(70_000)
    x[69_999] = value
    with pytest.raises(NonFiniteValue):
        arith.quantise(x)
    with pytest.raises(NonFiniteValue):
        arith.require_finite(x, "x")
    with pytest.raises(NonFiniteValue):
        losses.cross_entropy(x.view(7000, 10), torch.zeros(7000, dtype=torch.int64), 1.0)
    q = x[-64 * 8 :].view(1, 1, 64, 8)
    fine = torch.ones(1, 1, 64, 8)
    with pytest.raises(NonFiniteValue):
        attention.causal_attention(fine, q, fine)
    _y, saved = attention.causal_attention(fine, fine, fine)
    with pytest.raises(NonFiniteValue):
        attention.causal_attention_backward(q, saved)
    with pytest.raises(NonFiniteValue):
        convolution.conv2d(q, arith.quantise(torch.ones(1, 9)), torch.ones(1), kernel=3, padding=1)
    assert kernels.find_peak(x) is None


def test_what_does_not_fit_is_left_to_the_definitions():
    a, empty = Operand(torch.ones(2, 3), 20), Operand(torch.ones(0, 0), 20)
    with pytest.raises(RuntimeError):
        arith.mm(a, a)
    assert arith.mm(empty, empty).shape == (0, 0)
    assert arith.mm(a, Operand(torch.ones(3, 0), 20)).shape == (2, 0)
    for label in (-1, 10):
        with pytest.raises((RuntimeError, IndexError)):
            losses.cross_entropy(torch.ones(1, 10), torch.tensor([label]), 1.0)


SHAPES = [(1, 1), (2, 1), (3, 5), (100, 256), (257, 96), (64, 1500), (33, 4097), (2, 9000)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows(shape):
    x, dy = wide(*shape).mul(3), wide(*shape)
    gain, bias = torch.randn(shape[1]), torch.randn(shape[1])
    check(lambda: arith.fold(x), "fold")
    check(lambda: arith.fold_rows(x), "fold_rows")
    check(lambda: arith.sum_rows(arith.quantise(x)), "sum_rows")
    check(lambda: norms.layer_norm(x, gain, bias, 1e-5)[0], "norm")
    check(lambda: norms.rms_norm(x, gain, 1e-5)[0], "norm")
    saved = norms.layer_norm(x, gain, bias, 1e-5)[1]
    check(lambda: norms.layer_norm_backward(dy, saved, gain), "norm_backward")
    check(lambda: norms.rms_norm_backward(dy, saved, gain), "norm_backward")
    labels = torch.arange(shape[0]).remainder(shape[1])
    check(lambda: losses.cross_entropy(x.mul(10), labels, 2.0**-5), "cross_entropy")


PRODUCTS = [(1, 1, 1), (37, 61, 29), (8, 24, 16), (9, 25, 1025), (5, 7, 3000), (300, 10, 128)]


@pytest.mark.parametrize("sizes", PRODUCTS, ids=str)
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_products(sizes, transpose_a, transpose_b):
    rows, columns, depth = sizes
    a = arith.quantise(wide(depth, rows) if transpose_a else wide(rows, depth))
    b = arith.quantise(wide(columns, depth) if transpose_b else wide(depth, columns))
    check(lambda: arith.mm(a, b, transpose_a=transpose_a, transpose_b=transpose_b), "product")


@pytest.mark.parametrize("depth", [8192, 8193, 20_000])
def test_products_at_the_limit_of_exactness(depth, machine):
    """Terms of full width that cancel: one rounding on the way would show."""
    full = 2.0**20 - 1
    a = torch.full((9, depth), full).mul(torch.randint(0, 2, (9, depth)).mul(2).sub(1))
    b = torch.randint(-(2**20) + 1, 2**20, (depth, 30)).float()
    left, right = Operand(a, arith.BITS), Operand(b, arith.BITS)
    check(lambda: arith.mm(left, right))
    if depth == 8192:
        exact = a.to(torch.int64) @ b.to(torch.int64)
        assert torch.equal(arith.mm(left, right), exact.double().float())


HEADS = [
    (1, 1, 1, 1, 4),
    (2, 4, 2, 37, 8),
    (2, 3, 3, 100, 40),
    (1, 4, 1, 33, 64),
    (1, 1, 1, 300, 6),
]


@pytest.mark.parametrize("sizes", HEADS, ids=str)
def test_attention(sizes, machine):
    batch, heads, key_heads, length, size = sizes
    q = wide(batch, heads, length, size).mul(9)
    k, v = wide(batch, key_heads, length, size).mul(3), wide(batch, key_heads, length, size)
    dy = wide(batch, heads, length, size)
    check(lambda: attention.causal_attention(q, k, v)[0], "attention")

    def differentiate(*operands):
        return attention.causal_attention_backward(dy, attention.causal_attention(*operands)[1])

    names = ["attention_backward"] if machine != NO_VECTORS else []
    check(functools.partial(differentiate, q, k, v), *names)
    by_token = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    for one, other in zip(differentiate(*by_token), differentiate(q, k, v), strict=True):
        assert torch.equal(one, other)


def test_the_definition_can_go_on_from_what_the_kernel_saved():
    q, k, v, dy = (wide(2, 2, 50, 16) for _ in range(4))
    saved = attention.causal_attention(q, k, v)[1]
    found = attention.causal_attention_backward(dy, saved)
    expected = define(lambda: attention.causal_attention_backward(dy, saved))
    assert all(map(torch.equal, found, expected))
    x, weight = wide(2, 3, 8, 8), arith.quantise(wide(5, 27))
    y, patches = convolution.conv2d(x, weight, torch.zeros(5), kernel=3, padding=1)

    def differentiate():
        return convolution.conv2d_backward(wide_like(y), patches, weight, need_dx=True)

    assert all(map(torch.equal, differentiate(), define(differentiate)))


def wide_like(y):
    torch.manual_seed(3)
    return wide(*y.shape)


IMAGES = [
    # count, channels, height, width, outputs, kernel, padding
    (1, 1, 5, 5, 1, 3, 1),
    (2, 3, 8, 8, 6, 3, 1),
    (3, 2, 9, 7, 17, 5, 2),
    (40, 3, 17, 19, 10, 3, 1),  # blocks of 8192 places end inside a row
    (2, 5, 12, 40, 33, 3, 0),
    (1, 1, 100, 100, 4, 1, 0),
    (9, 2, 32, 32, 3, 3, 1),  # blocks end with an image
]


@pytest.mark.parametrize("sizes", IMAGES, ids=str)
def test_convolution(sizes, machine):
    count, channels, height, width, outputs, kernel, padding = sizes
    x = wide(count, channels, height, width)
    weight = arith.quantise(wide(outputs, channels * kernel * kernel))
    bias = torch.randn(outputs)

    def convolve():
        return convolution.conv2d(x, weight, bias, kernel=kernel, padding=padding)

    check(lambda: convolve()[0], "convolve" if machine != NO_VECTORS else "quantise_padded")
    dy = wide(*convolve()[0].shape)

    def differentiate(need_dx=True):
        return convolution.conv2d_backward(dy, convolve()[1], weight, need_dx=need_dx)

    check(differentiate)
    check(lambda: differentiate(need_dx=False))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_pooling(size):
    x, dy = wide(3, 2, 5 * size, 11 * size), wide(3, 2, 5, 11)
    check(lambda: convolution.average_pool(x, size), "pool")
    check(lambda: convolution.average_pool_backward(dy, size), "pool_backward")


def test_squares_and_peaks_are_exact():
    for size in (1, 17, 300_000):
        x = wide(size)
        units = x.double().div(2.0**-20).round().to(torch.int64)
        assert kernels.sum_squares(x, -20) == int(units.mul(units).sum())
        assert kernels.find_peak(x) == float(x.abs().max())
    ones = torch.ones(3_000_000)
    assert kernels.sum_squares(ones, -20) == 3_000_000 << 40
