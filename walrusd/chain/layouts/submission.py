"""A submission and its dispute, as the Move modules ``submission`` and ``dispute`` lay them out."""

from walrusd.chain.layouts.task import Credit
from walrusd.chain.values.bcs import U8, U64, U256, Addr, Balance, Bool, Bytes, Id, Layout, Uid


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
    """What a contributor committed to before the committee was drawn."""

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
    """The encrypted opening: its blob, the check value of its key, one envelope per seat, the cost.

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
    """A final verdict: there is no second jury for the same claim."""

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
