"""People acting on a ``World`` from committees to claims, with arguments that work."""

from walrusd.core.dealing import compute_seat_segments
from walrusd.core.lifecycle import CaseKind, CostRule
from walrusd.core.protocol import (
    Word,
    compute_audit_sample,
    compute_deal_seed,
    compute_judged,
    compute_jury_commitment,
    compute_verdict,
)
from walrusd.crypto.envelopes.contexts import Label, SeatContext
from walrusd.crypto.pedersen.g1 import encode_scalar
from walrusd.devnet.contract.dispute import compute_majority
from walrusd.devnet.contract.opening import compute_opening_context
from walrusd.devnet.contract.task import compute_publisher_context
from walrusd.units import address_bytes

from .early import (
    CONTRIBUTORS,
    JURORS,
    NOBODY_ID,
    SECOND,
    SUI,
    TERMS,
    TIP,
    VERIFIERS,
    EarlyBazaar,
    escrow,
    terms_with,
)
from .entitled import check_entitled
from .sealing import make_envelope, make_opening
from .work import BLINDING, COST, Replay
from .world import digest

__all__ = [
    "ABSENT",
    "CONTRIBUTORS",
    "FAULT",
    "JURORS",
    "NOBODY_ID",
    "SECOND",
    "SOUND",
    "SUI",
    "TERMS",
    "TIP",
    "VERIFIERS",
    "Bazaar",
    "case_cost",
    "escrow",
    "terms_with",
]

SOUND, FAULT, ABSENT = Word.SOUND, Word.FAULT, Word.ABSENT


