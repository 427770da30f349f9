"""Module ``task``: a task from its opening to its aggregate, and the publisher's money."""

from walrusd.chain.layouts.events import (
    AggregateRecorded,
    CreditClaimed,
    FundsReclaimed,
    JoiningClosed,
    TaskOpened,
    TaskVoided,
    TrainingClosed,
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
from walrusd.crypto.envelopes.contexts import PublisherContext
from walrusd.devnet.contract import terms as terms_module
from walrusd.devnet.contract.constants import DIGEST, MAX_DATASETS, VERSION
from walrusd.devnet.contract.credit import credit, take_credit
from walrusd.devnet.contract.envelope import check_recipient
from walrusd.devnet.contract.fitness import count_seats
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import (
    check_market,
    check_not_paused,
    check_pool,
    check_versions,
    migrate,
)
from walrusd.devnet.contract.node import book, compute_share
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
from walrusd.units import address_bytes

MODULE = Module("task")


def check_belongs(task: Task, submission: Submission) -> None:
    """Abort for a submission to another task."""
    require(submission.task == task.id, "task.EWrongTask")


def check_phase(task: Task, *phases: TaskPhase) -> None:
    """Abort unless the task is in the given phase."""
    require(task.phase in phases, "task.EWrongPhase")


def check_cap(task: Task, cap: PublisherCap) -> None:
    """Abort for the capability of another task."""
    require(cap.task == task.id, "task.EWrongCap")


def takes_contributors(task: Task, now: int) -> bool:
    """Return whether contributors may still join."""
    return task.phase == TaskPhase.JOINING and now < task.phase_ms + task.terms.join_ms


def compute_publisher_context(market: Market, publisher: str) -> bytes:
    """Return the 32 bytes that stand for a publisher as a recipient of envelopes."""
    return PublisherContext(
        chain_id=market.chain_id,
        package=address_bytes(market.package),
        market=address_bytes(market.id),
        owner=address_bytes(publisher),
    ).digest()


@MODULE.public(
    ref(Market),
    ref(VerifierPool),
    value(Terms),
    BYTES,
    BYTES,
    BYTES,
    BYTES,
    U256,
    BYTES,
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
    pool: VerifierPool,
    terms: Terms,
    pk1: bytes,
    pk2: bytes,
    challenge: bytes,
    answer: bytes,
    manifest_blob: int,
    manifest_digest: bytes,
    state_root_0: bytes,
    plan_digest: bytes,
    program_root: bytes,
    parent: str,
    datasets: list[str],
    numbers: list[int],
    funds: Coin,
    clock: ClockObject,
) -> PublisherCap:
    """Open a task, funded with everything it may ever pay; contributors may join.

    Its seats come from ``pool``, of which enough must be able to serve it.
    """
    check_versions(market, pool)
    check_market(market, pool)
    check_not_paused(market)
    terms_module.check(terms, market, compute_share(pool))
    now = clock.timestamp_ms
    live, fit = count_seats(pool, terms, now, now)
    terms_module.check_pool(terms, live, fit, pool.params.duties)
    context = compute_publisher_context(market, ctx.sender)
    check_recipient(context, pk1, pk2, challenge, answer)
    for digest in (manifest_digest, state_root_0, plan_digest, program_root):
        require(len(digest) == DIGEST, "task.EBadDigest")
    require(1 <= len(datasets) <= MAX_DATASETS, "task.ETooManyDatasets")
    require(len(numbers) == len(datasets), "task.ETooManyDatasets")
    tip = market.params.tip
    required = terms_module.required_funds(ctx, terms, tip)
    require(funds.balance == required, "task.EWrongFunds")

    total = ctx.take_coin(funds)
    task = Task(
        id=ctx.fresh_id(),
        version=VERSION,
        market=market.id,
        pool=pool.id,
        publisher=ctx.sender,
        publisher_pk1=pk1,
        publisher_pk2=pk2,
        phase=TaskPhase.JOINING,
        opened_ms=now,
        phase_ms=now,
        # Twice: what waits for seats, with its clock stopped, may take as long again.
        ends_by_ms=now + 2 * terms_module.compute_max_life(terms),
        manifest_blob=manifest_blob,
        manifest_digest=manifest_digest,
        state_root_0=state_root_0,
        plan_digest=plan_digest,
        program_root=program_root,
        parent=parent,
        datasets=[DatasetRef(d, n) for d, n in zip(datasets, numbers, strict=True)],
        terms=terms,
        tip=tip,
        entries=[],
        join_beacon=b"",
        committed=0,
        opened=0,
        ended=0,
        accepted=0,
        accepted_weight=0,
        aggregate=None,
        funds=total - 2 * tip - terms.publisher_bond,
        bond=terms.publisher_bond,
        tips=2 * tip,
        credits=[],
        credited=0,
    )
    cap = PublisherCap(id=ctx.fresh_id(), task=task.id)
    ctx.emit(
        TaskOpened(
            task=task.id,
            market=market.id,
            pool=pool.id,
            publisher=task.publisher,
            manifest_blob=manifest_blob,
            manifest_digest=manifest_digest,
            state_root_0=state_root_0,
            plan_digest=plan_digest,
            program_root=program_root,
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


def _void(ctx: MoveContext, task: Task, reason: EndReason, now: int) -> None:
    """End a task before anybody trains; ``settle`` repays those who have joined."""
    task.phase = TaskPhase.VOID
    task.phase_ms = now
    ctx.emit(TaskVoided(task.id, reason, now))


@MODULE.public(ref(Market), ref(PublisherCap), mut(Task), CLOCK)
def cancel_task(
    ctx: MoveContext, market: Market, cap: PublisherCap, task: Task, clock: ClockObject
) -> None:
    """Cancel a task before its joining is closed: free, but for a fee to each who has joined."""
    check_versions(market, task)
    check_market(market, task)
    check_cap(task, cap)
    check_phase(task, TaskPhase.JOINING)

    _void(ctx, task, EndReason.CANCELLED, clock.timestamp_ms)


@MODULE.entry(ref(Market), mut(VerifierPool), mut(Task), RANDOM, CLOCK)
def close_joining(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    task: Task,
    _random: Random,
    clock: ClockObject,
) -> None:
    """Close joining, book the duties of all submissions, and draw the beacon of training seeds.

    The task is void if no one joined, if so many seats have left that a committee and a jury could
    not be found among the others, or if more than half of the live seats' duties would be booked:
    then nobody has trained.
    """
    check_versions(market, pool, task)
    check_market(market, pool, task)
    check_pool(pool, task)
    check_phase(task, TaskPhase.JOINING)
    now, joined = clock.timestamp_ms, len(task.entries)
    is_over = now >= task.phase_ms + task.terms.join_ms
    is_full = joined == task.terms.max_submissions
    require(is_over or is_full, "task.ETooEarly")

    # Counted and drawn on every branch, so that all cost about the same gas.
    duties = joined * terms_module.compute_places(task.terms)
    live, fit = count_seats(pool, task.terms, task.opened_ms, now)
    is_busy = 2 * (pool.booked + duties) > live * pool.params.duties
    are_enough = terms_module.are_enough(task.terms, fit)
    beacon = ctx.random_bytes(DIGEST)
    if joined == 0:
        _void(ctx, task, EndReason.NOBODY_JOINED, now)
        return
    if is_busy or not are_enough:
        _void(ctx, task, EndReason.POOL_BUSY, now)
        return
    book(pool, duties)
    task.join_beacon = beacon
    task.phase = TaskPhase.TRAINING
    task.phase_ms = now
    _pay_tip(task, ctx.sender)
    ctx.emit(JoiningClosed(task.id, beacon, joined, now))


@MODULE.public(ref(Market), mut(Task), CLOCK)
def close_training(ctx: MoveContext, market: Market, task: Task, clock: ClockObject) -> None:
    """End training: from now on no commitment counts, and committees may be drawn."""
    check_versions(market, task)
    check_market(market, task)
    check_phase(task, TaskPhase.TRAINING)
    now, terms = clock.timestamp_ms, task.terms
    is_over = now >= task.phase_ms + terms.train_ms + terms.grace_ms
    is_complete = task.committed == len(task.entries)
    require(is_over or is_complete, "task.ETooEarly")

    task.phase = TaskPhase.OPENING
    task.phase_ms = now
    _pay_tip(task, ctx.sender)
    ctx.emit(TrainingClosed(task.id, task.committed, now))


@MODULE.public(ref(Market), ref(PublisherCap), mut(Task), U64, BYTES, BYTES, U256, CLOCK)
def record_aggregate(
    ctx: MoveContext,
    market: Market,
    cap: PublisherCap,
    task: Task,
    parts: int,
    root: bytes,
    blindings_root: bytes,
    blob: int,
    clock: ClockObject,
) -> None:
    """Publish the weighted sum of accepted updates; anyone can verify it; nothing is paid.

    ``parts`` is a bit set over the task's entries: which of the accepted ones are summed.
    """
    check_versions(market, task)
    check_market(market, task)
    check_cap(task, cap)
    check_phase(task, TaskPhase.SETTLED)
    require(parts & ~task.accepted == 0, "task.EBadParts")
    require(parts.bit_count() >= task.terms.k_min, "task.ETooFewAccepted")
    require(len(root) == DIGEST, "task.EBadDigest")
    require(len(blindings_root) == DIGEST, "task.EBadDigest")

    now = clock.timestamp_ms
    task.aggregate = Aggregate(parts, root, blindings_root, blob)
    task.phase = TaskPhase.AGGREGATED
    task.phase_ms = now
    ctx.emit(AggregateRecorded(task.id, parts, root, blindings_root, blob, now))


@MODULE.public(ref(Market), ref(PublisherCap), mut(Task), returns=(COIN,))
def reclaim(ctx: MoveContext, market: Market, cap: PublisherCap, task: Task) -> Coin:
    """Return to the publisher what the task did not spend."""
    check_versions(market, task)
    check_market(market, task)
    check_cap(task, cap)
    check_phase(task, TaskPhase.SETTLED, TaskPhase.AGGREGATED, TaskPhase.VOID)
    amount = task.funds + task.bond + task.tips
    require(amount > 0, "task.ENothingToClaim")

    task.funds = task.bond = task.tips = 0
    ctx.emit(FundsReclaimed(task.id, amount))
    return ctx.new_coin(amount)


@MODULE.public(ref(Market), mut(Task), returns=(COIN,))
def claim_task(ctx: MoveContext, market: Market, task: Task) -> Coin:
    """Pay out the sender's credit (tips of the task's cranks)."""
    check_versions(market, task)
    check_market(market, task)
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
