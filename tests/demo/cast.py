"""Who plays in the demonstration, and every choice that the seed makes."""

import random
from dataclasses import dataclass
from pathlib import Path

from walrusd.settings.model import Role

CONTRIBUTORS = ("anna", "ben", "cleo", "dan")
VERIFIERS = tuple(f"verifier{n}" for n in range(1, 9))
PUBLISHER = "publisher"
OWNER = "owner"
ACCOUNTS = 16
"""The devnet prefunds so many accounts; the seed says which of them act."""

ROW_BYTES = 65
HELD_OUT_ROWS = 360
DATA = Path(__file__).parent / "data" / "digits.bin"


@dataclass(frozen=True)
class Actor:
    """One participant: its role, its devnet account, and whether it cheats."""

    name: str
    role: Role
    account: int
    cheats: bool = False


@dataclass(frozen=True)
class Cast:
    """Everything that ``--seed`` and ``--scheme`` fix. ``train`` and ``held_out`` are row bytes."""

    seed: int
    actors: tuple[Actor, ...]
    init_seed: bytes
    train: bytes
    held_out: bytes
    scheme: str = "pedersen"

    def named(self, name: str) -> Actor:
        """Return the actor of a name."""
        return next(actor for actor in self.actors if actor.name == name)

    def with_role(self, role: Role) -> tuple[Actor, ...]:
        """Return the actors of a role."""
        return tuple(actor for actor in self.actors if actor.role is role)

    @property
    def cheat(self) -> Actor:
        """The contributor that does not train."""
        return next(actor for actor in self.actors if actor.cheats)


def choose_cast(seed: int, data: bytes | None = None, scheme: str = "pedersen") -> Cast:
    """Return the cast of ``seed``: the same seed gives the same cast."""
    rng = random.Random(f"walrusd demo {seed}")
    cheat = rng.choice(CONTRIBUTORS)
    accounts = rng.sample(range(ACCOUNTS), 2 + len(CONTRIBUTORS) + len(VERIFIERS))
    roles = [(PUBLISHER, Role.PUBLISHER), (OWNER, Role.DATASET_OWNER)]
    roles += [(name, Role.CONTRIBUTOR) for name in CONTRIBUTORS]
    roles += [(name, Role.VERIFIER) for name in VERIFIERS]
    actors = tuple(
        Actor(name, role, account, cheats=name == cheat)
        for (name, role), account in zip(roles, accounts, strict=True)
    )
    init_seed = rng.randbytes(32)
    train, held_out = split_rows(DATA.read_bytes() if data is None else data, rng)
    return Cast(seed, actors, init_seed, train, held_out, scheme)


def split_rows(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    """Return shuffled rows for training, and ``HELD_OUT_ROWS`` others to measure accuracy with."""
    rows = [data[i : i + ROW_BYTES] for i in range(0, len(data), ROW_BYTES)]
    rng.shuffle(rows)
    return b"".join(rows[HELD_OUT_ROWS:]), b"".join(rows[:HELD_OUT_ROWS])
