"""Row commitments against one multi-scalar product over the whole update."""

import numpy as np

from tests.bench.measure import Measurement, time_in_turns
from walrusd.crypto.pedersen.g1 import GENERATORS, ROW_LENGTH, compute_msm, random_scalar
from walrusd.crypto.pedersen.rows import commit_rows, compute_row_count, verify_rows
from walrusd.runtime.generators import load_generators

ENTRIES = 1_000_000
VALUE_BITS = 24


def measure_commitments(rounds: int) -> list[Measurement]:
    """Return what committing to an update and checking the commitments cost."""
    update = np.random.default_rng(2).integers(
        -(1 << (VALUE_BITS - 1)), 1 << (VALUE_BITS - 1), ENTRIES, np.int32
    )
    count = compute_row_count(ENTRIES)
    blindings = [random_scalar() for _ in range(count)]
    # The points of a flat product may repeat: its time does not depend on which they are.
    load_generators()
    points = (GENERATORS.first(ROW_LENGTH) * count)[:ENTRIES]
    lowest = int(update.min())
    shifted = [value - lowest for value in update.tolist()]
    commitments = commit_rows(update, blindings)
    commit, verify, flat = time_in_turns(
        [
            lambda: commit_rows(update, blindings),
            lambda: verify_rows(update, blindings, commitments),
            lambda: compute_msm(points, shifted),
        ],
        rounds,
    )
    note = f"{ENTRIES} entries of {VALUE_BITS} bits, {count} rows of {ROW_LENGTH}, one thread; "
    return [
        Measurement(
            "pedersen.commit_rows",
            commit,
            "ms",
            flat,
            note + "baseline: one flat product of as many terms",
        ),
        Measurement(
            "pedersen.verify_rows",
            verify,
            "ms",
            flat,
            note + "baseline: the flat product that opening a single commitment would take",
        ),
    ]
