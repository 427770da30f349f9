"""People acting on a ``World``: every step of a task's life, with arguments that work."""

import dataclasses

from walrusd.chain.layouts.objects import (
    Dataset,
    KeyRequest,
    Submission,
    Task,
    Terms,
    VerifierCap,
)
from walrusd.core.dealing import compute_seat_segments
from walrusd.core.lifecycle import ChallengeKind, CostRule, KeyScope
from walrusd.core.protocol import (
    VERDICT_FAULT,
    VERDICT_SOUND,
    compute_audit_sample,
    compute_challenge_id,
    compute_deal_seed,
    compute_jury_commitment,
)
from walrusd.crypto.pedersen.g1 import encode_scalar
from walrusd.units import address_bytes

from .work import BLINDING, COST, Replay, Work
from .world import World, digest

SUI = 1_000_000_000
NOBODY = "0x0"
NOBODY_ID = "0x" + "00" * 32
SECOND, DAY = 1_000, 86_400_000

TERMS = Terms(
    scheme=1,
    weights_rule=0,
    cost_rule=CostRule.PUBLIC,
    reward=SUI,
    verifier_fee=10_000_000,
    juror_fee=5_000_000,
    stake=400_000_003,
    lapse_penalty=100_000_001,
    verifier_stake=SUI,
    accuser_bond=50_000_007,
    publisher_bond=200_000_000,
    max_submissions=4,
    k_min=3,
    committee=3,
    segments_per_seat=2,
    segments=6,
    jury=5,
    audit_bps=1_000,
    state_bytes=1_000,
    segment_work=1_000,
    join_ms=10_000,
    train_ms=20_000,
    open_ms=5_000,
    grace_ms=15_000,
    verify_ms=30_000,
    jury_commit_ms=6_000,
    jury_reveal_ms=7_000,
)
TIP = 1_000_000
FAULT, SOUND = Replay(VERDICT_FAULT, bytes(32)), Replay(VERDICT_SOUND, bytes(32))
VERIFIERS = [f"verifier {i}" for i in range(14)]
CONTRIBUTORS = [f"contributor {i}" for i in range(4)]


def terms_with(**changes):
    return dataclasses.replace(TERMS, **changes)


def required(terms):
    return terms.max_submissions * escrow(terms) + 2 * TIP + terms.publisher_bond


def escrow(terms, tip=TIP):
    """Return what is set aside for one submission."""
    fees = terms.committee * terms.verifier_fee + 2 * terms.jury * terms.juror_fee
    return terms.reward + fees + 4 * tip


