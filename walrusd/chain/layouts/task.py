"""A task with its terms, as the Move modules ``terms``, ``task`` and ``credit`` lay them out."""

from walrusd.chain.values.bcs import U8, U64, U256, Addr, Balance, Bytes, Id, Layout, Uid


class Terms(Layout, module="terms"):
    """The terms that a publisher fixes for a task. Amounts in Mist, windows in milliseconds."""

    scheme: U8
    weights_rule: U8
    cost_rule: U8
    reward: U64
    verifier_fee: U64
    juror_fee: U64
    stake: U64
    lapse_penalty: U64
    late_fee: U64
    cancel_fee: U64
    verifier_stake: U64
    publisher_bond: U64
    max_submissions: U64
    k_min: U64
    committee: U64
    substitutes: U64
    segments_per_seat: U64
    segments: U64
    jury: U64
    audit_bps: U64
    state_bytes: U64
    segment_work: U64
    join_ms: U64
    train_ms: U64
    open_ms: U64
    grace_ms: U64
    verify_ms: U64
    jury_commit_ms: U64
    jury_reveal_ms: U64


class DatasetRef(Layout, module="terms"):
    """An approved version of a dataset."""

    dataset: Id
    number: U64


class Entry(Layout, module="task"):
    """A contributor and its submission."""

    contributor: Addr
    submission: Id


class Credit(Layout, module="credit"):
    """An amount that its owner may claim."""

    owner: Addr
    amount: U64


class Aggregate(Layout, module="task"):
    """The published weighted sum: its root, the root of the summed blindings, and its blob.

    ``parts`` is a bit set over the task's entries: the accepted submissions that it sums.
    """

    parts: U64
    root: Bytes
    blindings_root: Bytes
    blob: U256


class Task(Layout, module="task"):
    """Shared. One per task.

    ``publisher_pk1`` and ``publisher_pk2`` are the recipient keys to which the label ``update`` of
    accepted work is sealed. ``program_root`` names the program that the plan means to a judge of
    single operations. ``accepted`` is a bit set over ``entries``. ``ends_by_ms`` is when whatever
    still hangs may be ended.
    """

    id: Uid
    version: U64
    market: Id
    pool: Id
    publisher: Addr
    publisher_pk1: Bytes
    publisher_pk2: Bytes
    phase: U8
    opened_ms: U64
    phase_ms: U64
    ends_by_ms: U64
    manifest_blob: U256
    manifest_digest: Bytes
    state_root_0: Bytes
    plan_digest: Bytes
    program_root: Bytes
    parent: Addr
    datasets: list[DatasetRef]
    terms: Terms
    tip: U64
    entries: list[Entry]
    join_beacon: Bytes
    committed: U64
    opened: U64
    ended: U64
    accepted: U64
    accepted_weight: U64
    aggregate: Aggregate | None
    funds: Balance
    bond: Balance
    tips: Balance
    credits: list[Credit]
    credited: Balance


class PublisherCap(Layout, module="task"):
    """Owned by the publisher; lets it record the aggregate and reclaim what is left."""

    id: Uid
    task: Id
