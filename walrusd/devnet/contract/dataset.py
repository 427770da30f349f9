"""Module ``dataset``: listings, requests for keys, and the receipts of their release.

Datasets and requests belong to no market: one listing serves any. A grant to train for a task is
for that task alone, and only while it takes contributors.
"""

from walrusd.chain.layouts.events import (
    DatasetListed,
    DatasetVersionAdded,
    KeyDenied,
    KeyExpired,
    KeyGranted,
    KeyRequested,
)
from walrusd.chain.layouts.objects import Dataset, DatasetVersion, KeyRequest, Market, Task
from walrusd.core.lifecycle import KeyScope, RequestState
from walrusd.devnet.contract.constants import (
    DIGEST,
    MAX_ENVELOPE,
    MAX_LIFETIME_MS,
    MAX_REASON,
    MAX_TITLE,
    MAX_VERSIONS,
    MIN_LIFETIME_MS,
    NOBODY,
    VERSION,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import check_market, check_versions, migrate
from walrusd.devnet.contract.task import takes_contributors
from walrusd.devnet.move.context import ClockObject, MoveContext
from walrusd.devnet.move.signatures import ADDRESS, BYTES, CLOCK, U8, U64, U256, mut, ref

MODULE = Module("dataset")


def _check_version(
    manifest_digest: bytes, row_root: bytes, rows: int, row_bytes: int, key_check: bytes
) -> None:
    for digest in (manifest_digest, row_root, key_check):
        require(len(digest) == DIGEST, "dataset.EBadDigest")
    require(rows > 0, "dataset.EEmpty")
    require(row_bytes > 0, "dataset.EEmpty")


def _emit_version(ctx: MoveContext, dataset: Dataset, version: DatasetVersion) -> None:
    ctx.emit(
        DatasetVersionAdded(
            dataset.id, version.number, version.blob, version.row_root, version.rows
        )
    )


@MODULE.public(ref(Market), BYTES, U256, U256, BYTES, BYTES, U64, U64, BYTES)
def list_dataset(
    ctx: MoveContext,
    market: Market,
    title: bytes,
    description_blob: int,
    blob: int,
    manifest_digest: bytes,
    row_root: bytes,
    rows: int,
    row_bytes: int,
    key_check: bytes,
) -> None:
    """List an encrypted dataset with its first version."""
    check_versions(market)
    require(1 <= len(title) <= MAX_TITLE, "dataset.EBadTitle")
    _check_version(manifest_digest, row_root, rows, row_bytes, key_check)

    version = DatasetVersion(1, blob, manifest_digest, row_root, rows, row_bytes, key_check)
    dataset = Dataset(
        id=ctx.fresh_id(),
        version=VERSION,
        owner=ctx.sender,
        title=title,
        description_blob=description_blob,
        versions=[version],
    )
    ctx.emit(DatasetListed(dataset.id, ctx.sender, title, description_blob))
    _emit_version(ctx, dataset, version)
    ctx.share(dataset)


@MODULE.public(ref(Market), mut(Dataset), U256, BYTES, BYTES, U64, U64, BYTES)
def add_version(
    ctx: MoveContext,
    market: Market,
    dataset: Dataset,
    blob: int,
    manifest_digest: bytes,
    row_root: bytes,
    rows: int,
    row_bytes: int,
    key_check: bytes,
) -> None:
    """Add a version; earlier ones stay as they are."""
    check_versions(market, dataset)
    require(ctx.sender == dataset.owner, "dataset.ENotOwner")
    _check_version(manifest_digest, row_root, rows, row_bytes, key_check)
    require(len(dataset.versions) < MAX_VERSIONS, "dataset.ETooManyVersions")

    number = len(dataset.versions) + 1
    version = DatasetVersion(number, blob, manifest_digest, row_root, rows, row_bytes, key_check)
    dataset.versions.append(version)
    _emit_version(ctx, dataset, version)


@MODULE.public(ref(Market), ref(Dataset), U64, BYTES, U8, ADDRESS, U64, CLOCK)
def request_key(
    ctx: MoveContext,
    market: Market,
    dataset: Dataset,
    number: int,
    key: bytes,
    scope: int,
    task: str,
    lifetime_ms: int,
    clock: ClockObject,
) -> None:
    """Ask for the key of one version, to be encrypted to ``key``.

    A key to train and be verified with is for one task; one to train alone may be for none, 0x0.
    """
    check_versions(market, dataset)
    require(1 <= number <= len(dataset.versions), "dataset.ENoVersion")
    require(len(key) == DIGEST, "dataset.EBadKey")
    require(scope in set(KeyScope), "dataset.EBadScope")
    is_for_task = task != NOBODY
    require(scope == KeyScope.TRAIN or is_for_task, "dataset.EBadScope")
    require(MIN_LIFETIME_MS <= lifetime_ms <= MAX_LIFETIME_MS, "dataset.EBadLifetime")

    now = clock.timestamp_ms
    request = KeyRequest(
        id=ctx.fresh_id(),
        version=VERSION,
        dataset=dataset.id,
        number=number,
        owner=dataset.owner,
        requester=ctx.sender,
        key=key,
        scope=scope,
        task=task,
        state=RequestState.REQUESTED,
        requested_ms=now,
        expires_ms=now + lifetime_ms,
        envelope=b"",
        reason=b"",
    )
    ctx.emit(
        KeyRequested(
            request=request.id,
            dataset=dataset.id,
            number=number,
            owner=dataset.owner,
            requester=ctx.sender,
            key=key,
            scope=scope,
            task=task,
            expires_ms=request.expires_ms,
        )
    )
    ctx.share(request)


def _grant(
    ctx: MoveContext, market: Market, request: KeyRequest, envelope: bytes, now: int
) -> None:
    check_versions(market, request)
    require(ctx.sender == request.owner, "dataset.ENotOwner")
    require(request.state == RequestState.REQUESTED, "dataset.EWrongState")
    require(now < request.expires_ms, "dataset.EExpired")
    require(1 <= len(envelope) <= MAX_ENVELOPE, "dataset.EBadEnvelope")

    request.state = RequestState.GRANTED
    request.envelope = envelope
    ctx.emit(
        KeyGranted(
            request=request.id,
            dataset=request.dataset,
            number=request.number,
            requester=request.requester,
            scope=request.scope,
            envelope=envelope,
            at_ms=now,
        )
    )


def _check_task(market: Market, task: Task, request: KeyRequest) -> None:
    check_versions(market, task)
    check_market(market, task)
    require(request.task == task.id, "dataset.EWrongTask")


@MODULE.public(ref(Market), ref(Task), mut(KeyRequest), BYTES, CLOCK)
def grant_key(
    ctx: MoveContext,
    market: Market,
    task: Task,
    request: KeyRequest,
    envelope: bytes,
    clock: ClockObject,
) -> None:
    """Release the key for a task, encrypted to the requester; the request becomes the receipt."""
    _check_task(market, task, request)
    now = clock.timestamp_ms
    require(takes_contributors(task, now), "dataset.ETaskClosed")
    _grant(ctx, market, request, envelope, now)


@MODULE.public(ref(Market), mut(KeyRequest), BYTES, CLOCK)
def grant_key_alone(
    ctx: MoveContext, market: Market, request: KeyRequest, envelope: bytes, clock: ClockObject
) -> None:
    """Release the key for no task; the request becomes the receipt."""
    require(request.task == NOBODY, "dataset.EWrongTask")
    _grant(ctx, market, request, envelope, clock.timestamp_ms)


@MODULE.public(ref(Market), mut(KeyRequest), BYTES, CLOCK)
def deny_key(
    ctx: MoveContext, market: Market, request: KeyRequest, reason: bytes, _clock: ClockObject
) -> None:
    """Refuse a request, with a reason for the requester."""
    check_versions(market, request)
    require(ctx.sender == request.owner, "dataset.ENotOwner")
    require(request.state == RequestState.REQUESTED, "dataset.EWrongState")
    require(len(reason) <= MAX_REASON, "dataset.EBadEnvelope")

    request.state = RequestState.DENIED
    request.reason = reason
    ctx.emit(KeyDenied(request.id, request.dataset, request.requester, reason))


@MODULE.public(ref(Market), mut(KeyRequest), CLOCK)
def expire_key(ctx: MoveContext, market: Market, request: KeyRequest, clock: ClockObject) -> None:
    """Close an unanswered request; anyone may call it."""
    check_versions(market, request)
    require(request.state == RequestState.REQUESTED, "dataset.EWrongState")
    require(clock.timestamp_ms >= request.expires_ms, "dataset.ENotExpired")

    _lapse(ctx, request)


@MODULE.public(ref(Market), ref(Task), mut(KeyRequest), CLOCK)
def lapse_key(
    ctx: MoveContext, market: Market, task: Task, request: KeyRequest, clock: ClockObject
) -> None:
    """Close an unanswered request for a task that takes no more contributors; anyone may."""
    _check_task(market, task, request)
    check_versions(market, request)
    require(request.state == RequestState.REQUESTED, "dataset.EWrongState")
    require(not takes_contributors(task, clock.timestamp_ms), "dataset.ETaskOpen")

    _lapse(ctx, request)


def _lapse(ctx: MoveContext, request: KeyRequest) -> None:
    request.state = RequestState.EXPIRED
    ctx.emit(KeyExpired(request.id, request.dataset, request.requester))


@MODULE.public(ref(Market), mut(Dataset))
def migrate_dataset(_ctx: MoveContext, market: Market, dataset: Dataset) -> None:
    """Migrate a dataset of an earlier package version to this one."""
    check_versions(market)
    migrate(dataset)


@MODULE.public(ref(Market), mut(KeyRequest))
def migrate_request(_ctx: MoveContext, market: Market, request: KeyRequest) -> None:
    """Migrate a key request of an earlier package version to this one."""
    check_versions(market)
    migrate(request)
