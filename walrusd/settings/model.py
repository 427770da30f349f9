"""The settings of one daemon: frozen, typed, made once at start and passed down.

This is the typed constructor. The textual one is :func:`walrusd.settings.load.load_settings`.
Nothing after start reads the configuration file, the environment, or the command line.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from walrusd.errors import ContractNotPublished
from walrusd.units import Address, BasisPoints, Mist, ObjectId

NOTHING = Mist(0)
A_TENTH = BasisPoints(1_000)
DEFAULT_GAS_BUDGET = Mist(100_000_000)
MIB = 1 << 20
DEFAULT_MAX_BLOB = 10 * MIB
"""The default limit of `walrus publisher`, and that of public ones."""
DEFAULT_CHUNK = 8 * MIB
"""Well below that limit, and whole MiB."""


class Role(StrEnum):
    """What a daemon does on the market; one daemon may hold any set of roles."""

    PUBLISHER = "publisher"
    CONTRIBUTOR = "contributor"
    VERIFIER = "verifier"
    DATASET_OWNER = "dataset_owner"


class LogFormat(StrEnum):
    """How log events are written: for machines or for people."""

    JSON = "json"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """``[daemon]``: where state lives, who the daemon is, and how it speaks.

    ``threads`` is the number of threads for heavy arithmetic; 0 means one per core that the daemon
    may use (``training.threads`` counts them).
    """

    data_dir: Path
    socket: Path
    roles: frozenset[Role]
    threads: int = 0
    log_level: str = "info"
    log_format: LogFormat = LogFormat.JSON
    metrics: bool = True


@dataclass(frozen=True, slots=True)
class SuiSettings:
    """``[sui]``: which network and market; ``gas_budget`` is the most one transaction may pay.

    ``chain_id`` is what the node's service info reports; another chain is refused at start.
    ``package_id`` is the contract's first version, which names its types forever;
    ``upgraded_package_id`` the version to call, if it was upgraded. Without package and market
    the daemon refuses to run, but can publish the contract. ``archive_urls`` are read only for
    history that all of ``urls`` have pruned.
    """

    urls: tuple[str, ...]
    chain_id: str
    package_id: ObjectId | None = None
    market_id: ObjectId | None = None
    gas_budget: Mist = DEFAULT_GAS_BUDGET
    upgraded_package_id: ObjectId | None = None
    archive_urls: tuple[str, ...] = ()

    def require_contract(self) -> "ContractIds":
        """Return the ids of the contract.

        Raises:
            ContractNotPublished: if the configuration does not name it.
        """
        if self.package_id is None or self.market_id is None:
            missing = "sui.package_id" if self.package_id is None else "sui.market_id"
            raise ContractNotPublished(
                f"the configuration has no {missing}: it names no contract to work with",
                hint="publish one with `walrusctl contract publish`, or use someone else's"
                " profile with `walrusctl contract use PROFILE`",
            )
        return ContractIds(
            self.package_id, self.upgraded_package_id or self.package_id, self.market_id
        )


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """``[market]``: the pools of verifiers that this daemon deals with.

    Whoever makes a pool decides what its seats stake, so a stranger's pool protects nobody: tasks
    of pools that are not listed are neither joined nor opened, and no seat is taken there. The
    first is the one for new tasks and seats.
    """

    pools: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class ContractIds:
    """The contract's first version, the version to call, its market, and the pools to use."""

    package: ObjectId
    latest: ObjectId
    market: ObjectId
    pools: tuple[ObjectId, ...] = ()

    @property
    def versions(self) -> tuple[ObjectId, ...]:
        """Return the package ids under which events may be defined, each once."""
        return tuple(dict.fromkeys((self.package, self.latest)))


@dataclass(frozen=True, slots=True)
class WalrusSettings:
    """``[walrus]``: HTTP endpoints; ``shards`` of the network; ``epochs`` a stored blob lives.

    ``nodes`` are storage nodes: with their metadata a blob is checked row by row, without them
    by encoding it again; and an interrupted upload is looked up instead of sent again.
    ``max_blob_bytes`` is the most that the publishers take in one upload; files are stored in
    chunks of ``chunk_bytes``.
    """

    aggregators: tuple[str, ...]
    publishers: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    shards: int = 1000
    epochs: int = 5
    max_blob_bytes: int = DEFAULT_MAX_BLOB
    chunk_bytes: int = DEFAULT_CHUNK


