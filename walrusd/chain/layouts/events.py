"""The contract's events: one per transition, past tense, all of Move module ``events``."""

from walrusd.chain.layouts.objects import DatasetRef, Terms
from walrusd.chain.values.bcs import U8, U64, U256, Addr, Bytes, Id, Layout


class MarketCreated(Layout, module="events"):
    """Signals that the market and its verifier pool exist."""

    market: Id
    pool: Id
    chain_id: Bytes


class SeatRegistered(Layout, module="events"):
    """Signals that a verifier took a seat for a stake."""

    pool: Id
    index: U64
    verifier: Addr
    key: Bytes
    stake: U64
    min_fee: U64


class SeatExited(Layout, module="events"):
    """Signals that a seat is no longer drawn and unbonds."""

    pool: Id
    index: U64
    verifier: Addr
    at_ms: U64


class SeatWithdrawn(Layout, module="events"):
    """Signals that a seat's stake went back to its verifier."""

    pool: Id
    index: U64
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
    publisher: Addr
    manifest_blob: U256
    manifest_digest: Bytes
    state_root_0: Bytes
    plan_digest: Bytes
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


class CommitteeDrawn(Layout, module="events"):
    """Signals that the beacon for all committees of a task is fixed."""

    task: Id
    beacon: Bytes
    pool_len: U64
    at_ms: U64


class TaskSettled(Layout, module="events"):
    """Signals that every submission of a task has ended."""

    task: Id
    accepted: U64
    at_ms: U64


class TaskVoided(Layout, module="events"):
    """Signals that a task ended without work."""

    task: Id
    reason: U8
    at_ms: U64


class AggregateRecorded(Layout, module="events"):
    """Signals that the publisher published the weighted sum."""

    task: Id
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


class CommitteeSeated(Layout, module="events"):
    """Signals who verifies a submission."""

    task: Id
    submission: Id
    pool_indices: list[U64]
    verifiers: list[Addr]
    at_ms: U64


class SubmissionOpened(Layout, module="events"):
    """Signals that the committee can read what it must replay."""

    task: Id
    submission: Id
    contributor: Addr
    blob: U256
    digest: Bytes
    key_check: Bytes
    cost: U64 | None
    at_ms: U64


class OpeningReported(Layout, module="events"):
    """Signals that a seat cannot read the opening: the contributor must open again."""

    task: Id
    submission: Id
    seat: U64
    verifier: Addr
    at_ms: U64


class SeatReplaced(Layout, module="events"):
    """Signals that a substitute replaced a silent seat."""

    task: Id
    submission: Id
    seat: U64
    pool_index: U64
    verifier: Addr
    at_ms: U64


class SegmentAttested(Layout, module="events"):
    """Signals that a seat proved its replay of one segment."""

    task: Id
    submission: Id
    seat: U64
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


class ChallengeOpened(Layout, module="events"):
    """Signals an accusation, or an audit (accuser 0x0), that a jury will judge."""

    task: Id
    submission: Id
    accuser: Addr
    kind: U8
    index: U64
    challenge: Bytes
    bond: U64
    at_ms: U64


class JuryDrawn(Layout, module="events"):
    """Signals that the beacon for a jury is fixed."""

    task: Id
    submission: Id
    challenge: Bytes
    beacon: Bytes
    pool_len: U64
    at_ms: U64


class JurySeated(Layout, module="events"):
    """Signals who the jurors are."""

    task: Id
    submission: Id
    challenge: Bytes
    pool_indices: list[U64]
    jurors: list[Addr]
    at_ms: U64


class JurorCommitted(Layout, module="events"):
    """Signals that a juror committed to its value."""

    submission: Id
    challenge: Bytes
    juror: Addr


class JurorRevealed(Layout, module="events"):
    """Signals a juror's value, or the accuser's."""

    submission: Id
    challenge: Bytes
    juror: Addr
    chain: Bytes
    state_root: Bytes


class ChallengeResolved(Layout, module="events"):
    """Signals what a jury decided."""

    task: Id
    submission: Id
    challenge: Bytes
    outcome: U8
    at_ms: U64


class KeyResealed(Layout, module="events"):
    """Signals that an opening's key was encrypted to one more recipient."""

    submission: Id
    recipient: Addr
    sender: Addr
    envelope: Bytes


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