class Bazaar(World):
    """A market with verifiers, a dataset, and at most one task under test."""

    def __init__(self, verifiers=14, **kwargs):
        super().__init__(**kwargs)
        self.caps: dict[str, VerifierCap] = {}
        self.works: dict[str, Work] = {}
        for name in VERIFIERS[:verifiers]:
            self.register(name)
        self.dataset = self.list_dataset()
        self.advance(1)

    # Nodes and datasets.

    def register(self, name, stake=2 * SUI, min_fee=1_000_000, state=10**6, work=10**6, key=None):
        self.caps[name] = self.call(
            "node::register_seat",
            name,
            self.market,
            self.pool,
            self.mint(name, stake),
            key or digest("key", name),
            min_fee,
            state,
            work,
        )
        return self.caps[name]

    def name_of(self, verifier):
        return self.names[verifier]

    def list_dataset(self, owner="owner", rows=1_000, title=b"iris", **changes):
        args = {
            "title": title,
            "description_blob": 5,
            "blob": 6,
            "manifest_digest": digest("manifest"),
            "row_root": digest("rows"),
            "rows": rows,
            "row_bytes": 64,
            "key_check": digest("check"),
            **changes,
        }
        self.call("dataset::list_dataset", owner, self.market, *args.values())
        return self.latest(Dataset)

    def request(self, name, dataset=None, scope=KeyScope.TRAIN_AND_VERIFY, number=1, **changes):
        args = {
            "number": number,
            "key": digest("key", name),
            "scope": scope,
            "task": NOBODY,
            "lifetime_ms": DAY,
            **changes,
        }
        dataset = dataset or self.dataset
        self.call("dataset::request_key", name, self.market, dataset, *args.values())
        return self.latest(KeyRequest)

    def grant(self, request, owner="owner", envelope=b"sealed"):
        self.call("dataset::grant_key", owner, self.market, request, envelope)
        return request

    # The task.

    def open_task(self, terms=TERMS, funds=None, publisher="publisher", **changes):
        args = {
            "publisher_key": digest("publisher key"),
            "manifest_blob": 1,
            "manifest_digest": digest("manifest"),
            "state_root_0": digest("state 0"),
            "plan_digest": digest("plan"),
            "parent": NOBODY,
            "datasets": [self.dataset.id],
            "numbers": [1],
            **changes,
        }
        coin = self.mint(publisher, required(terms) if funds is None else funds)
        self.publisher_cap = self.call(
            "task::open_task", publisher, self.market, terms, *args.values(), coin
        )
        self.task = self.latest(Task)
        return self.task

    def join(self, name, request=None, stake=None, dataset=None):
        request = request or self.grant(self.request(name))
        coin = self.mint(name, self.task.terms.stake if stake is None else stake)
        dataset = dataset or self.dataset
        self.call("submission::join", name, self.market, self.task, dataset, request, coin)
        return self.latest(Submission)

    def close_joining(self, sender="crank"):
        self.call("task::close_joining", sender, self.market, self.task)

    def commit(self, submission, sender=None, forged=(), **changes):
        work = self.works[submission.id] = Work(self.task, submission, forged, market=self.market)
        args = {**work.commit_args(), **changes}
        sender = sender or self.contributor_of(submission)
        self.call("submission::commit", sender, self.market, self.task, submission, *args.values())

    def commit_abort(self, submission, segment=2, sender=None, forged=(), claims=None, **changes):
        """Claim that the plan ends in ``segment``; ``claims`` another than the trace has."""
        work = Work(self.task, submission, forged, abort=segment, market=self.market)
        args = {**work.abort_args(), **changes}
        args["segment"] = segment if claims is None else claims
        sender = sender or self.contributor_of(submission)
        target = "submission::commit_abort"
        self.call(target, sender, self.market, self.task, submission, *args.values())
        self.works[submission.id] = work

    def contributor_of(self, submission):
        return self.names[submission.contributor]

    def draw(self, sender="crank"):
        self.call("task::draw", sender, self.market, self.pool, self.task)

    def seat(self, submission, sender="crank"):
        self.call("committee::seat", sender, self.market, self.task, self.pool, submission)

    def open(self, submission, sender=None, **changes):
        is_public = self.task.terms.cost_rule == CostRule.PUBLIC and submission.abort is None
        args = {
            "blob": 9,
            "digest": digest("opening"),
            "key_check": digest("opening check"),
            "envelopes": [b"envelope"] * len(submission.committee),
            "cost": COST if is_public else None,
            "blinding": encode_scalar(BLINDING) if is_public else b"",
            **changes,
        }
        sender = sender or self.contributor_of(submission)
        self.call("submission::open", sender, self.market, self.task, submission, *args.values())

    def dealt(self, submission, seat):
        terms = self.task.terms
        segments = submission.abort.segment if submission.abort else terms.segments
        seed = compute_deal_seed(self.task.beacon, address_bytes(submission.id))
        return compute_seat_segments(seed, segments, seat, terms.segments_per_seat)

    def places(self, submission):
        """Return the segment at every dealt place."""
        seats = range(self.task.terms.committee)
        return [segment for seat in seats for segment in self.dealt(submission, seat)]

    def attest(self, submission, seat, position, cap=None, segment=None, **changes):
        if segment is None:
            segment = self.dealt(submission, seat)[position]
        name = self.name_of(submission.committee[seat].verifier)
        slot = submission.committee[seat].slot
        args = {**self.works[submission.id].attest_args(segment, slot), **changes}
        self.call(
            "attestation::attest",
            name,
            self.market,
            self.task,
            submission,
            cap or self.caps[name],
            seat,
            position,
            *args.values(),
        )

    def attest_seat(self, submission, seat):
        for position in range(self.task.terms.segments_per_seat):
            self.attest(submission, seat, position)

    def attest_all(self, submission):
        for seat in range(self.task.terms.committee):
            self.attest_seat(submission, seat)

    def report(self, submission, seat, cap=None):
        name = self.name_of(submission.committee[seat].verifier)
        cap = cap or self.caps[name]
        target = "attestation::report"
        self.call(target, name, self.market, self.task, submission, cap, seat)

    def replace(self, submission, sender="crank"):
        self.call("committee::replace", sender, self.market, self.task, self.pool, submission)

    # The audit.

    def lot(self, submission, beacon=None):
        """Return the audit sample that was drawn, or that a beacon would give."""
        terms, name = self.task.terms, address_bytes(submission.id)
        places = terms.committee * terms.segments_per_seat
        beacon = beacon or submission.audit_beacon
        return compute_audit_sample(beacon, name, terms.audit_bps, places)

    def draw_audit(self, submission, sender="crank", selected=None):
        """Draw; with ``selected`` in a transaction whose randomness decides so."""
        if selected is not None:
            self.choose_randomness(
                sender, lambda beacon: self.lot(submission, beacon).is_selected == selected
            )
        self.call("audit::draw_audit", sender, self.market, self.task, submission)

    def audited_segment(self, submission):
        return self.places(submission)[self.lot(submission).place]

    def audit(self, submission, sender="crank", **changes):
        work, segment = self.works[submission.id], self.audited_segment(submission)
        args = {"leaf": work.leaves[segment], "path": work.tree.path(segment), **changes}
        self.call("audit::audit", sender, self.market, self.task, submission, *args.values())

    def accept(self, submission, sender="crank"):
        """Attest everything, draw no segment for an audit, settle."""
        self.attest_all(submission)
        self.draw_audit(submission, sender, selected=False)
        self.settle(submission, sender)

    def settle(self, submission, sender="crank"):
        self.call("settlement::settle", sender, self.market, self.task, self.pool, submission)

    def claim(self, submission, name):
        return self.call("settlement::claim", name, self.market, submission).balance

    def reclaim(self, sender="publisher", cap=None):
        cap = cap or self.publisher_cap
        return self.call("task::reclaim", sender, self.market, cap, self.task).balance

    # Disputes.

    def challenge(self, submission, segment, sender="accuser", value=None, **changes):
        """Accuse a segment, at the first place that it was dealt to."""
        work, places = self.works[submission.id], self.places(submission)
        args = {
            "place": places.index(segment) if segment in places else 0,
            "leaf": work.leaves[segment],
            "path": work.tree.path(segment),
            **changes,
        }
        value = value or work.honest[segment]
        self.accuse(submission, ChallengeKind.SEGMENT, segment, sender, value, **args)

    def accuse(self, submission, kind, index=0, sender="accuser", value=FAULT, **changes):
        """Accuse a part of any kind; all but a segment have neither place nor leaf."""
        case = compute_challenge_id(address_bytes(submission.id), kind, index, 0)
        args = {
            "kind": kind,
            "index": index,
            "place": 0,
            "leaf": b"",
            "path": [],
            "commitment": self.seal(case, sender, value),
            **changes,
        }
        bond = self.mint(sender, args.pop("bond", self.task.terms.accuser_bond))
        self.call(
            "jury::challenge", sender, self.market, self.task, submission, *args.values(), bond
        )

    def seal(self, case, name, value):
        who, salt = address_bytes(self.address(name)), digest("salt", name)
        return compute_jury_commitment(case, who, value.chain, value.state_root, salt)

    def draw_jury(self, submission):
        self.call("jury::draw_jury", "crank", self.market, self.pool, submission)

    def seat_jury(self, submission):
        self.call("jury::seat_jury", "crank", self.market, self.task, self.pool, submission)

    def convene(self, submission):
        self.draw_jury(submission)
        self.seat_jury(submission)

    def juror_name(self, submission, juror):
        return self.name_of(submission.dispute.jurors[juror].verifier)

    def jury_commit(self, submission, juror, value, cap=None, **changes):
        name = self.juror_name(submission, juror)
        commitment = self.seal(submission.dispute.challenge, name, value)
        self.call(
            "jury::jury_commit",
            name,
            self.market,
            self.task,
            submission,
            cap or self.caps[name],
            juror,
            changes.get("commitment", commitment),
        )

    def jury_reveal(self, submission, juror, value, cap=None, salt=None):
        name = self.juror_name(submission, juror)
        self.call(
            "jury::jury_reveal",
            name,
            self.market,
            self.task,
            submission,
            cap or self.caps[name],
            juror,
            value.chain,
            value.state_root,
            digest("salt", name) if salt is None else salt,
        )

    def accuser_reveal(self, submission, value, sender="accuser", salt=None):
        self.call(
            "jury::accuser_reveal",
            sender,
            self.market,
            self.task,
            submission,
            value.chain,
            value.state_root,
            digest("salt", sender) if salt is None else salt,
        )

    def vote(self, submission, values):
        """Let juror ``j`` commit and reveal ``values[j]``."""
        for juror, value in enumerate(values):
            self.jury_commit(submission, juror, value)
        for juror, value in enumerate(values):
            self.jury_reveal(submission, juror, value)

    def judge(self, submission, value, accuser_value=None):
        """Convene a jury that finds ``value``, and let it decide."""
        self.convene(submission)
        self.vote(submission, [value] * self.task.terms.jury)
        if submission.dispute.accuser != NOBODY_ID:
            self.accuser_reveal(submission, accuser_value or value)
        self.resolve(submission)

    def resolve(self, submission, sender="crank"):
        self.call("jury::resolve", sender, self.market, self.task, self.pool, submission)

    # Up to a point.

    def joined(self, count=4, **kwargs):
        self.open_task(**kwargs)
        return [self.join(name) for name in CONTRIBUTORS[:count]]

    def training(self, count=4, **kwargs):
        submissions = self.joined(count, **kwargs)
        self.advance(self.task.terms.join_ms)
        self.close_joining()
        return submissions

    def drawn(self, count=4, forged=(), **kwargs):
        submissions = self.training(count, **kwargs)
        for submission in submissions:
            self.commit(submission, forged=forged)
        self.draw()
        return submissions

    def seated(self, count=4, **kwargs):
        submissions = self.drawn(count, **kwargs)
        for submission in submissions:
            self.seat(submission)
        return submissions

    def opened(self, count=4, **kwargs):
        submissions = self.seated(count, **kwargs)
        for submission in submissions:
            self.open(submission)
        return submissions

    def disputed(self, index=3, forged=(), count=1, **kwargs):
        """Return a submission whose segment ``index`` is before a seated jury."""
        submission, *_ = self.opened(count, forged=forged, **kwargs)
        self.challenge(submission, index)
        self.convene(submission)
        return submission