@dataclass(frozen=True, slots=True)
class KeysSettings:
    """``[keys]``: the sealed keystore, and the file with the key that opens it.

    Without ``kek_file`` the key comes from ``$CREDENTIALS_DIRECTORY/walrusd-kek`` (systemd).
    """

    keystore: Path
    kek_file: Path | None = None


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """``[policy]``: what may be done without asking: a contributor's stakes, a publisher's terms.

    Empty ``allow_…`` sets allow everyone; ``deny_publishers`` wins over ``allow_publishers``. The
    stake limits start at zero: no money moves before its owner has set a limit. ``max_late_fee``
    and ``max_lapse_penalty`` are shares of the task's stake; whoever is away for ``min_grace_s``
    loses at most the former. ``rate`` is the segment work a second that this machine trains; 0
    means as measured. With ``refuse_weak_terms`` a publisher opens no task whose terms have a
    weakness.
    """

    enabled: bool = True
    max_stake_per_task: Mist = NOTHING
    max_stake_per_day: Mist = NOTHING
    min_reward: Mist = NOTHING
    min_balance: Mist = NOTHING
    allow_publishers: frozenset[Address] = frozenset()
    deny_publishers: frozenset[Address] = frozenset()
    allow_datasets: frozenset[ObjectId] = frozenset()
    max_open_tasks: int = 1
    max_state_bytes: int = 1 << 30
    max_segment_work: int = 1 << 50
    max_late_fee: BasisPoints = A_TENTH
    max_lapse_penalty: BasisPoints = A_TENTH
    min_grace_s: float = 6 * 3600.0
    min_substitutes: int = 1
    min_jury: int = 3
    rate: int = 0
    refuse_weak_terms: bool = False


@dataclass(frozen=True, slots=True)
class VerifierSettings:
    """``[verifier]``: the seat in a pool; with ``auto_register`` taken at start.

    ``max_stake`` is the most that the stake and the fee of a seat may take together; the pool fixes
    both. ``max_penalty`` is the most that one duty may cost the seat, at most its share of the
    stake; 0 means that share. ``rate`` in segment work a second and ``memory`` in bytes are what
    the seat declares; 0 means as measured. With ``auto_renew`` the seat is renewed for the pool's
    fee before it lapses. ``seats`` is how many are taken at start. ``max_top_up`` is the most that
    may be added to stakes in 24 hours, after penalties. ``max_bonds`` is how many of our
    accusations on a bond may be open at once.
    """

    max_stake: Mist = NOTHING
    min_fee: Mist = NOTHING
    max_penalty: Mist = NOTHING
    rate: int = 0
    memory: int = 0
    auto_register: bool = False
    seats: int = 1
    auto_renew: bool = True
    max_top_up: Mist = NOTHING
    max_bonds: int = 4


@dataclass(frozen=True, slots=True)
class DatasetOwnerSettings:
    """``[dataset_owner]``: addresses whose key requests are approved without asking."""

    auto_approve: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class TimingSettings:
    """``[timing]``: how long to wait for others to crank, and how often to poll."""

    crank_grace_s: float = 30.0
    poll_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of a daemon. ``path`` is the file it came from, for messages only."""

    daemon: DaemonSettings
    sui: SuiSettings
    walrus: WalrusSettings
    keys: KeysSettings
    market: MarketSettings = field(default_factory=MarketSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    verifier: VerifierSettings = field(default_factory=VerifierSettings)
    dataset_owner: DatasetOwnerSettings = field(default_factory=DatasetOwnerSettings)
    timing: TimingSettings = field(default_factory=TimingSettings)
    path: Path | None = None

    def require_contract(self) -> ContractIds:
        """Return the ids of the contract and of the pools to use.

        Raises:
            ContractNotPublished: if the configuration does not name them.
        """
        ids = self.sui.require_contract()
        if not self.market.pools:
            raise ContractNotPublished(
                "the configuration has no market.pools: it names no pool of verifiers to deal with",
                hint="enter the pools that you trust, or `walrusctl contract use PROFILE`",
            )
        return replace(ids, pools=self.market.pools)

    def has_role(self, role: Role) -> bool:
        """Return whether this daemon holds ``role``."""
        return role in self.daemon.roles
