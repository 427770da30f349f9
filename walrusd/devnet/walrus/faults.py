"""Misbehaviour on demand, so that clients can show what they make of it."""

from dataclasses import dataclass, field


@dataclass
class Faults:
    """What shall go wrong. Counters run down; lists are used up from the front."""

    read_statuses: list[int] = field(default_factory=list)
    """Statuses of the next reads; 0 lets one through."""
    store_statuses: list[int] = field(default_factory=list)
    """Statuses of the next stores, which are then not carried out; 0 lets one through."""
    store_errors: int = 0
    """Stores answered with status 200 and an error for lack of funds."""
    lost_receipts: int = 0
    """Stores that are carried out and then answered with 500."""
    foreign_receipts: int = 0
    """Stores answered with a receipt for another blob."""
    corrupt_reads: int = 0
    """Reads with one bit flipped."""
    short_reads: int = 0
    """Reads that leave out the last byte, with a length to match."""
    long_reads: int = 0
    """Reads that append a byte, with a length to match."""
    corrupt_metadata: int = 0
    """Metadata reads with one bit flipped."""
    unspread_reads: int = 0
    """Reads answered with 404 although the blob is there."""
    read_delay: float = 0.0
    """Seconds before each read is answered."""
    store_delay: float = 0.0
    """Seconds before each store that has been carried out is answered."""

    def take(self, name: str) -> bool:
        """Count down ``name``; tell whether the fault applies now."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0

    def take_status(self, statuses: list[int]) -> int | None:
        """Use up one of ``statuses``; None if the request shall go through."""
        return (statuses.pop(0) or None) if statuses else None
