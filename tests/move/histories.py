"""Random histories: anybody doing anything, mostly right, often almost right, at awkward times.

Each call of a walk may be preceded by the same call with one thing changed: its sender, its time,
or one argument. Most such calls are refused, and every refusal is a test; one that is accepted is
part of the history. Times crowd around deadlines.
"""

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.contract import walk, work
from tests.contract.early import TERMS, VERIFIERS
from tests.contract.test_walks import NUMBERS
from tests.contract.world import FUNCTION, address, digest, has_object_id
from walrusd.chain.layouts.objects import KeyRequest, Submission, Task, VerifierCap, VerifierPool
from walrusd.core.aborts import ABORTS
from walrusd.core.lifecycle import TERMINAL, SubmissionState, TaskPhase
from walrusd.devnet.contract import DEVNET_PARAMS, DEVNET_POOL, genesis
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import Coin
from walrusd.devnet.move.signatures import ClockKind, CoinKind, PureKind, RandomKind

from .recorder import Context, RecordingBazaar
from .writer import write_module

MEDDLING = 0.45
"""How many calls are tried in a changed form first."""

LATECOMER = VERIFIERS[15]
"""Takes a seat when the others have theirs."""
MEDDLERS = [*VERIFIERS[:4], "publisher", "accuser", "owner", "stranger"]
ANYBODY = [*walk.CONTRIBUTORS, *VERIFIERS, *MEDDLERS, "crank", "reader"]
STEPS = 22
COMMON = {"EWrongPhase", "EWrongState", "ENoDispute", "ENothingToClaim", "EAlreadyEnded", "EFull"}
UNTIMELY = {"ETooEarly", "ETooLate", "EStillBonded", "EExpired", "ENotExpired"}
USUAL = (
    "advance",
    "close_joining",
    "cancel",
    "commit",
    "close_training",
    "draw",
    "seat",
    "open",
    "deliver",
    "show",
    "reopen",
    "report",
    "report_everything",
    "attest",
    "attest_everything",
    "replace",
    "draw_audit",
    "audit",
    "deliver_update",
    "accuse",
    "accuse_file",
    "draw_jury",
    "seat_jury",
    "brief",
    "jury_commit",
    "jury_reveal",
    "resolve",
    "settle",
    "claim",
    "reclaim",
    "record_aggregate",
    "leave",
    "abandon",
    "tend_seats",
    "keep_house",
    "govern",
    "meet_deadline",
    "meet_deadline",
    "meet_deadline",
)
ROUNDS = (
    "case_round",
    "case_round",
    "audit_round",
    "audit_round",
    "replace_round",
    "report_round",
    "late_round",
    "withheld_round",
)
"""How whole parts of a submission's life go, before single steps are taken."""

TERMS_CHOICES = (
    {},
    {"weights_rule": 1, "cost_rule": 0},
    {"committee": 1, "substitutes": 1, "jury": 1, "segments_per_seat": 3},
    {"segments": 3, "audit_bps": 10_000},
    {"segments": 5, "publisher_bond": 10**9, "cost_rule": 0},
    {
        "scheme": 2,
        "cost_rule": 0,
        "lapse_penalty": 0,
        "late_fee": 0,
        "cancel_fee": 0,
        "publisher_bond": 0,
        "segments": 5,
        "max_submissions": 4,
    },
)


class Contract:
    """The functions and the deployment that a history is recorded with."""

    functions = FUNCTION
    deploy = staticmethod(genesis)


