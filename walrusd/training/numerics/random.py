"""Counter-based randomness: every number is a function of (seed, step, purpose), never of history.

SPEC §6: ``xof(seed, step, name) = BLAKE3-XOF(key = seed, prefix(RANDOM) ‖ u64(step) ‖ name)``. The
names in use are ``order`` (batch order; the step field holds the epoch), ``init/<tensor>`` (step 0)
and ``dropout/<micro-batch>/<layer>``.
"""

import functools

import blake3
import numpy as np
import numpy.typing as npt

from walrusd.crypto.tags import Tag, u64
from walrusd.training.plan.plan import Plan

Indices = npt.NDArray[np.int64]
"""Row numbers."""


def compute_stream(seed: bytes, step: int, name: str, length: int) -> bytes:
    """Return ``length`` bytes of the stream for ``(seed, step, name)``; ``seed`` has 32 bytes."""
    context = Tag.RANDOM.prefix + u64(step) + name.encode("ascii")
    return blake3.blake3(context, key=seed).digest(length=length)


def compute_uniform(
    seed: bytes, step: int, name: str, shape: tuple[int, ...], bound: float
) -> npt.NDArray[np.float32]:
    """Return float32 values uniform in ``[−bound, bound)``.

    Each is ``RN32((u · 2^−23 − 1) · bound)`` for ``u`` the top 24 bits of a little-endian word:
    the bracket is exact in float32, so there is one rounding. ``bound`` is a float32 value.
    """
    count = int(np.prod(shape, dtype=np.int64))
    words = np.frombuffer(compute_stream(seed, step, name, 4 * count), "<u4")
    unit = (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)
    return (unit * np.float32(bound)).reshape(shape)


def draw_kept(
    seed: bytes, step: int, name: str, shape: tuple[int, ...], threshold: int
) -> npt.NDArray[np.bool_]:
    """Return the elements that dropout keeps, bool of ``shape``.

    Each takes one byte of the stream, and is kept if that is ``threshold`` or more.
    """
    count = int(np.prod(shape, dtype=np.int64))
    octets = np.frombuffer(compute_stream(seed, step, name, count), np.uint8)
    return (octets >= threshold).reshape(shape)


@functools.lru_cache(maxsize=2)
def _compute_epoch_order(seed: bytes, epoch: int, rows: int) -> npt.NDArray[np.int64]:
    """Return the order of an epoch: rows sorted by one 64-bit word each, ties by row number."""
    words = np.frombuffer(compute_stream(seed, epoch, "order", 8 * rows), "<u8")
    order = np.argsort(words, kind="stable").astype(np.int64)
    order.setflags(write=False)
    return order


def batch_rows(seed: bytes, step: int, batch: int, rows: int) -> npt.NDArray[np.int64]:
    """Return the row numbers, ``(batch,)``, of step ``step`` (from 1), in the order they are used.

    The steps of an epoch take consecutive pieces of a fresh permutation of all rows; the
    ``rows mod batch`` rows left over are not used in that epoch.

    Raises:
        ValueError: if the step is below 1 or the batch does not fit the rows.
    """
    if step < 1 or not 1 <= batch <= rows:
        raise ValueError(f"no step {step} with batches of {batch} from {rows} rows")
    epoch, place = divmod(step - 1, rows // batch)
    order = _compute_epoch_order(seed, epoch, rows)
    return order[place * batch : (place + 1) * batch]


def compute_segment_rows(plan: Plan, seed: bytes, segment: int, rows: int) -> npt.NDArray[np.int64]:
    """Return every row number that ``segment`` reads, ascending and without repetition.

    An opening carries exactly these rows.

    Raises:
        ValueError: if the plan has no such segment, or its batch does not fit the rows.
    """
    steps = plan.segment_range(segment)
    return np.unique(np.concatenate([batch_rows(seed, step, plan.batch, rows) for step in steps]))
