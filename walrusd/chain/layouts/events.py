"""The contract's events: one per transition, past tense, all of Move module ``events``."""

from walrusd.chain.layouts.objects import DatasetRef, Terms
from walrusd.chain.values.bcs import U8, U64, U256, Addr, Bytes, Id, Layout


class MarketCreated(Layout, module="events"):
    """Signals that the market exists."""

    market: Id
    chain_id: Bytes


class PoolCreated(Layout, module="events"):
    """Signals that verifiers may take seats in a pool of the market."""

    market: Id
    pool: Id
    stake: U64
    duties: U64
    fee: U64
    seat_life_ms: U64
    unbonding_ms: U64
    max_min_fee: U64
    min_rate: U64
    min_memory: U64
    min_penalty: U64


class SeatRegistered(Layout, module="events"):
    """Signals that a verifier took a seat for the pool's stake; its keys are checked."""

    pool: Id
    index: U64
    generation: U64
    verifier: Addr
    pk1: Bytes
    pk2: Bytes
    min_fee: U64
    max_penalty: U64
    rate: U64
    memory: U64
    at_ms: U64


class SeatDeclared(Layout, module="events"):
    """Signals what a seat asks for and can do from now on."""

    pool: Id
    index: U64
    min_fee: U64
    max_penalty: U64
    rate: U64
    memory: U64


class SeatRenewed(Layout, module="events"):
    """Signals that a seat lives on for the pool's seat life."""

    pool: Id
    index: U64
    verifier: Addr
    at_ms: U64


class SeatToppedUp(Layout, module="events"):
    """Signals that a seat's stake was filled up again."""

    pool: Id
    index: U64
    verifier: Addr
    amount: U64
    stake: U64


class SeatExited(Layout, module="events"):
    """Signals that a seat is no longer drawn and unbonds; anybody may exit a dead one."""

    pool: Id
    index: U64
    verifier: Addr
    at_ms: U64


class SeatWithdrawn(Layout, module="events"):
    """Signals that a seat's stake went back to its verifier, whoever asked: its slot is free."""

    pool: Id
    index: U64
    generation: U64
    verifier: Addr
    amount: U64


class SeatPenalized(Layout, module="events"):
    """Signals that a seat lost part of its stake."""

    pool: Id
    index: U64
    verifier: Addr
    amount: U64


class TaskOpened(Layout, module="events"):
    """Signals that contributors may join."""

    task: Id
    market: Id
    pool: Id
    publisher: Addr
    manifest_blob: U256
    manifest_digest: Bytes
    state_root_0: Bytes
    plan_digest: Bytes
    program_root: Bytes
    parent: Addr
    datasets: list[DatasetRef]
    terms: Terms
    opened_ms: U64


class JoiningClosed(Layout, module="events"):
    """Signals that training may begin: the beacon fixes every contributor's seed."""

    task: Id
    join_beacon: Bytes
    joined: U64
    at_ms: U64


class TrainingClosed(Layout, module="events"):
    """Signals that no commitment counts any more, and committees may be drawn."""

    task: Id
    committed: U64
    at_ms: U64


class TaskSettled(Layout, module="events"):
    """Signals that every submission of a task has ended."""

    task: Id
    accepted: U64
    at_ms: U64


class TaskVoided(Layout, module="events"):
    """Signals that a task ended before anybody trained: why is an ``EndReason``."""

    task: Id
    reason: U8
    at_ms: U64


class AggregateRecorded(Layout, module="events"):
    """Signals that the publisher published the weighted sum of the ``parts``, a bit set."""

    task: Id
    parts: U64
    root: Bytes
    blindings_root: Bytes
    blob: U256
    at_ms: U64


class FundsReclaimed(Layout, module="events"):
    """Signals that the publisher took back what a task did not spend."""

    task: Id
    amount: U64


class SubmissionJoined(Layout, module="events"):
    """Signals that a contributor joined with a stake."""

    task: Id
    submission: Id
    contributor: Addr
    dataset: Id
    dataset_version: U64
    stake: U64
    weight: U64
    at_ms: U64


class SubmissionCommitted(Layout, module="events"):
    """Signals that a contributor committed to its work."""

    task: Id
    submission: Id
    contributor: Addr
    ctx: Bytes
    trace_root: Bytes
    update_root: Bytes
    scheme_root: Bytes
    scheme_rows: U64
    cost_commitment: Bytes
    file_digest: Bytes
    file_blob: U256
    at_ms: U64


class AbortCommitted(Layout, module="events"):
    """Signals a contributor's claim that the plan cannot be carried out beyond a segment."""

    task: Id
    submission: Id
    contributor: Addr
    ctx: Bytes
    trace_root: Bytes
    segment: U64
    step: U64
    code: U64
    at_ms: U64


class LotDrawn(Layout, module="events"):
    """Signals that the beacon of a submission's committee is fixed, after the list it draws from.

    ``eligible`` is the length of that list.
    """

    task: Id
    submission: Id
    beacon: Bytes
    eligible: U64
    at_ms: U64


class LotFailed(Layout, module="events"):
    """Signals that a lot filled too few places: another is drawn.

    ``challenge`` names the case whose jury it was for; it is empty for a committee.
    """

    task: Id
    submission: Id
    challenge: Bytes
    at_ms: U64


class CommitteeSeated(Layout, module="events"):
    """Signals who verifies a submission, the committee first, then the substitutes."""

    task: Id
    submission: Id
    pool_indices: list[U64]
    verifiers: list[Addr]
    at_ms: U64


class SubmissionOpened(Layout, module="events"):
    """Signals an attempt at opening. It can be read once every place has its envelope."""

    task: Id
    submission: Id
    contributor: Addr
    attempt: U64
    blob: U256
    digest: Bytes
    p2: Bytes
    cost: U64 | None
    at_ms: U64