def case_cost(terms=TERMS):
    """Return what the jurors of one case may get, alternates too."""
    return (terms.jury + (terms.jury + 1) // 2) * terms.juror_fee


class Bazaar(EarlyBazaar):
    """A market with verifiers, a dataset, and at most one task under test."""

    def check_entitled(self, target, given):
        check_entitled(self, target, given)

    def turn(self, target, submission, sender="crank"):
        """Turn a crank that takes market, task, pool and submission."""
        self.call(target, sender, self.market, self.task, self.pool, submission)

    # The committee.

    def draw(self, submission, sender="crank"):
        self.turn("committee::draw_committee", submission, sender)

    def seat(self, submission, sender="crank"):
        """Seat the committee; its lot is drawn first if it is not."""
        if submission.lot is None:
            self.draw(submission, sender)
        self.turn("committee::seat_committee", submission, sender)

    def open(self, submission, sender=None, **changes):
        """Say where the opening is; nobody can read it yet."""
        is_public = self.task.terms.cost_rule == CostRule.PUBLIC and submission.abort is None
        p2, challenge, answer = make_opening(compute_opening_context(self.market, submission))
        args = {
            "blob": 9,
            "digest": digest("opening"),
            "p2": p2,
            "challenge": challenge,
            "answer": answer,
            "cost": COST if is_public else None,
            "blinding": encode_scalar(BLINDING) if is_public else b"",
            **changes,
        }
        sender = sender or self.contributor_of(submission)
        self.call("submission::open", sender, self.market, self.task, submission, *args.values())

    def seal_for(self, submission, seat, sender, **changes):
        """Return the arguments of an envelope for a seat of a committee or a jury."""
        keys = self.keys_of(seat)
        recipient = SeatContext(
            chain_id=self.market.chain_id,
            package=address_bytes(self.market.package),
            market=address_bytes(self.market.id),
            pool=address_bytes(submission.pool),
            index=seat.pool_index,
            generation=seat.generation,
            owner=address_bytes(seat.verifier),
        ).digest()
        context = compute_opening_context(self.market, submission)
        who = address_bytes(self.address(sender))
        sealed = make_envelope(context, Label.WORK, recipient, *keys, who)
        names = ("pk1", "pk2", "r", "c", "challenge", "answer")
        return {**dict(zip(names, (*keys, *sealed), strict=True)), **changes}

    def keys_of(self, seat):
        cap = self.caps[self.name_of(seat.verifier)]
        return cap.pk1, cap.pk2

    def deliver(self, submission, place, sender=None, **changes):
        sender = sender or self.contributor_of(submission)
        args = self.seal_for(submission, submission.committee[place], sender, **changes)
        target = "submission::deliver"
        self.call(target, sender, self.market, self.task, submission, place, *args.values())

    def deliver_all(self, submission, sender=None):
        """Deliver to every place that waits for its envelope."""
        for place, seat in enumerate(submission.committee):
            if not seat.envelope:
                self.deliver(submission, place, sender)

    def show(self, submission, sender=None):
        """Open, unless it is opened, and let the whole committee read."""
        if submission.opening is None:
            self.open(submission)
        self.deliver_all(submission, sender)

    def reopen(self, submission, sender="crank"):
        self.turn("settlement::reopen", submission, sender)

    def dealt(self, submission, place):
        """Return the segments that were dealt to a place of the committee."""
        terms = self.task.terms
        segments = submission.abort.segment if submission.abort else terms.segments
        seed = compute_deal_seed(submission.beacon, address_bytes(submission.id))
        return compute_seat_segments(seed, segments, place, terms.segments_per_seat)

    def places(self, submission):
        """Return the segment at every dealt place."""
        seats = range(self.task.terms.committee)
        return [segment for seat in seats for segment in self.dealt(submission, seat)]

    def holder_of(self, submission, place):
        return self.name_of(submission.committee[place].verifier)

    def attest(self, submission, place, position, cap=None, segment=None, **changes):
        if segment is None:
            segment = self.dealt(submission, place)[position]
        name = self.holder_of(submission, place)
        slot = submission.committee[place].slot
        work = self.works[submission.id].attest_args(segment, slot)
        args = {**work, "program_root": self.task.program_root, **changes}
        self.call(
            "attestation::attest",
            name,
            self.market,
            self.task,
            submission,
            cap or self.caps[name],
            place,
            position,
            *args.values(),
        )

    def attest_seat(self, submission, place):
        for position in range(self.task.terms.segments_per_seat):
            if not submission.committee[place].attested >> position & 1:
                self.attest(submission, place, position)

    def attest_all(self, submission):
        for place in range(self.task.terms.committee):
            self.attest_seat(submission, place)

    def report(self, submission, place, cap=None):
        name = self.holder_of(submission, place)
        cap = cap or self.caps[name]
        target = "attestation::report"
        self.call(target, name, self.market, self.task, submission, cap, place)

    def report_all(self, submission):
        """Let a majority of the committee report."""
        for place in range(self.task.terms.committee // 2 + 1):
            self.report(submission, place)

    def replace(self, submission, sender="crank"):
        self.turn("committee::replace", submission, sender)

    # The audit.

    def lot(self, submission, beacon=None):
        """Return the audit sample that was drawn, or that a beacon would give."""
        terms, name = self.task.terms, address_bytes(submission.id)
        places = terms.committee * terms.segments_per_seat
        beacon = beacon or submission.audit_beacon
        return compute_audit_sample(beacon, name, submission.audit_round, terms.audit_bps, places)

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

    def deliver_update(self, submission, sender=None, **changes):
        sender = sender or self.contributor_of(submission)
        context = compute_opening_context(self.market, submission)
        recipient = compute_publisher_context(self.market, self.task.publisher)
        keys = self.task.publisher_pk1, self.task.publisher_pk2
        who = address_bytes(self.address(sender))
        sealed = make_envelope(context, Label.UPDATE, recipient, *keys, who)
        args = {**dict(zip(("r", "c", "challenge", "answer"), sealed, strict=True)), **changes}
        self.call(
            "settlement::deliver_update",
            sender,
            self.market,
            self.task,
            self.pool,
            submission,
            *args.values(),
        )

    def accept(self, submission):
        """Attest everything, draw no segment for an audit, deliver the update."""
        self.attest_all(submission)
        self.draw_audit(submission, selected=False)
        self.deliver_update(submission)

    def settle(self, submission, sender="crank"):
        self.turn("settlement::settle", submission, sender)

    def claim(self, submission, name):
        return self.call("settlement::claim", name, self.market, submission).balance

    # Cases.

    def accuse(self, submission, kind, place=0, index=0, cap=None, **changes):
        """Accuse a part as the seat at a place; a segment at its first position."""
        name = self.holder_of(submission, place)
        leaf, path = b"", []
        if kind == CaseKind.SEGMENT:
            work = self.works[submission.id]
            index = index or self.dealt(submission, place)[changes.get("position", 0)]
            leaf, path = work.leaves[index], work.tree.path(index)
        args = {
            "place": place,
            "kind": kind,
            "index": index,
            "position": 0,
            "leaf": leaf,
            "path": path,
            "program_root": self.task.program_root,
            **changes,
        }
        cap = cap or self.caps[name]
        self.call("jury::accuse", name, self.market, self.task, submission, cap, *args.values())

    def accuse_file(self, submission, sender="accuser", bond=None, program_root=None):
        terms = self.task.terms
        amount = case_cost(terms) + 10 * terms.verifier_fee if bond is None else bond
        root = self.task.program_root if program_root is None else program_root
        coin = self.mint(sender, amount)
        target = "jury::accuse_file"
        self.call(target, sender, self.market, self.task, submission, root, coin)

    def draw_jury(self, submission, sender="crank"):
        self.turn("jury::draw_jury", submission, sender)

    def seat_jury(self, submission, sender="crank"):
        self.turn("jury::seat_jury", submission, sender)

    def juror_name(self, submission, juror):
        return self.name_of(submission.dispute.jurors[juror].verifier)

    def deliver_juror(self, submission, juror, sender=None, **changes):
        sender = sender or self.contributor_of(submission)
        args = self.seal_for(submission, submission.dispute.jurors[juror], sender, **changes)
        target = "jury::deliver_juror"
        self.call(target, sender, self.market, self.task, submission, juror, *args.values())

    def summon(self, submission):
        """Draw and seat a jury."""
        self.draw_jury(submission)
        self.seat_jury(submission)

    def brief(self, submission, sender=None):
        """Deliver to every juror."""
        for juror in range(len(submission.dispute.jurors)):
            if not submission.dispute.jurors[juror].envelope:
                self.deliver_juror(submission, juror, sender)

    def convene(self, submission):
        """Draw and seat a jury, and let it read."""
        self.summon(submission)
        self.brief(submission)

    def verdict(self, submission, value):
        """Return ``chain', state_root'`` of a replay, or of a word about what the jury judges."""
        if isinstance(value, Replay):
            return value.chain, value.state_root
        beacon = submission.dispute.beacon
        judged = compute_judged(beacon, digest("judged")) if value != ABSENT else bytes(32)
        return value.chain, judged

    def hide(self, submission, value):
        """Return the value that a juror reveals for a verdict."""
        return compute_verdict(submission.dispute.challenge, *self.verdict(submission, value))

    def jury_commit(self, submission, juror, value, cap=None, **changes):
        name = self.juror_name(submission, juror)
        case, who = submission.dispute.challenge, address_bytes(self.address(name))
        salt = digest("salt", name)
        sealed = compute_jury_commitment(case, who, self.hide(submission, value), salt)
        self.call(
            "jury::jury_commit",
            name,
            self.market,
            self.task,
            submission,
            cap or self.caps[name],
            juror,
            changes.get("commitment", sealed),
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
            self.hide(submission, value),
            digest("salt", name) if salt is None else salt,
        )

    def vote(self, submission, values):
        """Let juror ``j`` commit and reveal ``values[j]``; None: it does nothing."""
        chosen = [(juror, value) for juror, value in enumerate(values) if value is not None]
        for juror, value in chosen:
            self.jury_commit(submission, juror, value)
        if len(chosen) < len(submission.dispute.jurors):
            self.advance(self.task.terms.jury_commit_ms)
        for juror, value in chosen:
            self.jury_reveal(submission, juror, value)

    def judge(self, submission, value):
        """Convene a jury that finds ``value`` unanimously, and let it decide."""
        self.convene(submission)
        self.vote(submission, [value] * len(submission.dispute.jurors))
        self.resolve(submission, value)

    def fail(self, submission):
        """Convene a jury of which nobody says anything, and let it not decide."""
        self.convene(submission)
        self.advance(self.task.terms.jury_commit_ms)
        self.resolve(submission)

    def resolve(self, submission, value=None, sender="crank"):
        """Resolve, telling what the majority's value hides, or nothing."""
        told = (b"", b"") if value is None else self.verdict(submission, value)
        target = "jury::resolve"
        self.call(target, sender, self.market, self.task, self.pool, submission, *told)

    def majority(self, submission):
        return compute_majority(submission.dispute, self.task.terms.jury)

    # Up to a point.

    def seated(self, count=4, **kwargs):
        submissions = self.trained(count, **kwargs)
        for submission in submissions:
            self.seat(submission)
        return submissions

    def opened(self, count=4, **kwargs):
        """Return submissions whose committees can read them."""
        submissions = self.seated(count, **kwargs)
        for submission in submissions:
            self.show(submission)
        return submissions

    def audited(self, count=1, selected=True, **kwargs):
        """Return submissions that are attested and drawn for an audit, or not."""
        submissions = self.opened(count, **kwargs)
        for submission in submissions:
            self.attest_all(submission)
            self.draw_audit(submission, selected=selected)
        return submissions
