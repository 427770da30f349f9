"""Writes the second table of docs/gas.md: the calls whose cost grows, and their limits."""

from tests.move.sources import read_constant
from walrusd.chain.layouts.objects import VerifierPool
from walrusd.core.protocol import compute_juror_draw, compute_seat_draw

from .prices import (
    INTERNAL_PER_UNIT,
    KEPT_OF_REBATE,
    READ_PER_BYTE,
    STORAGE_MIST_PER_BYTE,
    counting_hashes,
)

MIST_PER_SUI = 10**9
PASS_INSTRUCTIONS, PASS_UNITS = 118_000, 7_500
TRIES_INSTRUCTIONS, TRIES_UNITS = 251_000, 14_000
"""Of drawing from a full pool, and of a lot that finds nobody: a meter of the compiled bytecode
counted them."""


def write_limits(pool: VerifierPool) -> str:
    """Return the table as Markdown; ``pool`` is any that has a seat."""
    committee, jury = read_constant("terms::MAX_COMMITTEE"), read_constant("terms::MAX_JURY")
    segments = read_constant("terms::MAX_SEGMENTS")
    slots = committee + read_constant("terms::MAX_SUBSTITUTES")
    assert segments == 1 << 20, "the text has it as 2²⁰"
    # A trace has one leaf more than segments; a tree of n leaves is ceil(log2(n)) deep.
    trace, slot = segments.bit_length(), (slots - 1).bit_length()
    rounds = read_constant("dealing::ROUNDS")
    jury += (jury + 1) // 2
    parties = "one credit per address: at most the pool, the contributor, an accuser and two cranks"
    rows = [
        ("call", "grows with", "at its limit"),
        ("---", "---", "---"),
        describe_pool(pool),
        describe_pass(),
        describe_draws(),
        (
            "`attestation::attest`",
            f"the paths and {rounds} shuffle rounds",
            f"2²⁰ segments, {committee} seats: {trace + slot} path elements",
        ),
        ("`submission::commit`", "the path", f"2²⁰ segments: {trace} path elements"),
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
    size = max(len(seat.to_bcs()) for seat in pool.seats)
    seats = read_constant("node::MAX_SEATS")
    full = size * seats
    read = full * READ_PER_BYTE // INTERNAL_PER_UNIT
    kept = full * STORAGE_MIST_PER_BYTE / KEPT_OF_REBATE / MIST_PER_SUI
    return (
        "anything that takes `&mut VerifierPool`",
        f"the pool: {size} bytes per seat, rewritten each time",
        f"{seats:,} seats: {full:,} bytes, {read:,} gas units to read, {kept:.4f} SUI kept each",
    )


def describe_pass() -> tuple[str, str, str]:
    """Return the row of the calls that look at every seat."""
    seats = read_constant("node::MAX_SEATS")
    cost = f"some {PASS_INSTRUCTIONS:,} instructions and {PASS_UNITS:,} gas units"
    return (
        "`committee::draw_committee`, `jury::draw_jury`",
        "the pool, of which every seat is looked at",
        f"{seats:,} seats: {cost}; `task::open_task` and `task::close_joining` take less",
    )


def describe_draws() -> tuple[str, str, str]:
    """Return the row of the draws of seats and jurors."""
    tries = read_constant("node::MAX_TRIES")
    sizes = []
    for draw in (compute_seat_draw, compute_juror_draw):
        counts = [0, 0]
        with counting_hashes(counts):
            draw(bytes(32), bytes(32), 0, 1)
        assert counts[0] == 1
        sizes.append(counts[1])
    hashed = max(sizes) * tries
    cost = f"{TRIES_INSTRUCTIONS:,} instructions, roughly {TRIES_UNITS:,} gas units"
    when = "only if one verifier has almost all seats"
    return (
        "`committee::seat_committee`, `jury::seat_jury`",
        f"tries: one hash of {min(sizes)} or {max(sizes)} bytes each",
        f"{tries} tries: {hashed:,} hashed bytes; some {cost} ({when})",
    )
