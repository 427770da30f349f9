"""Module ``submission``, first part: a contributor joins a task."""

from walrusd.chain.layouts.events import SubmissionJoined
from walrusd.chain.layouts.objects import (
    Dataset,
    DatasetRef,
    DatasetVersion,
    Entry,
    KeyRequest,
    Market,
    Submission,
    Task,
)
from walrusd.core.lifecycle import KeyScope, RequestState, SubmissionState, TaskPhase, WeightsRule
from walrusd.devnet.contract.constants import MAX_WEIGHT, VERSION
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import (
    check_market,
    check_not_paused,
    check_versions,
    migrate,
)
from walrusd.devnet.contract.task import check_phase, takes_contributors
from walrusd.devnet.contract.terms import compute_escrow
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, COIN, mut, ref

MODULE = Module("submission")


def _version_numbered(dataset: Dataset, number: int) -> DatasetVersion:
    require(1 <= number <= len(dataset.versions), "dataset.ENoVersion")
    return dataset.versions[number - 1]


def _compute_weight(rule: int, rows: int) -> int:
    if rule == WeightsRule.EQUAL:
        return 1
    require(rows <= MAX_WEIGHT, "submission.ETooManyRows")
    return rows


def _check_grant(request: KeyRequest, task: Task, dataset: Dataset, sender: str) -> None:
    """Abort unless the owner released this dataset's key to the sender, for this task alone."""
    require(request.state == RequestState.GRANTED, "submission.ENoGrant")
    require(request.scope == KeyScope.TRAIN_AND_VERIFY, "submission.ENoGrant")
    require(request.requester == sender, "submission.ENoGrant")
    require(request.dataset == dataset.id, "submission.ENoGrant")
    require(request.task == task.id, "submission.ENoGrant")


@MODULE.public(ref(Market), mut(Task), ref(Dataset), ref(KeyRequest), BYTES, COIN, CLOCK)
def join(
    ctx: MoveContext,
    market: Market,
    task: Task,
    dataset: Dataset,
    request: KeyRequest,
    program_root: bytes,
    stake: Coin,
    clock: ClockObject,
) -> None:
    """Stake on a task with a dataset whose key was granted for training and verification.

    ``program_root`` is what the contributor takes the task's plan for.
    """
    check_versions(market, task, dataset, request)
    check_market(market, task)
    check_not_paused(market)
    check_phase(task, TaskPhase.JOINING)
    now, terms = clock.timestamp_ms, task.terms
    require(takes_contributors(task, now), "task.ETooLate")
    require(ctx.sender != task.publisher, "submission.EConflict")
    require(len(task.entries) < terms.max_submissions, "submission.EFull")
    joined = {entry.contributor for entry in task.entries}
    require(ctx.sender not in joined, "submission.EAlreadyJoined")
    require(program_root == task.program_root, "submission.EWrongProgram")
    require(stake.balance == terms.stake, "submission.EWrongStake")
    _check_grant(request, task, dataset, ctx.sender)
    approved = DatasetRef(dataset.id, request.number) in task.datasets
    require(approved, "submission.EDatasetNotApproved")
    version = _version_numbered(dataset, request.number)
    weight = _compute_weight(terms.weights_rule, version.rows)

    escrow = compute_escrow(terms, task.tip)
    task.funds -= escrow
    submission = Submission(
        id=ctx.fresh_id(),
        version=VERSION,
        market=market.id,
        pool=task.pool,
        task=task.id,
        number=len(task.entries),
        contributor=ctx.sender,
        state=SubmissionState.JOINED,
        window_ms=now,
        dataset=dataset.id,
        dataset_version=version.number,
        dataset_owner=dataset.owner,
        dataset_blob=version.blob,
        dataset_root=version.row_root,
        dataset_rows=version.rows,
        dataset_key_check=version.key_check,
        weight=weight,
        ctx=b"",
        commitment=None,
        abort=None,
        lot=None,
        beacon=b"",
        committee=[],
        substitutes=[],
        attempt=1,
        opening=None,
        reported=0,
        rounds=0,
        audit_beacon=b"",
        audit_round=0,
        update_envelope=b"",
        dispute=None,
        cases=0,
        accusers=[],
        unproved=0,
        reason=0,
        late_fee=0,
        stake=ctx.take_coin(stake),
        escrow=escrow,
        bond=0,
        credits=[],
        credited=0,
    )
    task.entries.append(Entry(ctx.sender, submission.id))
    ctx.emit(
        SubmissionJoined(
            task=task.id,
            submission=submission.id,
            contributor=ctx.sender,
            dataset=dataset.id,
            dataset_version=version.number,
            stake=submission.stake,
            weight=weight,
            at_ms=now,
        )
    )
    ctx.share(submission)


@MODULE.public(ref(Market), mut(Submission))
def migrate_submission(_ctx: MoveContext, market: Market, submission: Submission) -> None:
    """Migrate a submission of an earlier package version to this one."""
    check_versions(market)
    migrate(submission)
