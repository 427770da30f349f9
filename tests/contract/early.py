"""People acting on a ``World`` until work is committed, with arguments that work.

``market.Bazaar`` goes on from there: committees, cases, ends.
"""

import dataclasses
import hashlib
from functools import cache
from unittest.mock import patch

from walrusd.chain.layouts.objects import (
    Dataset,
    KeyRequest,
    Submission,
    Task,
    Terms,
    VerifierCap,
)
from walrusd.core.lifecycle import CostRule, KeyScope
from walrusd.crypto.envelopes import schnorr
from walrusd.crypto.envelopes.recipients import RecipientSecret, prove_recipient
from walrusd.crypto.pedersen.g1 import Q
from walrusd.devnet.contract.constants import NOBODY as NOBODY_ID
from walrusd.devnet.contract.seats import compute_seat_context
from walrusd.devnet.contract.task import compute_publisher_context

from .work import Work
from .world import World, digest

SUI = 1_000_000_000
NOBODY = "0x0"
SECOND, DAY = 1_000, 86_400_000

TERMS = Terms(
    scheme=1,
    weights_rule=0,
    cost_rule=CostRule.PUBLIC,
    reward=SUI,
    verifier_fee=10_000_000,
    juror_fee=5_000_000,
    stake=400_000_003,
    lapse_penalty=90_000_001,
    late_fee=80_000_001,
    cancel_fee=20_000_001,
    verifier_stake=SUI,
    publisher_bond=200_000_000,
    max_submissions=4,
    k_min=3,
    committee=3,
    substitutes=2,
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
RATE, MEMORY, PENALTY = 10**6, 10**6, 2 * SUI
VERIFIERS = [f"verifier {i}" for i in range(18)]
CONTRIBUTORS = [f"contributor {i}" for i in range(4)]
JURORS = 8
"""Jurors and alternates under ``TERMS``."""


def terms_with(**changes):
    return dataclasses.replace(TERMS, **changes)


def required(terms):
    return terms.max_submissions * escrow(terms) + 2 * TIP + terms.publisher_bond


def escrow(terms, tip=TIP):
    """Return what is set aside for one submission."""
    jurors = terms.jury + (terms.jury + 1) // 2
    fees = terms.committee * terms.verifier_fee + 2 * jurors * terms.juror_fee
    return terms.reward + fees + 6 * tip


def secret_of(name):
    """Return the secret of a person's recipient keys."""
    return RecipientSecret(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % Q)


@cache
def make_keys(name, context):
    """Return ``pk1, pk2, challenge, answer`` of a person as the recipient ``context``."""
    secret = secret_of(name)
    recipient = secret.describe(context)
    with patch.object(schnorr.secrets, "token_bytes", bytes):
        proof = prove_recipient(secret, context)
    return recipient.pk1, recipient.pk2, proof.challenge, proof.answer


class EarlyBazaar(World):
    """A market with verifiers, a dataset, and at most one task under test."""

    def __init__(self, verifiers=18, **kwargs):
        super().__init__(**kwargs)
        self.caps: dict[str, VerifierCap] = {}
        self.works: dict[str, Work] = {}
        self.task: Task | None = None
        for name in VERIFIERS[:verifiers]:
            self.register(name)
        self.dataset = self.list_dataset()
        self.advance(1)

    # Seats and datasets.

    def register(self, name, slot=None, pay=None, keys=None, **changes):
        """Take a seat: in the slot after the last, unless ``slot`` says where."""
        params = self.pool.params
        slot = len(self.pool.seats) if slot is None else slot
        declared = {
            "min_fee": 1_000_000,
            "max_penalty": min(PENALTY, params.stake // params.duties),
            "rate": RATE,
            "memory": MEMORY,
            **changes,
        }
        self.caps[name] = self.call(
            "node::register_seat",
            name,
            self.market,
            self.pool,
            self.mint(name, params.stake + params.fee if pay is None else pay),
            slot,
            *(keys or self.seat_keys(name, slot)),
            *declared.values(),
        )
        return self.caps[name]

    def seat_keys(self, name, slot, generation=None):
        if generation is None:
            is_new = slot >= len(self.pool.seats)
            generation = 1 if is_new else self.pool.seats[slot].generation + 1
        owner = self.address(name)
        context = compute_seat_context(self.market, self.pool, slot, generation, owner)
        return make_keys(name, context)

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
            "task": self.task.id if self.task else NOBODY,
            "lifetime_ms": DAY,
            **changes,
        }
        dataset = dataset or self.dataset
        self.call("dataset::request_key", name, self.market, dataset, *args.values())
        return self.latest(KeyRequest)

    def grant(self, request, owner="owner", envelope=b"sealed", task=None):
        """Grant for the task under test, or alone if the request names none."""
        if request.task == NOBODY_ID:
            self.call("dataset::grant_key_alone", owner, self.market, request, envelope)
        else:
            task = task or self.task
            self.call("dataset::grant_key", owner, self.market, task, request, envelope)
        return request

    # The task.

    def open_task(self, terms=TERMS, funds=None, publisher="publisher", pool=None, **changes):
        context = compute_publisher_context(self.market, self.address(publisher))
        names = ("pk1", "pk2", "challenge", "answer")
        keys = dict(zip(names, make_keys(publisher, context), strict=True))
        args = {
            **keys,
            "manifest_blob": 1,
            "manifest_digest": digest("manifest"),
            "state_root_0": digest("state 0"),
            "plan_digest": digest("plan"),
            "program_root": digest("program"),
            "parent": NOBODY,
            "datasets": [self.dataset.id],
            "numbers": [1],
            **changes,
        }
        coin = self.mint(publisher, required(terms) if funds is None else funds)
        pool = pool or self.pool
        self.publisher_cap = self.call(
            "task::open_task", publisher, self.market, pool, terms, *args.values(), coin
        )
        self.task = self.latest(Task)
        return self.task

    def join(self, name, request=None, stake=None, dataset=None, program_root=None):
        request = request or self.grant(self.request(name))
        coin = self.mint(name, self.task.terms.stake if stake is None else stake)
        root = self.task.program_root if program_root is None else program_root
        dataset = dataset or self.dataset
        self.call("submission::join", name, self.market, self.task, dataset, request, root, coin)
        return self.latest(Submission)

    def close_joining(self, sender="crank"):
        self.call("task::close_joining", sender, self.market, self.pool, self.task)

    def cancel(self, sender="publisher", cap=None):
        cap = cap or self.publisher_cap
        self.call("task::cancel_task", sender, self.market, cap, self.task)

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

    def close_training(self, sender="crank"):
        self.call("task::close_training", sender, self.market, self.task)

    def reclaim(self, sender="publisher", cap=None):
        cap = cap or self.publisher_cap
        return self.call("task::reclaim", sender, self.market, cap, self.task).balance

    # Up to a point.

    def joined(self, count=4, **kwargs):
        self.open_task(**kwargs)
        return [self.join(name) for name in CONTRIBUTORS[:count]]

    def training(self, count=4, **kwargs):
        submissions = self.joined(count, **kwargs)
        self.advance(self.task.terms.join_ms)
        self.close_joining()
        return submissions

    def trained(self, count=4, forged=(), **kwargs):
        """Return submissions whose work is committed, when training has closed."""
        submissions = self.training(count, **kwargs)
        for submission in submissions:
            self.commit(submission, forged=forged)
        self.close_training()
        return submissions