class KeyDelivered(Layout, module="events"):
    """Signals a checked envelope of the label ``work`` for a seat, or a juror of ``challenge``.

    ``challenge`` is empty for a seat of the committee. ``place`` is its place there, or the juror's
    in the jury; ``recipient`` is its owner.
    """

    task: Id
    submission: Id
    challenge: Bytes
    attempt: U64
    place: U64
    recipient: Addr
    sender: Addr
    envelope: Bytes


class SubmissionReadable(Layout, module="events"):
    """Signals that every place of the committee has its envelope: it may replay."""

    task: Id
    submission: Id
    attempt: U64
    at_ms: U64


class OpeningReported(Layout, module="events"):
    """Signals that a seat says that the opening is absent."""

    task: Id
    submission: Id
    attempt: U64
    place: U64
    verifier: Addr
    at_ms: U64


class OpeningReopened(Layout, module="events"):
    """Signals that the contributor must open once more: ``attempt`` is the new one."""

    task: Id
    submission: Id
    attempt: U64
    at_ms: U64


class SeatReplaced(Layout, module="events"):
    """Signals that a place of the committee was given on to a substitute."""

    task: Id
    submission: Id
    place: U64
    pool_index: U64
    verifier: Addr
    at_ms: U64


class SegmentAttested(Layout, module="events"):
    """Signals that a seat proved its replay of one segment."""

    task: Id
    submission: Id
    place: U64
    verifier: Addr
    segment: U64


class SubmissionAttested(Layout, module="events"):
    """Signals that every dealt segment is attested."""

    task: Id
    submission: Id
    at_ms: U64


class AuditDrawn(Layout, module="events"):
    """Signals that the beacon of a submission's audit is fixed."""

    task: Id
    submission: Id
    beacon: Bytes
    at_ms: U64


class CaseOpened(Layout, module="events"):
    """Signals an accusation, or a question that nobody accuses for (0x0): a jury will judge.

    ``accuser_seat`` is the place of an accusing seat, or 2^64 − 1.
    """

    task: Id
    submission: Id
    accuser: Addr
    accuser_seat: U64
    kind: U8
    index: U64
    place: U64
    challenge: Bytes
    bond: U64
    at_ms: U64


class JuryDrawn(Layout, module="events"):
    """Signals that the beacon for a jury is fixed, after the list of ``eligible`` seats."""

    task: Id
    submission: Id
    challenge: Bytes
    beacon: Bytes
    eligible: U64
    at_ms: U64


class JurySeated(Layout, module="events"):
    """Signals who the jurors are: each needs an envelope."""

    task: Id
    submission: Id
    challenge: Bytes
    pool_indices: list[U64]
    jurors: list[Addr]
    at_ms: U64


class JuryReadable(Layout, module="events"):
    """Signals that every juror has its envelope: they may judge."""

    task: Id
    submission: Id
    challenge: Bytes
    at_ms: U64


class JurorCommitted(Layout, module="events"):
    """Signals that a juror committed to its value."""

    submission: Id
    challenge: Bytes
    juror: Addr


class JurorRevealed(Layout, module="events"):
    """Signals a juror's value, a digest of its verdict."""

    submission: Id
    challenge: Bytes
    juror: Addr
    value: Bytes


class CaseResolved(Layout, module="events"):
    """Signals what a jury decided: a ``CaseOutcome`` and the majority's value, if there is one."""

    task: Id
    submission: Id
    challenge: Bytes
    outcome: U8
    value: Bytes
    at_ms: U64


class CaseDropped(Layout, module="events"):
    """Signals that a case ended without a verdict."""

    task: Id
    submission: Id
    challenge: Bytes
    at_ms: U64


class UpdateDelivered(Layout, module="events"):
    """Signals that the publisher can read the update: its label's envelope is on chain."""

    task: Id
    submission: Id
    contributor: Addr
    envelope: Bytes
    at_ms: U64


class SubmissionEnded(Layout, module="events"):
    """Signals a submission's end: its state, why, what its contributor gets, what was burned."""

    task: Id
    submission: Id
    contributor: Addr
    state: U8
    reason: U8
    payout: U64
    burned: U64
    at_ms: U64


class CreditClaimed(Layout, module="events"):
    """Signals that a credit was paid out."""

    object: Id
    owner: Addr
    amount: U64


class DatasetListed(Layout, module="events"):
    """Signals a new dataset."""

    dataset: Id
    owner: Addr
    title: Bytes
    description_blob: U256


class DatasetVersionAdded(Layout, module="events"):
    """Signals a new version of a dataset, also the first."""

    dataset: Id
    number: U64
    blob: U256
    row_root: Bytes
    rows: U64


class KeyRequested(Layout, module="events"):
    """Signals that a dataset's key was requested."""

    request: Id
    dataset: Id
    number: U64
    owner: Addr
    requester: Addr
    key: Bytes
    scope: U8
    task: Addr
    expires_ms: U64


class KeyGranted(Layout, module="events"):
    """Signals, and proves, that a dataset's key was released to one requester."""

    request: Id
    dataset: Id
    number: U64
    requester: Addr
    scope: U8
    envelope: Bytes
    at_ms: U64


class KeyDenied(Layout, module="events"):
    """Signals that the owner refused."""

    request: Id
    dataset: Id
    requester: Addr
    reason: Bytes


class KeyExpired(Layout, module="events"):
    """Signals that a request lapsed unanswered."""

    request: Id
    dataset: Id
    requester: Addr


EVENTS: dict[str, type[Layout]] = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Layout) and getattr(cls, "MODULE", "") == "events"
}
"""Every event by its Move name."""
