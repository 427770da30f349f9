"""Module ``task``: a task from its opening to its aggregate, and the publisher's money."""

from walrusd.chain.layouts.events import (
    AggregateRecorded,
    CommitteeDrawn,
    CreditClaimed,
    FundsReclaimed,
    JoiningClosed,
    TaskOpened,
    TaskVoided,
)
from walrusd.chain.layouts.objects import (
    Aggregate,
    DatasetRef,
    Market,
    PublisherCap,
    Submission,
    Task,
    Terms,
    VerifierPool,
)
from walrusd.core.lifecycle import EndReason, TaskPhase
from walrusd.devnet.contract import terms as terms_module
from walrusd.devnet.contract.constants import DIGEST, MAX_DATASETS, VERSION
from walrusd.devnet.contract.credit import credit, take_credit
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import check_not_paused, check_pool, check_versions, migrate
from walrusd.devnet.contract.node import check_key
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext, Random
from walrusd.devnet.move.signatures import (
    ADDRESS,
    BYTES,
    CLOCK,
    COIN,
    RANDOM,
    U64,
    U256,
    mut,
    ref,
    value,
    vector,
)

MODULE = Module("task")


def check_belongs(task: Task, submission: Submission) -> None:
    """Abort for a submission to another task."""
    require(submission.task == task.id, "task.EWrongTask")


def check_phase(task: Task, *phases: TaskPhase) -> None:
    """Abort unless the task is in the given phase."""
    require(task.phase in phases, "task.EWrongPhase")


@MODULE.public(
    ref(Market),
    value(Terms),
    BYTES,
    U256,
    BYTES,
    BYTES,
    BYTES,
    ADDRESS,
    vector(ADDRESS),
    vector(U64),
    COIN,
    CLOCK,
    returns=(value(PublisherCap),),
)
def open_task(
    ctx: MoveContext,
    market: Market,
    terms: Terms,
    publisher_key: bytes,
    manifest_blob: int,
    manifest_digest: bytes,
    state_root_0: bytes,
    plan_digest: bytes,
    parent: str,
    datasets: list[str],
    numbers: list[int],
    funds: Coin,
    clock: ClockObject,
) -> PublisherCap:
    """Open a task, funded with everything it may ever pay; contributors may join."""
    check_versions(market)
    check_not_paused(market)
    terms_module.check(terms, market)
    check_key(publisher_key)
    require(len(manifest_digest) == DIGEST, "task.EBadDigest")
    require(len(state_root_0) == DIGEST, "task.EBadDigest")
    require(len(plan_digest) == DIGEST, "task.EBadDigest")
    require(1 <= len(datasets) <= MAX_DATASETS, "task.ETooManyDatasets")
    require(len(numbers) == len(datasets), "task.ETooManyDatasets")
    tip = market.params.tip
    required = terms_module.required_funds(ctx, terms, tip)
    require(funds.balance == required, "task.EWrongFunds")

    total = ctx.take_coin(funds)
    now = clock.timestamp_ms
    task = Task(
        id=ctx.fresh_id(),
        version=VERSION,
        publisher=ctx.sender,
        publisher_key=publisher_key,
        phase=TaskPhase.JOINING,
        opened_ms=now,
        phase_ms=now,
        manifest_blob=manifest_blob,
        manifest_digest=manifest_digest,
        state_root_0=state_root_0,
        plan_digest=plan_digest,
        parent=parent,
        datasets=[DatasetRef(d, n) for d, n in zip(datasets, numbers, strict=True)],
        terms=terms,
        tip=tip,
        entries=[],
        join_beacon=b"",
        beacon=b"",
        pool_len=0,
        drawn_ms=0,
        committed=0,
        opened=0,
        ended=0,
        accepted=0,
        accepted_weight=0,
        aggregate=None,
        pool=total - 2 * tip - terms.publisher_bond,
        bond=terms.publisher_bond,
        tips=2 * tip,
        credits=[],
        credited=0,
    )
    cap = PublisherCap(id=ctx.fresh_id(), task=task.id)
    ctx.emit(
        TaskOpened(
            task=task.id,
            publisher=task.publisher,
            manifest_blob=manifest_blob,
            manifest_digest=manifest_digest,
            state_root_0=state_root_0,
            plan_digest=plan_digest,
            parent=parent,
            datasets=list(task.datasets),
            terms=terms,
            opened_ms=now,
        )
    )
    ctx.share(task)
    return cap


def _pay_tip(task: Task, caller: str) -> None:
    task.tips -= task.tip
    task.credited += task.tip
    credit(task.credits, caller, task.tip)


