"""Randomness of a devnet that a play may choose: nobody in the market can, but a play must."""

import itertools
from collections.abc import Callable

from walrusd.devnet.ledger.accounts import Seed
from walrusd.devnet.move.context import MoveContext


class ChosenSeed(Seed):
    """A devnet's seed. With a wish, a transaction's randomness is the first that fulfils it."""

    _wishes: list[Callable[[bytes], bool]]

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        object.__setattr__(self, "_wishes", [])

    def wish(self, is_wanted: Callable[[bytes], bool]) -> None:
        """Let what the first generator of any transaction gives fulfil ``is_wanted``."""
        self._wishes[:] = [is_wanted]

    def forget(self) -> None:
        """Leave randomness to chance again."""
        self._wishes.clear()

    def derive(self, label: str, context: bytes = b"") -> bytes:
        """Return 32 bytes for one purpose; for "random" a transaction's digest is the context."""
        if label != "random" or not self._wishes:
            return super().derive(label, context)
        tries = (super(ChosenSeed, self).derive(f"try {n}", context) for n in itertools.count())
        return next(seed for seed in tries if self._wishes[0](_first_bytes(seed, context)))


def _first_bytes(seed: bytes, digest: bytes) -> bytes:
    """Return what a transaction draws that makes no object before."""
    none = "0x" + "0" * 64
    context = MoveContext(none, 0, 0, none, digest=digest, random_seed=seed)
    return context.random_bytes(32)
