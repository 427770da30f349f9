"""A submission and its case, as the Move modules ``submission`` and ``dispute`` lay them out."""

from walrusd.chain.layouts.task import Credit
from walrusd.chain.values.bcs import U8, U16, U64, U256, Addr, Balance, Bool, Bytes, Id, Layout, Uid


class CommitteeSeat(Layout, module="submission"):
    """A seat of the pool that serves a submission. ``attested`` is a bit set over its segments.

    ``slot`` says which of the work digests of a segment is the seat's own. ``keys`` is the digest
    of its public keys, ``envelope`` the sealed label ``work`` of the present attempt (R ‖ C), empty
    until it is delivered. ``tries`` counts how often the place was given on.
    """

    pool_index: U64
    generation: U64
    verifier: Addr
    keys: Bytes
    envelope: Bytes
    slot: U64
    status: U8
    attested: U64
    tries: U64


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
    """An attempt at opening: the sealed manifest, the public point of its key, the cost.

    ``was_complete``: every place of the committee has had its envelope once. ``cost`` is None
    where costs are private, and for a claim that the plan cannot be carried out.
    """

    blob: U256
    digest: Bytes
    p2: Bytes
    was_complete: Bool
    cost: U64 | None


class Lot(Layout, module="submission"):
    """Who may be drawn, and the beacon that draws: the list is stored before the beacon exists.

    ``eligible`` are indices in the pool, in its order.
    """

    eligible: list[U16]
    beacon: Bytes
    at_ms: U64


class Juror(Layout, module="dispute"):
    """A juror's seat, its envelope, its commitment and its revealed value (empty until then)."""

    pool_index: U64
    generation: U64
    verifier: Addr
    keys: Bytes
    envelope: Bytes
    commitment: Bytes
    value: Bytes


class Dispute(Layout, module="dispute"):
    """One case: an accusation, an audit, or the question whether an opening is absent.

    ``accuser`` is 0x0 where nobody accuses, ``accuser_seat`` the place of an accusing seat or
    2^64 − 1. ``place`` is the dealt place of a segment. ``opened_ms`` is when the case began.
    """

    kind: U8
    index: U64
    place: U64
    round: U64
    number: U64
    challenge: Bytes
    phase: U8
    phase_ms: U64
    opened_ms: U64
    resume_state: U8
    accuser: Addr
    accuser_seat: U64
    leaf: Bytes
    beacon: Bytes
    jurors: list[Juror]


class Submission(Layout, module="submission"):
    """Shared. One contributor's work on one task.

    ``attempt`` numbers the openings from 1, ``cases`` the cases so far. ``substitutes`` are seats
    of the committee's lot that wait to be called. ``reported`` is a bit set over the places that
    say the opening is absent. ``accusers`` have accused and may not again. ``unproved`` counts
    accusations on cash that were not upheld. ``audit_round`` counts the samples drawn.
    ``update_envelope`` is the sealed label ``update`` (R ‖ C), empty until it is delivered.
    """

    id: Uid
    version: U64
    market: Id
    pool: Id
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
    lot: Lot | None
    beacon: Bytes
    committee: list[CommitteeSeat]
    substitutes: list[CommitteeSeat]
    attempt: U64
    opening: Opening | None
    reported: U64
    rounds: U64
    audit_beacon: Bytes
    audit_round: U64
    update_envelope: Bytes
    dispute: Dispute | None
    cases: U64
    accusers: list[Addr]
    unproved: U64
    reason: U8
    late_fee: U64
    stake: Balance
    escrow: Balance
    bond: Balance
    credits: list[Credit]
    credited: Balance