class MeddledBazaar(RecordingBazaar):
    """A ``RecordingBazaar`` in which calls are first tried in a slightly wrong form."""

    def __init__(self, contract: type[Contract], chance: random.Random, **kwargs: Any) -> None:
        self.functions, self.deploy = contract.functions, contract.deploy
        self.chance, self.is_meddled = chance, False
        self.meddled: set[int] = set()
        super().__init__(**kwargs)

    def call(self, target: str, sender: str, *args: Any) -> Any:
        is_meddled = self.is_meddled and self.chance.random() < MEDDLING
        if is_meddled and not self._is_spent(args):
            self._meddle(target, sender, list(args))
            self._learn_caps()
        if self._is_spent(args):
            return None
        return super().call(target, sender, *args)

    def _learn_caps(self) -> None:
        """Know the capabilities that wrong forms of a call have made, too."""
        for cap in self.of_type(VerifierCap):
            seat = self.pool.seats[cap.index] if cap.pool == self.pool.id else None
            if seat and seat.generation == cap.generation and seat.verifier in self.names:
                self.caps[self.names[seat.verifier]] = cap

    def _is_spent(self, args: tuple[Any, ...]) -> bool:
        """Return whether an object is gone: the wrong form took it, or a cap was withdrawn."""
        return any(has_object_id(a) and a.id not in self.objects and a.id != "0x0" for a in args)

    def _meddle(self, target: str, sender: str, args: list[Any]) -> None:
        chance, now = self.chance, self.now
        kinds = [k for k in self.functions[target].params if not is_given(k)]
        at = chance.randrange(-2, len(args))
        if at == -2:
            self.now = self.awkward_time()
        elif at == -1:
            sender = chance.choice(MEDDLERS)
        else:
            args[at] = self._change(kinds[at], args[at])
        self.meddled.add(len(self.steps))
        try:
            super().call(target, sender, *args)
        except MoveAbort:
            self.now = now

    def _change(self, kind: Any, value: Any) -> Any:
        chance = self.chance
        if isinstance(kind, CoinKind):
            amount = value.balance + chance.choice((-1, 1))
            return type(value)(value.id, max(0, amount))
        if isinstance(kind, PureKind):
            return change_pure(chance, kind.move_type, value)
        if hasattr(value, "id"):
            others = [o for o in self.of_type(type(value)) if o.id != value.id]
            return chance.choice(others) if others else value
        name = chance.choice(list(value.codecs()))
        fields = {field: getattr(value, field) for field in value.codecs()}
        fields[name] = change_pure(chance, "u8" if name in _SMALL else "u64", fields[name])
        return type(value)(**fields)

    def contributor_of(self, submission: Submission) -> str:
        """Anybody may have joined, meddled with as the calls are."""
        return next(name for name in ANYBODY if address(name) == submission.contributor)

    def deadlines(self) -> Iterator[int]:
        """Every moment at which a window of something under way ends."""
        for task in self.of_type(Task):
            terms, phase_ms = task.terms, task.phase_ms
            yield from (phase_ms + terms.join_ms, phase_ms + terms.train_ms)
            yield from (phase_ms + terms.train_ms + terms.grace_ms, task.ends_by_ms)
        for submission in self.of_type(Submission):
            if submission.state in TERMINAL:
                continue
            terms = self.objects[submission.task].terms
            yield submission.window_ms + terms.open_ms
            yield submission.window_ms + terms.open_ms + terms.grace_ms
            yield submission.window_ms + terms.verify_ms
            if (dispute := submission.dispute) is not None:
                commit, reveal = terms.jury_commit_ms, terms.jury_reveal_ms
                windows = (commit, reveal, commit + reveal, 2 * reveal, commit + 2 * reveal)
                yield from (dispute.phase_ms + window for window in windows)
                yield dispute.phase_ms + terms.open_ms + terms.grace_ms
        for pool in self.of_type(VerifierPool):
            for seat in pool.seats:
                if seat.exiting_at_ms:
                    yield seat.exiting_at_ms + pool.params.unbonding_ms
        yield from (request.expires_ms for request in self.of_type(KeyRequest))

    def awkward_time(self) -> int:
        """A deadline that is not over, or the moment beside it."""
        ahead = sorted({d for d in self.deadlines() if d > self.now})[:3]
        if not ahead or self.chance.random() < 0.2:
            return self.now + self.chance.choice((0, 1, 1_000))
        return max(self.now, self.chance.choice(ahead) + self.chance.choice((-1, 0, 0, 1)))


_SMALL = {"scheme", "weights_rule", "cost_rule"}


def is_given(kind: Any) -> bool:
    return isinstance(kind, ClockKind | RandomKind)


def change_pure(chance: random.Random, kind: str, value: Any) -> Any:
    """Return a near miss of a pure argument."""
    if kind == "bool":
        return not value
    if kind == "address":
        return "0x" + digest("nobody", chance.randrange(4)).hex()
    if kind == "vector<u8>":
        bad = value[:-1] + bytes([value[-1] ^ 1]) if value else b"\0"
        return chance.choice((bad, bad, value[:-1], value + b"\0", b"", bytes(2_049)))
    if kind.startswith("Option<"):
        is_lost = value is not None and chance.random() < 0.5
        return None if is_lost else change_pure(chance, kind[7:-1], value or 0)
    if kind.startswith("vector<"):
        item = change_pure(chance, kind[7:-1], value[0] if value else b"")
        return chance.choice((value[1:], [*value, *value[:1]], [item, *value[1:]], []))
    most = 2 ** int(kind[1:]) - 1
    near = (value - 1, value + 1, value - 1, value + 1, 0, 2 * value, most)
    return min(most, max(0, chance.choice(near)))


