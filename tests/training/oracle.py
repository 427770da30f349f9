"""The rules of the arithmetic once more, literally and in NumPy, for comparison. Nothing shared."""

import hashlib

import numpy as np

F32 = np.float32


def grid(x, bits=20):
    """Integers and a unit: scaled, rounded half to even, never below a unit of 2^-63."""
    largest = np.abs(x.astype(np.float64)).max()
    exponent = -63 if largest == 0 else max(int(np.frexp(largest)[1]) - bits, -63)
    return np.rint(np.ldexp(x.astype(np.float64), -exponent)), exponent


def quantise(x, bits=20):
    integers, exponent = grid(x, bits)
    return np.ldexp(integers, exponent)


def mm(a, b):
    """Exact product of float32 matrices after the grid, by integers of arbitrary size."""
    left, left_exponent = grid(a)
    right, right_exponent = grid(b)
    return exact_product(left, right, left_exponent + right_exponent)


def exact_product(left, right, exponent):
    # int64 holds 8192 products of 40 bits; it is exact where float64 only promises to be.
    product = left.astype(np.int64) @ right.astype(np.int64)
    return np.ldexp(product.astype(np.float64), exponent).astype(F32)


def sum_rows(x):
    integers, exponent = grid(x)
    return np.ldexp(integers.astype(np.int64).sum(0).astype(np.float64), exponent).astype(F32)


def fold(x):
    """Over the last axis."""
    values = [x[..., i] for i in range(x.shape[-1])]
    while len(values) > 1:
        half = 1
        while 2 * half < len(values):
            half *= 2
        values = [
            values[i] + values[i + half] if i + half < len(values) else values[i]
            for i in range(half)
        ]
    return values[0]


def mean(x):
    return fold(x) * F32(1.0 / x.shape[-1])


def exp2(x):
    whole = np.rint(x)
    rest = x - whole
    p = rest * F32(float.fromhex("0x1.5bba14p-10"))
    for text in ("0x1.3cea88p-7", "0x1.c6b752p-5", "0x1.ebf9bcp-3", "0x1.62e42ap-1"):
        p = (p + F32(float.fromhex(text))) * rest
    return np.ldexp(p + F32(1), whole.astype(np.int32)).astype(F32)


def exp(x):
    return exp2(np.clip(x * F32(float.fromhex("0x1.715476p+0")), F32(-126), F32(126)))


def log(x):
    mantissa, exponent = np.frexp(x)
    low = mantissa < np.frombuffer(b"\xf3\x04\x35\x3f", "<f4")[0]
    mantissa = np.where(low, mantissa * F32(2), mantissa).astype(F32)
    exponent = (exponent - low).astype(F32)
    s = (mantissa - F32(1)) / (mantissa + F32(1))
    w = s * s
    p = w * F32(2 / 11)
    for odd in (9, 7, 5, 3):
        p = (p + F32(2 / odd)) * w
    return exponent * F32(float.fromhex("0x1.62e430p-1")) + (p + F32(2)) * s


def sqrt(x):
    return np.sqrt(x)


def cross_entropy(z, y, scale):
    t = z - z.max(-1, keepdims=True)
    e = exp(t)
    total = fold(e)
    loss = log(total) - t[np.arange(len(y)), y]
    p = e / total[:, None]
    p[np.arange(len(y)), y] -= F32(1)
    return loss, p * F32(scale)


def sgd(p, m, g, lr, momentum):
    m = m * F32(momentum) + g
    return p - m * F32(lr), m


def linear_stack(weights, x):
    """Forward pass; ``weights`` is a list of (W, b). Returns each layer's input, and logits."""
    inputs = []
    for index, (w, b) in enumerate(weights):
        inputs.append(x)
        x = mm(x, w.T) + b
        if index < len(weights) - 1:
            x = np.maximum(x, F32(0))
    return inputs, x


def gradients(weights, x, y, batch):
    """Mean loss of a micro-batch, and its gradients by layer, scaled for the whole batch."""
    inputs, z = linear_stack(weights, x)
    losses, d = cross_entropy(z, y, F32(1.0 / batch))
    found = [None] * len(weights)
    for index in range(len(weights) - 1, -1, -1):
        found[index] = (mm(d.T, inputs[index]), sum_rows(d))
        if index:
            d = mm(d, weights[index][0]) * (inputs[index] > 0)
    return mean(losses), found


def hash_arrays(arrays):
    state = hashlib.sha256()
    for array in arrays:
        assert array.dtype == F32
        state.update((array + F32(0)).astype("<f4").tobytes())
    return state.hexdigest()
