"""The table of what fits where, in docs/task.md, is what the code computes."""

from pathlib import Path

from walrusd.core.sizes import (
    SchemeShape,
    Storage,
    StoredPart,
    WorkShape,
    compute_sum_size,
    list_contributed,
)
from walrusd.settings.model import DEFAULT_CHUNK
from walrusd.storage.geometry import compute_max_blob_size

TEXT = (Path(__file__).parents[2] / "docs" / "task.md").read_text("utf-8")
LIMITS = {
    "10 MiB: public publishers, the devnet": 10 << 20,
    f"{compute_max_blob_size(100):,} bytes: a network of 100 shards": compute_max_blob_size(100),
    f"{compute_max_blob_size(1000):,} bytes: Walrus, 1,000 shards": compute_max_blob_size(1000),
}
SCHEMES = {"pedersen": 0, "paillier": 3072}
SLOT_BITS = 40


def fits(weights: int, modulus_bits: int, limit: int) -> bool:
    """Whether a plan of 8 segments fits, each of 320 rows of 65 bytes out of 1,797."""
    shape = WorkShape(
        scheme=SchemeShape(weights, modulus_bits, SLOT_BITS),
        state_bytes=12 * weights + 24,
        segments=8,
        steps=80,
        segment_rows=320,
        row_bytes=65,
        dataset_rows=1797,
        committee=3,
        segments_per_seat=2,
        max_submissions=8,
    )
    cut = min(limit, DEFAULT_CHUNK)
    parts = (*list_contributed(shape, cut), StoredPart("sum", compute_sum_size(shape)))
    return not Storage(parts, limit, limit).too_large


def find_most(modulus_bits: int, limit: int) -> int:
    """Return how many weights fit, to two digits."""
    low, high = 1, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle, modulus_bits, limit) else (low, middle)
    unit = 10 ** (len(str(low)) - 2)
    return low // unit * unit


def render() -> str:
    lines = [f"| one blob may have | {' | '.join(SCHEMES)} |", "|---|" + "---:|" * len(SCHEMES)]
    for name, limit in LIMITS.items():
        found = [find_most(bits, limit) for bits in SCHEMES.values()]
        lines.append(f"| {name} | " + " | ".join(f"{most:,}" for most in found) + " |")
    return "\n".join(lines)


def test_the_table_is_what_the_code_computes() -> None:
    assert render() in TEXT, render()