class History(walk.Walk):
    """A walk through a market with a second task, so that there is something to mistake."""

    def __init__(self, market: MeddledBazaar, chance: random.Random) -> None:
        self.m = market
        self.values, self.counts = {}, Counter()
        self.grants: dict[str, KeyRequest] = {}
        self.people = [*walk.CONTRIBUTORS, "accuser", "crank", "publisher", *self.m.caps]
        self.chance = chance
        if chance.random() < 0.3:
            self._make_market()
        if chance.random() < 0.3:
            self.attempt(self.m.open_task, terms=TERMS, publisher="other publisher")
        terms = {**chance.choice(TERMS_CHOICES)}
        fields = {n: getattr(walk.WALK_TERMS, n) for n in walk.WALK_TERMS.codecs()}
        self.m.is_meddled = True
        while self.m.task is None or self.m.task.terms.segments > 5:
            self.attempt(self.m.open_task, terms=type(walk.WALK_TERMS)(**{**fields, **terms}))

    def is_due(self, operation: Any, args: tuple[Any, ...]) -> bool:
        """Expect nothing: the wrong form of a call may have done already what was due."""
        return False

    def advance(self, _n: int) -> None:
        self.m.now = self.m.awkward_time()

    def join(self, n: int) -> None:
        name = self.people[n % 4 if n % 7 else 6]
        if name not in self.grants or self.chance.random() < 0.1:
            scope = 1 if self.chance.random() < 0.15 else 2
            self.grants[name] = self.m.request(name, scope=scope)
            self.attempt(self.m.grant, self.grants[name])
        self.attempt(self.m.join, name, request=self.grants[name])

    def go_on(self, n: int) -> None:
        """Do what comes next; nobody waits for a full task."""
        if self.m.task.phase != TaskPhase.JOINING:
            super().go_on(n)
        elif len(self.m.task.entries) < 3:
            self.join(n)
        else:
            self.advance(n)
            self.close_joining(n)

    def attest(self, n: int) -> None:
        submission = self.worked(n)
        if submission and submission.committee:
            seat, position = n // 3 % len(submission.committee), n // 6 % 4
            dealt = self.m.task.terms.segments_per_seat
            self.attempt(self.m.attest, submission, seat, position % dealt)

    def attest_everything(self, n: int) -> None:
        submission = self.worked(n)
        for seat in range(len(submission.committee) if submission else 0):
            for position in range(self.m.task.terms.segments_per_seat):
                self.attempt(self.m.attest, submission, seat, position)

    def deliver(self, n: int) -> None:
        submission = self.worked(n)
        if submission and submission.committee and submission.opening:
            self.attempt(self.m.deliver, submission, n // 3 % len(submission.committee))

    def accuse(self, n: int) -> None:
        submission = self.worked(n)
        if submission and len(submission.committee) > n // 3 % 2:
            super().accuse(n)

    def commit(self, n: int) -> None:
        """Commit to honest work, to forged work, or to a claim that the plan cannot be done."""
        submission = self.submission(n)
        if submission is None:
            return
        works = dict(self.m.works)
        segment = 1 + self.chance.randrange(self.m.task.terms.segments)
        sender = "crank" if n % 11 == 10 else None
        forged = {segment: walk.LIES[0]} if self.chance.random() < 0.4 else ()
        how = {"forged": forged, "sender": sender}
        if self.chance.random() < 0.2:
            self.attempt(self.m.commit_abort, submission, segment, **how)
        else:
            self.attempt(self.m.commit, submission, **how)
        if submission.commitment is not None:
            kept = works.get(submission.id) or self.m.works.get(submission.id)
            self.m.works[submission.id] = kept or work.Work(self.m.task, submission)

    def meet_deadline(self, n: int) -> None:
        """Act a moment before a window ends, and when it does."""
        ahead = [(when, act) for when, act in self._deadlines(n) if when > self.m.now]
        if ahead:
            when, act = ahead[n % len(ahead)]
            for moment in (when - 1, when):
                self.m.now = max(moment, self.m.now)
                act(n)

    def _deadlines(self, n: int) -> Iterator[tuple[int, Any]]:
        m, phase_ms = self.m, self.m.task.phase_ms
        terms = m.task.terms
        opening_ms = terms.open_ms + terms.grace_ms
        if m.task.phase == TaskPhase.JOINING:
            yield phase_ms + terms.join_ms, self.join
            yield phase_ms + terms.join_ms, self.close_joining
        if m.task.phase == TaskPhase.TRAINING:
            yield phase_ms + terms.train_ms + 1, self.commit
            yield phase_ms + terms.train_ms + 1 + n * 7 % terms.grace_ms, self.commit
            yield phase_ms + terms.train_ms + terms.grace_ms, self.commit
            yield phase_ms + terms.train_ms + terms.grace_ms, self.close_training
        submission = self.submission(n)
        if submission and submission.state in (SubmissionState.COMMITTED, SubmissionState.DISPUTED):
            yield m.task.ends_by_ms, self.settle
        if submission and submission.state == SubmissionState.SEATED:
            due = submission.window_ms + terms.open_ms
            yield due + 1, self.show
            yield due + 1 + n * 7 % terms.grace_ms, self.show
            yield due + terms.grace_ms, self.reopen if n % 2 else self.settle
        if submission and submission.state == SubmissionState.OPENED:
            yield submission.window_ms + terms.verify_ms, self.replace
        if submission and submission.state == SubmissionState.AUDITED:
            yield submission.window_ms + opening_ms, self.settle
        if submission and submission.state == SubmissionState.DISPUTED:
            since = submission.dispute.phase_ms
            yield since + opening_ms, self.reopen
            yield since + terms.jury_commit_ms, self.jury_commit
            yield since + terms.jury_commit_ms, self.jury_reveal
            yield since + terms.jury_reveal_ms, self.resolve
            yield since + 2 * terms.jury_reveal_ms, self.resolve
            yield since + terms.jury_commit_ms + terms.jury_reveal_ms, self.resolve
        for name, cap in m.caps.items():
            if cap.id in m.objects and (exit_ms := m.pool.seats[cap.index].exiting_at_ms):
                yield exit_ms + m.pool.params.unbonding_ms, partial(self._withdraw, name)

    def case_round(self, n: int) -> None:
        """Accuse a part, or the file on cash, and let a jury judge."""
        submission = self.submission(n)
        if submission and submission.state != SubmissionState.DISPUTED:
            (self.accuse if n // 3 % 4 else self.accuse_file)(n)
        self.jury_round(n)
        if n % 5 == 0:
            self.jury_round(n)

    def late_round(self, n: int) -> None:
        """Open a while after the window, when its grace is over, or never."""
        terms, submission = self.m.task.terms, self.submission(n)
        if submission and n // 3 % 5 in (1, 4):
            closes = submission.window_ms + terms.open_ms + terms.grace_ms
            for moment in (closes - 1, closes):
                self.m.now = max(moment, self.m.now)
                self.settle(n)
            return
        self.m.now += terms.open_ms + n * 7 % (terms.grace_ms + 10)
        self.show(n)

    def replace_round(self, n: int) -> None:
        """Let some seats be silent until they are replaced; sometimes their substitutes, too."""
        for at in range(n // 3 % 4):
            self.attest(n % 3 + 3 * at)
        for _ in range(1 + n % 3):
            self.m.now += self.m.task.terms.verify_ms
            self.replace(n)
            if n % 7:
                self.show(n)
        self.attest_everything(n)

    def withheld_round(self, n: int) -> None:
        """Give a substitute or a juror no envelope, until the opening is asked for again."""
        terms = self.m.task.terms
        if n // 3 % 2:
            self.m.now += terms.verify_ms
            self.replace(n)
        else:
            self.accuse(n)
            self.draw_jury(n)
            self.seat_jury(n)
        for _ in range(1 + n % 2):
            self.m.now += terms.open_ms + terms.grace_ms
            self.reopen(n)
            self.show(n)

    def report_round(self, n: int) -> None:
        """Report an opening, open and report again, and let a jury say whether it is there."""
        for _ in range(2):
            self.report_everything(n)
            if n // 3 % 4 == 0:
                self.late_round(n)
            self.show(n)
        self.report_everything(n)
        if n % 2:
            self.jury_round(n)

    def audit_round(self, n: int) -> None:
        """Attest everything, draw the audit, let a jury judge its sample, and end."""
        self.attest_everything(n)
        self.draw_audit(n)
        if n // 3 % 5 == 0:
            self.case_round(n)
        for _ in range(n // 3 % 3):
            self.audit(n)
            self.jury_round(n)
        if n % 4:
            self.deliver_update(n)
        else:
            self.m.now += self.m.task.terms.open_ms + self.m.task.terms.grace_ms
            self.settle(n)

    def jury_round(self, n: int) -> None:
        """Take a dispute, or its redraw, to what its jury says."""
        self.draw_jury(n)
        self.seat_jury(n)
        self.brief(n)
        self.jury_commit(n)
        self.m.now += self.m.task.terms.jury_commit_ms
        self.jury_reveal(n)
        self.m.now += self.m.task.terms.jury_reveal_ms
        self.resolve(n)

    def _withdraw(self, name: str, _n: int) -> None:
        m, cap = self.m, self.m.caps[name]
        if cap.id in m.objects:
            self.attempt(m.call, "node::withdraw_seat", name, m.market, m.pool, cap)

    def tend_seats(self, n: int) -> None:
        """Declare, renew, fill up, evict, release, take a seat, give back what is left of one."""
        m, names = self.m, list(self.m.caps)
        name = names[n % len(names)]
        index, cap = n % (len(m.pool.seats) + 1), m.caps[name]
        params = m.pool.params
        anyone, owner = ("crank", m.market, m.pool), (name, m.market, m.pool, cap)
        match n // 7 % 8:
            case 0:
                declared = 1 + n % 10**7, params.min_penalty, 1 + n, 10**6
                self.attempt(m.call, "node::declare_seat", *owner, *declared)
            case 1:
                self.attempt(m.call, "node::renew_seat", *owner, m.mint(name, params.fee))
            case 2:
                missing = params.stake - m.pool.seats[cap.index].stake
                self.attempt(m.call, "node::top_up_seat", *owner, m.mint(name, max(1, missing)))
            case 3:
                if n % 5 == 0:
                    m.now += params.seat_life_ms
                self.attempt(m.call, "node::evict_seat", *anyone, index)
            case 4:
                if n % 5 == 0:
                    m.now += params.unbonding_ms
                self.attempt(m.call, "node::release_seat", *anyone, index)
            case 5:
                self.attempt(m.call, "node::discard_cap", *owner)
            case 6 if index < len(m.pool.seats):
                self.attempt(m.register, LATECOMER, slot=index)
            case _:
                self.attempt(m.register, LATECOMER)

    def keep_house(self, n: int) -> None:
        """Ask for a key, answer, let it lapse, add a version."""
        m = self.m
        requests = [r for r in m.of_type(KeyRequest) if r.state == 0]
        request = requests[n % len(requests)] if requests else None
        match n % 7:
            case 0:
                self.attempt(m.request, "reader", scope=1 + n % 2)
            case 1:
                args = 9, digest("manifest 2"), digest("rows 2"), 70, 8, digest("check 2")
                self.attempt(m.call, "dataset::add_version", "owner", m.market, m.dataset, *args)
            case 2 if request:
                self.attempt(m.call, "dataset::deny_key", "owner", m.market, request, b"no")
            case 3 if request:
                self.attempt(m.call, "dataset::expire_key", "crank", m.market, request)
            case 4 if request:
                self.attempt(m.grant, request)
            case 5:
                self.attempt(m.call, "task::claim_task", "crank", m.market, m.task)
            case 6 if request:
                self.attempt(m.call, "dataset::lapse_key", "crank", m.market, m.task, request)
            case _:
                self.attempt(m.request, "reader", scope=1, task="0x0")

    def govern(self, n: int) -> None:
        """Pause, go on, make another market, list another dataset, take a seat too late."""
        m = self.m
        match n % 9:
            case 7:
                target = ("market::allow_version", "market::disallow_version")[n // 9 % 2]
                self.attempt(m.call, target, "admin", m.admin_cap, m.market, 1 + n % 3)
            case 8:
                self._migrate(n)
            case 0 | 1:
                paused = not m.market.paused
                self.attempt(m.call, "market::set_paused", "admin", m.admin_cap, m.market, paused)
            case 2:
                self._make_market()
            case 3:
                self.attempt(m.list_dataset, "other owner", rows=1 + n % 90_000)
            case _:
                self.attempt(m.register, VERIFIERS[15 + n // 7 % 3])

    def _make_market(self) -> None:
        """Another market, and another pool of ours, to be mistaken for the right ones."""
        m, cap = self.m, self.m.admin_cap
        args = cap, digest("chain"), "0x5", *vars(DEVNET_PARAMS).values()
        self.attempt(m.call, "market::create_market", "admin", *args)
        args = cap, m.market, *vars(DEVNET_POOL).values()
        self.attempt(m.call, "node::create_pool", "admin", *args)

    def _migrate(self, n: int) -> None:
        m = self.m
        requests = m.of_type(KeyRequest)
        targets = {
            "node::migrate_pool": m.pool,
            "task::migrate_task": m.task,
            "dataset::migrate_dataset": m.dataset,
            "submission::migrate_submission": self.submission(n),
            "dataset::migrate_request": requests[0] if requests else None,
        }
        target = sorted(targets)[n // 9 % 5]
        if targets[target] is not None:
            self.attempt(m.call, target, "crank", m.market, targets[target])


def open_submissions(walker: History, chance: random.Random) -> None:
    """Bring most submissions to their opening, so that what follows has something to work on."""
    for n in (8, 1, 2):
        walker.join(n)
    walker.m.now += walker.m.task.terms.join_ms
    walker.close_joining(0)
    for n in range(3):
        if chance.random() < 0.95:
            walker.commit(n + 3 * chance.randrange(3))
    walker.m.now += walker.m.task.terms.train_ms + walker.m.task.terms.grace_ms
    walker.close_training(0)
    for n in range(3):
        walker.draw(n)
        walker.seat(n)
        if chance.random() < 0.2:
            walker.late_round(chance.randrange(NUMBERS // 3) * 3 + n)
        elif chance.random() < 0.75:
            walker.show(n)


class OracleBazaar(MeddledBazaar):
    """For transactions of which coins are inputs, as on a network."""

    @staticmethod
    def _make_coin(context: Context, coin: Coin) -> Coin:
        return Coin("0x" + digest("coin", context.digest).hex(), coin.balance)


def start_walk(
    seed: int, contract: type[Contract] = Contract, world: type[MeddledBazaar] = MeddledBazaar
) -> History:
    """Start anywhere (every third seed), or from a task whose submissions are mostly open."""
    chance = random.Random(seed)
    is_open = seed % 3 != 0
    verifiers = chance.choice((12, 13, 15))
    history = History(world(contract, chance, verifiers=verifiers), chance)
    if chance.random() < 0.4:
        # In the moment in which the task was opened, so too late for it.
        history.attempt(history.m.register, LATECOMER)
    if is_open:
        open_submissions(history, chance)
    which = chance.randrange(3)
    for _ in range(chance.choice((0, 1, 2, 3, 4)) if is_open else 0):
        name = chance.choice(ROUNDS)
        getattr(history, name)(which + 3 * chance.randrange(NUMBERS // 3))
    return history


def take_walk(
    seed: int, contract: type[Contract] = Contract, world: type[MeddledBazaar] = MeddledBazaar
) -> History:
    """Start, and take ``STEPS`` steps of which ``seed`` decides."""
    history = start_walk(seed, contract, world)
    chance = history.chance
    for _ in range(STEPS):
        name = "go_on" if chance.random() < 0.7 else chance.choice(USUAL)
        getattr(history, name)(chance.randrange(NUMBERS))
    return history


def write_history(seed: int, contract: type[Contract] = Contract) -> str:
    """Return the Move module of one history."""
    return write_walk(f"history_{seed}", take_walk(seed, contract).m, seed)


def write_walk(name: str, world: MeddledBazaar, seed: int) -> str:
    """Return the Move module of what happened in ``world``.

    Every third is replayed whole, its end compared; the others up to a refusal, which is chosen
    uniformly among the refused steps, or their reasons, or the reasons that tell most.
    """
    chance = random.Random(-seed - 1)
    refused = [at for at, step in enumerate(world.steps) if step.abort in ABORTS]
    if seed % 3 == 2 or not refused:
        return write_module(name, world, [])
    telling = [at for at in refused if is_telling(world, at)]
    match chance.randrange(3):
        case 0:
            refused = choose_reason(world, refused, chance)
        case 1:
            refused = choose_reason(world, telling or refused, chance)
    return write_module(name, world, [chance.choice(refused)], whole=False)


def is_telling(world: MeddledBazaar, at: int) -> bool:
    """Whether a refusal is about a deadline, or hit a call that nobody made wrong on purpose."""
    name = ABORTS[world.steps[at].abort].name
    return name in UNTIMELY or (at not in world.meddled and name not in COMMON)


def choose_reason(world: MeddledBazaar, refused: list[int], chance: random.Random) -> list[int]:
    """Choose one of the reasons of refusals, and return the refusals that have it."""
    by_reason: dict[Any, list[int]] = {}
    for at in refused:
        by_reason.setdefault((world.steps[at].target, world.steps[at].abort), []).append(at)
    return by_reason[chance.choice(sorted(by_reason))]
