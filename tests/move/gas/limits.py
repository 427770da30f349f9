"""Writes the second table of docs/gas.md: the calls whose cost grows, and their limits."""

from tests.move.sources import read_constant
from walrusd.chain.layouts.objects import VerifierPool
from walrusd.core.protocol import compute_juror_draw, compute_seat_draw

from .prices import (
    HASH_BASE,
    HASH_PER_BYTE,
    INTERNAL_PER_UNIT,
    KEPT_OF_REBATE,
    PER_HASHED_BYTE,
    READ_PER_BYTE,
    STORAGE_MIST_PER_BYTE,
    compute_instruction_cost,
    counting_hashes,
    round_up_units,
)

ENVELOPE = "submission::MAX_ENVELOPE_BYTES"
MIST_PER_SUI = 10**9
LENGTH = 2
"""Bytes of the length of a vector of 128 to 16,383 bytes."""


def write_limits(pool: VerifierPool) -> str:
    """Return the table as Markdown; ``pool`` is any that has a seat."""
    committee, jury = read_constant("terms::MAX_COMMITTEE"), read_constant("terms::MAX_JURY")
    segments, slots = read_constant("terms::MAX_SEGMENTS"), 2 * committee
    assert segments == 1 << 20, "the text has it as 2²⁰"
    # A trace has one leaf more than segments; a tree of n leaves is ceil(log2(n)) deep.
    trace, slot = segments.bit_length(), (slots - 1).bit_length()
    rounds, envelope = read_constant("dealing::ROUNDS"), read_constant(ENVELOPE)
    stuffed = (envelope + LENGTH) * committee
    deposit = stuffed * STORAGE_MIST_PER_BYTE / MIST_PER_SUI
    parties = "one credit per address: at most the pool, the contributor, an accuser and two cranks"
    rows = [
        ("call", "grows with", "at its limit"),
        ("---", "---", "---"),
        describe_pool(pool),
        describe_draws(),
        (
            "`attestation::attest`",
            f"the paths and {rounds} shuffle rounds",
            f"2²⁰ segments, {committee} seats: {trace + slot} path elements",
        ),
        ("`submission::commit`", "the path", f"2²⁰ segments: {trace} path elements"),
        (
            "`submission::open`",
            "envelopes, which are stored",
            f"{committee} envelopes of {envelope:,} bytes: {stuffed:,} bytes, {deposit:.2f} SUI",
        ),
        (
            "`jury::resolve`",
            "seats of the committee and jurors",
            f"{slots} slots, {jury} jurors",
        ),
        (
            "`settlement::settle`, `settlement::claim`",
            "credits and committee",
            f"{committee} seats; {parties}",
        ),
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def describe_pool(pool: VerifierPool) -> tuple[str, str, str]:
    """Return the row of the calls that rewrite the pool."""
    (size,) = {len(seat.to_bcs()) for seat in pool.seats}
    seats = read_constant("node::MAX_SEATS")
    full = size * seats
    read = full * READ_PER_BYTE // INTERNAL_PER_UNIT
    kept = full * STORAGE_MIST_PER_BYTE / KEPT_OF_REBATE / MIST_PER_SUI
    return (
        "anything that takes `&mut VerifierPool`",
        f"the pool: {size} bytes per seat, rewritten each time",
        f"{seats:,} seats: {full:,} bytes, {read:,} gas units to read, {kept:.4f} SUI kept each",
    )


def describe_draws() -> tuple[str, str, str]:
    """Return the row of the draws of seats and jurors."""
    tries = read_constant("committee::MAX_TRIES")
    assert tries == read_constant("jury::MAX_TRIES")
    sizes = []
    for draw in (compute_seat_draw, compute_juror_draw):
        counts = [0, 0]
        with counting_hashes(counts):
            draw(bytes(32), bytes(32), 0, 1)
        assert counts[0] == 1
        sizes.append(counts[1])
    hashed = max(sizes) * tries
    instructions = PER_HASHED_BYTE * hashed
    internal = compute_instruction_cost(instructions) + HASH_BASE * tries + HASH_PER_BYTE * hashed
    cost = f"{instructions:,} instructions, roughly {round_up_units(internal):,} gas units"
    when = "only a pool that is almost all ineligible needs so many"
    return (
        "`committee::seat`, `jury::seat_jury`",
        f"tries: one hash of {min(sizes)} or {max(sizes)} bytes each",
        f"{tries} tries: {hashed:,} hashed bytes; some {cost} ({when})",
    )
