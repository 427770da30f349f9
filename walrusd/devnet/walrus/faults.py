"""Fault injection, to test clients."""

from dataclasses import dataclass, field


@dataclass
class Faults:
    """The faults in force. Counters run down; lists are consumed from the front."""

    read_statuses: list[int] = field(default_factory=list)
    """Statuses of the next reads; 0 lets one pass."""
    store_statuses: list[int] = field(default_factory=list)
    """Statuses of the next stores, which are not carried out; 0 lets one pass."""
    store_errors: int = 0
    """Stores answered with status 200 and an error for lack of funds."""
    lost_receipts: int = 0
    """Stores that are carried out and then answered with 500."""
    foreign_receipts: int = 0
    """Stores answered with a receipt for another blob."""
    corrupt_reads: int = 0
    """Reads with one bit flipped."""
    short_reads: int = 0
    """Reads without the last byte, with a matching length."""
    long_reads: int = 0
    """Reads with one more byte, with a matching length."""
    corrupt_metadata: int = 0
    """Metadata reads with one bit flipped."""
    unspread_reads: int = 0
    """Reads answered with 404 although the blob is stored."""
    read_delay: float = 0.0
    """Seconds before each read is answered."""
    store_delay: float = 0.0
    """Seconds before each completed store is answered."""

    def take(self, name: str) -> bool:
        """Count down ``name``; return whether the fault applies now."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0

    def take_status(self, statuses: list[int]) -> int | None:
        """Consume one of ``statuses``; return None if the request passes."""
        return (statuses.pop(0) or None) if statuses else None