@MODULE.entry(ref(Market), mut(Task), RANDOM, CLOCK)
def close_joining(
    ctx: MoveContext, market: Market, task: Task, _random: Random, clock: ClockObject
) -> None:
    """Close joining and draw the beacon of all training seeds; void the task if no one joined."""
    check_versions(market, task)
    check_phase(task, TaskPhase.JOINING)
    now = clock.timestamp_ms
    is_over = now >= task.phase_ms + task.terms.join_ms
    is_full = len(task.entries) == task.terms.max_submissions
    require(is_over or is_full, "task.ETooEarly")

    # Drawn on both branches, so that both cost about the same gas.
    beacon = ctx.random_bytes(DIGEST)
    task.phase_ms = now
    if not task.entries:
        task.phase = TaskPhase.VOID
        ctx.emit(TaskVoided(task.id, EndReason.NOBODY_JOINED, now))
        return
    task.join_beacon = beacon
    task.phase = TaskPhase.TRAINING
    _pay_tip(task, ctx.sender)
    ctx.emit(JoiningClosed(task.id, beacon, len(task.entries), now))


@MODULE.entry(ref(Market), ref(VerifierPool), mut(Task), RANDOM, CLOCK)
def draw(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    task: Task,
    _random: Random,
    clock: ClockObject,
) -> None:
    """End training: fix the beacon of all committees and the size of the pool they come from."""
    check_versions(market, pool, task)
    check_pool(market, pool)
    check_phase(task, TaskPhase.TRAINING)
    now = clock.timestamp_ms
    is_over = now >= task.phase_ms + task.terms.train_ms
    is_complete = task.committed == len(task.entries)
    require(is_over or is_complete, "task.ETooEarly")

    task.beacon = ctx.random_bytes(DIGEST)
    task.pool_len = len(pool.seats)
    task.drawn_ms = now
    task.phase = TaskPhase.OPENING
    task.phase_ms = now
    _pay_tip(task, ctx.sender)
    ctx.emit(CommitteeDrawn(task.id, task.beacon, task.pool_len, now))


@MODULE.public(ref(Market), ref(PublisherCap), mut(Task), BYTES, BYTES, U256, CLOCK)
def record_aggregate(
    ctx: MoveContext,
    market: Market,
    cap: PublisherCap,
    task: Task,
    root: bytes,
    blindings_root: bytes,
    blob: int,
    clock: ClockObject,
) -> None:
    """Publish the weighted sum of the accepted updates; anyone can verify it; nothing is paid."""
    check_versions(market, task)
    require(cap.task == task.id, "task.EWrongCap")
    check_phase(task, TaskPhase.SETTLED)
    require(task.accepted >= task.terms.k_min, "task.ETooFewAccepted")
    require(len(root) == DIGEST, "task.EBadDigest")
    require(len(blindings_root) == DIGEST, "task.EBadDigest")

    now = clock.timestamp_ms
    task.aggregate = Aggregate(root, blindings_root, blob)
    task.phase = TaskPhase.AGGREGATED
    task.phase_ms = now
    ctx.emit(AggregateRecorded(task.id, root, blindings_root, blob, now))


@MODULE.public(ref(Market), ref(PublisherCap), mut(Task), returns=(COIN,))
def reclaim(ctx: MoveContext, market: Market, cap: PublisherCap, task: Task) -> Coin:
    """Return to the publisher what the task did not spend."""
    check_versions(market, task)
    require(cap.task == task.id, "task.EWrongCap")
    check_phase(task, TaskPhase.SETTLED, TaskPhase.AGGREGATED, TaskPhase.VOID)
    amount = task.pool + task.bond + task.tips
    require(amount > 0, "task.ENothingToClaim")

    task.pool = task.bond = task.tips = 0
    ctx.emit(FundsReclaimed(task.id, amount))
    return ctx.new_coin(amount)


@MODULE.public(ref(Market), mut(Task), returns=(COIN,))
def claim_task(ctx: MoveContext, market: Market, task: Task) -> Coin:
    """Pay out the sender's credit (tips of the task's cranks)."""
    check_versions(market, task)
    amount = take_credit(task.credits, ctx.sender)
    require(amount > 0, "task.ENothingToClaim")

    task.credited -= amount
    ctx.emit(CreditClaimed(task.id, ctx.sender, amount))
    return ctx.new_coin(amount)


@MODULE.public(ref(Market), mut(Task))
def migrate_task(_ctx: MoveContext, market: Market, task: Task) -> None:
    """Migrate a task of an earlier package version to this one."""
    check_versions(market)
    migrate(task)
