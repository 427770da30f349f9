"""How much disk space a task takes on a contributor's machine, known before anything is staked."""

from dataclasses import dataclass

FLOOR_BYTES = 256 << 20
"""The bytes that must stay free, for the database, its log and the verification file."""


@dataclass(frozen=True)
class DiskShape:
    """The sizes that decide, in bytes, and what is on the disk already."""

    state: int
    """One state of training; the states at all segment boundaries are kept."""

    segments: int
    model: int
    rows: int
    opening: int
    has_model: bool = False
    has_rows: bool = False


def compute_state_files(state_bytes: int, segments: int) -> int:
    """Return the bytes of a training's states: one more than it has segments."""
    return (segments + 1) * state_bytes


def compute_disk_need(shape: DiskShape) -> int:
    """Return an upper bound of the bytes that a task still takes, including the floor.

    The trained model and its update are kept beside the initial one. Rows that are fetched are
    kept both encrypted and decrypted for a while.
    """
    return (
        compute_state_files(shape.state, shape.segments)
        + (2 if shape.has_model else 3) * shape.model
        + (0 if shape.has_rows else 2) * shape.rows
        + shape.opening
        + FLOOR_BYTES
    )


def compute_seat_need(max_state_bytes: int) -> int:
    """Return the bytes that a verifier's seat takes for the largest task that it accepts.

    They hold a model, an opening, and the states in it that replays start from.
    """
    return 3 * max_state_bytes + FLOOR_BYTES
