"""Who takes part in the ready market, and where everything lies in its directory."""

from dataclasses import dataclass
from pathlib import Path

from walrusd.settings.model import Role

PUBLISHER = "publisher"
CONTRIBUTORS = ("anna", "ben")
VERIFIERS = tuple(f"verifier{n}" for n in range(1, 9))
"""Two seats for a committee and a substitute, three jurors and two alternates: a jury excludes the
committee."""
SEATS = 2
"""The seats of each verifier: the contract asks for a few more than one submission takes."""

NEWCOMER_ACCOUNT = 15
ACCOUNTS = 16


@dataclass(frozen=True)
class Member:
    """One daemon of the market: its name, its roles, and the number of its prefunded account."""

    name: str
    roles: tuple[Role, ...]
    account: int


def _list_members() -> tuple[Member, ...]:
    # Account 0 has published the contract.
    roles: list[tuple[str, tuple[Role, ...]]] = [(PUBLISHER, (Role.PUBLISHER, Role.DATASET_OWNER))]
    roles += [(name, (Role.CONTRIBUTOR,)) for name in CONTRIBUTORS]
    roles += [(name, (Role.VERIFIER,)) for name in VERIFIERS]
    return tuple(Member(name, held, i) for i, (name, held) in enumerate(roles, 1))


MEMBERS = _list_members()


@dataclass(frozen=True)
class MarketFiles:
    """The files below ``root``, the directory of ``walrusd devnet up``."""

    root: Path

    @property
    def chain(self) -> Path:
        """The state of the two networks."""
        return self.root / "chain"

    @property
    def network(self) -> Path:
        """What a daemon must know of the networks, for ``walrusd init --network``; no secret."""
        return self.root / "network.json"

    @property
    def newcomer_key(self) -> Path:
        """The private key of an account with coins, for the reader's own daemon."""
        return self.root / "newcomer.key"

    @property
    def rows(self) -> Path:
        """The dataset's rows, as its owner has them."""
        return self.root / "rows.bin"

    @property
    def schema(self) -> Path:
        """The layout of a row."""
        return self.root / "schema.json"

    @property
    def state(self) -> Path:
        """The ports, the dataset and the tasks opened so far; a restart continues from it."""
        return self.root / "market.json"

    @property
    def log(self) -> Path:
        """What ``up --detach`` has printed."""
        return self.root / "up.log"

    @property
    def pid(self) -> Path:
        """The number of the process that serves this directory, while its lock is held."""
        return self.root / "pid"

    @property
    def ready(self) -> Path:
        """A file that is there while the market is ready."""
        return self.root / "ready"

    def task(self, number: int) -> Path:
        """Return the file of the ``number``-th task, as for ``walrusctl task publish``."""
        return self.root / f"task-{number}.json"

    def home(self, member: str) -> Path:
        """Return the directory of a daemon."""
        return self.root / member

    def config(self, member: str) -> Path:
        """Return the configuration of a daemon."""
        return self.home(member) / "walrusd.toml"

    def socket(self, member: str) -> Path:
        """Return the control socket of a daemon."""
        return self.home(member) / "control.sock"

    def member_log(self, member: str) -> Path:
        """Return the log of a daemon."""
        return self.root / "logs" / f"{member}.log"
