"""Writes the table of docs/gas.md on envelopes: what each check costs, and how many fit a call.

The checks have no loops and no branches, so what stands in their source is what runs.
"""

import re
from collections import Counter

from tests.move.sources import read_constant, read_modules, split_functions

from .prices import (
    BCS_PER_BYTE,
    HASH_BASE,
    HASH_PER_BYTE,
    INTERNAL_PER_UNIT,
    MAX_UNITS,
    NATIVES,
    compute_instruction_cost,
)

CHECKS = ("verify_recipient", "verify_opening", "open_label", "verify_envelope", "verify_value")
INSTRUCTIONS = 1_000
"""Our own figure: several times what one check executes."""
PREIMAGE = 640
"""Bytes, more than the longest preimage has: that of an envelope's proof."""


def count_natives(check: str) -> Counter[str]:
    """Return how often ``check`` calls each function of ``sui::bls12381``."""
    bodies = dict(split_functions(read_modules()["envelope"]))
    return Counter(re.findall(r"\bbls12381::(\w+)\(", bodies[check]))


def compute_natives(check: str) -> int:
    """Return the internal units of the natives that ``check`` calls."""
    calls = count_natives(check)
    group = sum(NATIVES[name] * count for name, count in calls.items())
    return group + HASH_BASE + (BCS_PER_BYTE + HASH_PER_BYTE) * PREIMAGE


def compute_committee(envelopes: int) -> int:
    """Return the internal units of an opening with this many envelopes in one transaction."""
    calls = Counter({"verify_opening": 1, "open_label": 2, "verify_envelope": envelopes})
    instructions = compute_instruction_cost(INSTRUCTIONS * calls.total())
    return instructions + sum(compute_natives(check) * count for check, count in calls.items())


def write_envelopes() -> str:
    """Return the table as Markdown, and a sentence on a whole committee."""
    rows = [
        "| check | pairings | group operations | points decoded | gas units |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for check in CHECKS:
        calls = count_natives(check)
        operations = sum(n for name, n in calls.items() if name[3:] in {"sub", "mul", "add"})
        operations += calls["hash_to_g1"]
        decoded = calls["g1_from_bytes"] + calls["g2_from_bytes"]
        internal = compute_natives(check) + compute_instruction_cost(INSTRUCTIONS)
        units = -(-internal // INTERNAL_PER_UNIT)
        rows.append(
            f"| `envelope::{check}` | {calls['pairing']} | {operations} | {decoded} | {units:,} |"
        )
    seats = read_constant("terms::MAX_COMMITTEE")
    units = -(-compute_committee(seats + 1) // INTERNAL_PER_UNIT)
    most = MAX_UNITS * INTERNAL_PER_UNIT
    fitting = max(n for n in range(0, 20_000, 100) if compute_committee(n) <= most)
    rows += [
        "",
        f"An opening for {seats} seats and the publisher: {units:,} units together.",
        f"The {MAX_UNITS:,} that a transaction may cost would do for {fitting:,} envelopes;",
        "its size, 128 KiB, ends it far earlier.",
    ]
    return "\n".join(rows) + "\n"
