"""Whether to stake on a task: the owner's rules, applied one by one, each with its reason.

``task estimate`` shows the same verdicts that the daemon acts on.
"""

from dataclasses import dataclass, field

from walrusd.core.sizes import Storage
from walrusd.units import format_sui

BINDING = frozenset(
    {
        *("own_task", "pool", "program", "places", "parent", "balance"),
        *("storage", "device", "disk", "storing", "reading"),
    }
)
"""Rules that hold even if the owner says "join": what they refuse would fail or lose money.

A refusal because of this machine does not last: the machine is checked again.
"""


@dataclass(frozen=True)
class PolicyRules:
    """What the owner allows. Amounts in Mist, work in multiply-adds; an empty list allows all."""

    enabled: bool = True
    max_stake_per_task: int = 0
    max_stake_per_day: int = 0
    min_reward: int = 0
    min_balance: int = 0
    max_open_tasks: int = 1
    max_state_bytes: int = 1 << 30
    max_segment_work: int = 1 << 50
    allow_publishers: frozenset[str] = field(default_factory=frozenset)
    deny_publishers: frozenset[str] = field(default_factory=frozenset)
    allow_datasets: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Offer:
    """What a task asks and pays. Amounts in Mist.

    ``pool_ok``: its seats are of a pool that the owner lists; ``program_ok``: it names the program
    that this walrusd knows. ``storage`` has the parts that a contributor stores, or the reason why
    they are unknown; None if
    it was not checked because other rules refuse.
    """

    task: str
    publisher: str
    reward: int
    stake: int
    state_bytes: int
    segment_work: int
    datasets: tuple[str, ...]
    places_left: int
    parent_ok: bool = True
    pool_ok: bool = True
    program_ok: bool = True
    storage: Storage | str | None = None


@dataclass(frozen=True)
class RuleVerdict:
    """The answer of one rule, with the sentence that gives its reason."""

    rule: str
    ok: bool
    sentence: str


@dataclass(frozen=True)
class Standing:
    """The owner's current position. Amounts in Mist."""

    address: str
    balance: int
    staked_today: int
    open_tasks: int
    machine: tuple[RuleVerdict, ...] = ()
    """The verdicts about this machine; none if it was not checked."""


@dataclass(frozen=True)
class Decision:
    """Whether to join, and the verdict of every rule; ``dataset`` is the one to work on."""

    join: bool
    dataset: str | None
    verdicts: tuple[RuleVerdict, ...]

    @property
    def reason(self) -> str:
        """The sentences of the rules that refuse, or why none does."""
        refused = [v.sentence for v in self.verdicts if not v.ok]
        return " ".join(refused) if refused else "every rule of the policy allows it"

    @property
    def binding_refusals(self) -> tuple[str, ...]:
        """The refusals that the owner cannot override."""
        return tuple(v.sentence for v in self.verdicts if not v.ok and v.rule in BINDING)


def decide(rules: PolicyRules, offer: Offer, standing: Standing) -> Decision:
    """Apply every rule; join only if all allow it."""
    usable = [d for d in offer.datasets if not rules.allow_datasets or d in rules.allow_datasets]
    left = standing.balance - offer.stake

    def verdict(rule: str, ok: bool, yes: str, no: str) -> RuleVerdict:
        return RuleVerdict(rule, ok, yes if ok else no)

    stake, reward = format_sui(offer.stake), format_sui(offer.reward)
    verdicts = (
        verdict("enabled", rules.enabled, "Joining is enabled.", "Joining is disabled."),
        verdict(
            "own_task",
            offer.publisher != standing.address,
            "Another address published the task.",
            "We published the task ourselves.",
        ),
        verdict(
            "pool",
            offer.pool_ok,
            "Its verifiers are of a pool that we deal with.",
            "Its verifiers are of a pool that market.pools does not list.",
        ),
        verdict(
            "program",
            offer.program_ok,
            "The task names the program that this walrusd knows.",
            "The task names a program that this walrusd does not know.",
        ),
        verdict("places", offer.places_left > 0, "The task has places left.", "The task is full."),
        verdict(
            "parent",
            offer.parent_ok,
            "The parent's aggregate verifies, or the task has no parent.",
            "The aggregate of the parent task does not verify.",
        ),
        verdict(
            "publisher",
            offer.publisher not in rules.deny_publishers
            and (not rules.allow_publishers or offer.publisher in rules.allow_publishers),
            "The publisher is allowed.",
            "The publisher is denied, or not on the allow-list.",
        ),
        verdict(
            "dataset",
            bool(usable),
            "One of the task's datasets is allowed.",
            "None of the task's datasets is on the allow-list.",
        ),
        verdict(
            "reward",
            offer.reward >= rules.min_reward,
            f"The reward of {reward} is enough.",
            f"The reward of {reward} is below the minimum of {format_sui(rules.min_reward)}.",
        ),
        verdict(
            "stake_per_task",
            offer.stake <= rules.max_stake_per_task,
            f"The stake of {stake} is within the limit per task.",
            f"The stake of {stake} exceeds the limit of "
            f"{format_sui(rules.max_stake_per_task)} per task.",
        ),
        verdict(
            "stake_per_day",
            standing.staked_today + offer.stake <= rules.max_stake_per_day,
            "The stake is within the limit per day.",
            f"With {format_sui(standing.staked_today)} staked today, the stake of {stake} exceeds "
            f"the limit of {format_sui(rules.max_stake_per_day)} per day.",
        ),
        verdict(
            "balance",
            left >= rules.min_balance,
            f"{format_sui(max(left, 0))} would remain.",
            f"The stake would leave less than {format_sui(rules.min_balance)}.",
        ),
        verdict(
            "open_tasks",
            standing.open_tasks < rules.max_open_tasks,
            "Fewer tasks are in progress than allowed.",
            f"{standing.open_tasks} tasks are in progress, and no more are allowed.",
        ),
        verdict(
            "resources",
            offer.state_bytes <= rules.max_state_bytes
            and offer.segment_work <= rules.max_segment_work,
            "State and work are within the limits.",
            "The declared state or work exceeds the limits.",
        ),
        *standing.machine,
        _judge_storage(offer.storage),
    )
    join = all(v.ok for v in verdicts)
    return Decision(join, usable[0] if usable else None, verdicts)


def _judge_storage(storage: Storage | str | None) -> RuleVerdict:
    """Refuse a task whose parts cannot be stored: finding out later would cost the stake."""
    if storage is None:
        return RuleVerdict("storage", True, "The parts to store are checked before staking.")
    if isinstance(storage, str):
        return RuleVerdict("storage", False, f"The parts to store are unknown: {storage}")
    if storage.too_large:
        return RuleVerdict("storage", False, storage.refusal)
    return RuleVerdict("storage", True, "Every part of the task can be stored.")
