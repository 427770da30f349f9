"""The contract's objects, field by field, in BCS order (the Move structs have the same order)."""

from walrusd.chain.values.bcs import U8, U64, U256, Addr, Balance, Bool, Bytes, Id, Layout, Uid


class MarketParams(Layout, module="market"):
    """What an administrator may tune. Amounts in Mist, windows in milliseconds."""

    tip: U64
    accuser_share_bps: U64
    min_window_ms: U64
    max_window_ms: U64
    min_seat_stake: U64
    unbonding_ms: U64


class Market(Layout, module="market"):
    """Shared. Always taken by reference, so tasks never contend on it."""

    id: Uid
    version: U64
    chain_id: Bytes
    package: Addr
    pool: Id
    paused: Bool
    allowed_versions: list[U64]
    params: MarketParams


class AdminCap(Layout, module="market"):
    """Owned by whoever published the package."""

    id: Uid


class Seat(Layout, module="node"):
    """One verifier's place in the pool. Never removed, so indices stay."""

    verifier: Addr
    key: Bytes
    stake: U64
    min_fee: U64
    max_state_bytes: U64
    max_segment_work: U64
    active_from_ms: U64
    exiting_at_ms: U64
    in_use: U64


class VerifierPool(Layout, module="node"):
    """Shared. The append-only vector of seats and their stakes."""

    id: Uid
    version: U64
    seats: list[Seat]
    stakes: Balance


class VerifierCap(Layout, module="node"):
    """Owned by a verifier; proves which seat it holds."""

    id: Uid
    pool: Id
    index: U64


class Terms(Layout, module="terms"):
    """Everything a publisher fixes at opening. Amounts in Mist, windows in milliseconds."""

    scheme: U8
    weights_rule: U8
    cost_rule: U8
    reward: U64
    verifier_fee: U64
    juror_fee: U64
    stake: U64
    lapse_penalty: U64
    verifier_stake: U64
    accuser_bond: U64
    publisher_bond: U64
    max_submissions: U64
    k_min: U64
    committee: U64
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
    """Who joined, and where."""

    contributor: Addr
    submission: Id


class Credit(Layout, module="credit"):
    """An amount that its owner may claim."""

    owner: Addr
    amount: U64


class Aggregate(Layout, module="task"):
    """The published weighted sum: its root, the root of the summed blindings, and its blob."""

    root: Bytes
    blindings_root: Bytes
    blob: U256


class Task(Layout, module="task"):
    """Shared. One per task."""

    id: Uid
    version: U64
    publisher: Addr
    publisher_key: Bytes
    phase: U8
    opened_ms: U64
    phase_ms: U64
    manifest_blob: U256
    manifest_digest: Bytes
    state_root_0: Bytes
    plan_digest: Bytes
    parent: Addr
    datasets: list[DatasetRef]
    terms: Terms
    tip: U64
    entries: list[Entry]
    join_beacon: Bytes
    beacon: Bytes
    pool_len: U64
    drawn_ms: U64
    committed: U64
    opened: U64
    ended: U64
    accepted: U64
    accepted_weight: U64
    aggregate: Aggregate | None
    pool: Balance
    bond: Balance
    tips: Balance
    credits: list[Credit]
    credited: Balance


class PublisherCap(Layout, module="task"):
    """Owned by the publisher; lets it record the aggregate and take back what is left."""

    id: Uid
    task: Id


class CommitteeSeat(Layout, module="submission"):
    """A seated verifier. ``attested`` is a bit set over its dealt segments.

    ``slot`` says which of the ``2·committee`` work digests of a segment is the seat's own.
    """

    pool_index: U64
    verifier: Addr
    key: Bytes
    slot: U64
    status: U8
    attested: U64


class Commitment(Layout, module="submission"):
    """What a contributor fixed before the committee was drawn."""

    trace_root: Bytes
    update_root: Bytes
    scheme_root: Bytes
    scheme_rows: U64
    cost_commitment: Bytes
    file_digest: Bytes
    file_blob: U256


class AbortClaim(Layout, module="submission"):
    """The claim that the plan cannot be carried out: where and why."""

    segment: U64
    step: U64
    code: U64


class Opening(Layout, module="submission"):
    """The sealed opening: its blob, the check value of its key, one envelope a seat, the cost.

    ``cost`` is None where costs are private, and for a claim that the plan cannot be carried out.
    """

    blob: U256
    digest: Bytes
    key_check: Bytes
    envelopes: list[Bytes]
    cost: U64 | None


class Juror(Layout, module="dispute"):
    """A juror's seat, its commitment, and its revealed value (empty until then)."""

    pool_index: U64
    verifier: Addr
    key: Bytes
    commitment: Bytes
    chain: Bytes
    state_root: Bytes


class Dispute(Layout, module="dispute"):
    """One challenge or audit before its jury. ``place`` is the dealt place of a segment."""

    kind: U8
    index: U64
    place: U64
    round: U64
    challenge: Bytes
    phase: U8
    phase_ms: U64
    resume_state: U8
    accuser: Addr
    accuser_commitment: Bytes
    accuser_chain: Bytes
    accuser_state_root: Bytes
    leaf: Bytes
    beacon: Bytes
    pool_len: U64
    drawn_ms: U64
    jurors: list[Juror]


class Judged(Layout, module="dispute"):
    """A verdict that stands: no second jury for the same claim."""

    kind: U8
    index: U64


class Submission(Layout, module="submission"):
    """Shared. One contributor's work on one task."""

    id: Uid
    version: U64
    task: Id
    number: U64
    contributor: Addr
    state: U8
    window_ms: U64
    dataset: Id
    dataset_version: U64
    dataset_owner: Addr
    dataset_blob: U256
    dataset_root: Bytes
    dataset_rows: U64
    dataset_key_check: Bytes
    weight: U64
    ctx: Bytes
    commitment: Commitment | None
    abort: AbortClaim | None
    committee: list[CommitteeSeat]
    opening: Opening | None
    audit_beacon: Bytes
    dispute: Dispute | None
    judged: list[Judged]
    reason: U8
    late_fee: U64
    reopened: Bool
    replaced: Bool
    stake: Balance
    escrow: Balance
    bond: Balance
    credits: list[Credit]
    credited: Balance


class DatasetVersion(Layout, module="dataset"):
    """One immutable version: the encrypted blob and what proves rows of it."""

    number: U64
    blob: U256
    manifest_digest: Bytes
    row_root: Bytes
    rows: U64
    row_bytes: U64
    key_check: Bytes


class Dataset(Layout, module="dataset"):
    """Shared. A listed dataset with its public description."""

    id: Uid
    version: U64
    owner: Addr
    title: Bytes
    description_blob: U256
    versions: list[DatasetVersion]


class KeyRequest(Layout, module="dataset"):
    """Shared. A request for a dataset's key and, once granted, the receipt of its release."""

    id: Uid
    version: U64
    dataset: Id
    number: U64
    owner: Addr
    requester: Addr
    key: Bytes
    scope: U8
    task: Addr
    state: U8
    requested_ms: U64
    expires_ms: U64
    envelope: Bytes
    reason: Bytes


SHARED_OBJECTS: tuple[type[Layout], ...] = (
    Market,
    VerifierPool,
    Task,
    Submission,
    Dataset,
    KeyRequest,
)
OWNED_OBJECTS: tuple[type[Layout], ...] = (AdminCap, VerifierCap, PublisherCap)
