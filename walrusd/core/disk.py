"""How much disk a task takes on the machine of a contributor, before anything is staked on it."""

from dataclasses import dataclass

FLOOR_BYTES = 256 << 20
"""What must stay free: the database, its log and the verification file take of it too."""


@dataclass(frozen=True)
class DiskShape:
    """The sizes that decide, in bytes, and what is on the disk already."""

    state: int
    """One state of training, of which the start and the end of every segment are kept."""

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
    """Return how many more bytes a task takes, at most and with the floor.

    The trained model and its update lie beside the initial one. Rows that are fetched lie there
    encrypted and decrypted for a while.
    """
    return (
        compute_state_files(shape.state, shape.segments)
        + (2 if shape.has_model else 3) * shape.model
        + (0 if shape.has_rows else 2) * shape.rows
        + shape.opening
        + FLOOR_BYTES
    )


def compute_seat_need(max_state_bytes: int) -> int:
    """Return how many bytes a verifier's seat takes for the largest task that it accepts.

    A model, an opening, and the states in it that a replay starts from.
    """
    return 3 * max_state_bytes + FLOOR_BYTES
