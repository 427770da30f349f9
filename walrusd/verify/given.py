"""What a third party provides for the checks, and what has passed them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from walrusd.core.opening import Opening
from walrusd.crypto.cost import CostFunction
from walrusd.crypto.vfile.vfile import VerificationFile


@dataclass(frozen=True)
class Given:
    """What the checks may use beside the file; each missing input means fewer checks.

    ``keys`` have 32 bytes: of the cost function, of the opening, of the dataset; each is tried
    for every purpose. ``segments`` are to be replayed.
    """

    file: Path
    digest: bytes | None = None
    keys: tuple[bytes, ...] = ()
    opening: Path | None = None
    plan: Path | None = None
    model: Path | None = None
    dataset: Path | None = None
    rows: int | None = None
    """How many rows the dataset has, as recorded on the chain."""
    segments: tuple[int, ...] = ()
    threads: int = 0
    on_step: Callable[[str], None] = lambda _text: None
    """Called with the current step, for a progress display."""


@dataclass(frozen=True)
class Found:
    """What was read on the way and passed its checks."""

    file: VerificationFile
    opening: Opening | None
    cost: CostFunction | None
