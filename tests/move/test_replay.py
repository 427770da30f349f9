"""Random histories of the executable specification, replayed in the Move VM to the byte."""

import random
from collections import Counter

import pytest

from tests.contract import walk, work
from tests.contract.market import DAY
from tests.contract.test_walks import NUMBERS, OPERATIONS
from tests.contract.world import address, digest
from walrusd.chain.layouts.objects import Submission
from walrusd.core.aborts import ABORTS
from walrusd.core.lifecycle import KeyScope
from walrusd.crypto import pedersen
from walrusd.devnet.contract import FUNCTIONS

from .builder import run_unit_tests
from .recorder import RecordingBazaar, write_module

WALKS = 6
STEPS = 70
REFUSALS_PER_WALK = 8
# Who asks for keys again and again only makes the histories longer.
USUAL = [name for name in OPERATIONS if name not in ("join", "leave", "wait_long")]


@pytest.fixture
def stubbed_group(monkeypatch):
    """Make the specification's group as meaningless as the one of the unit tests' VM.

    There every operation gives 48 zero bytes: proofs hold, and zeros open to anything.
    """
    monkeypatch.setattr(pedersen, "verify_proof", lambda *_: None)
    monkeypatch.setattr(pedersen, "verify_opening", lambda *_: None)
    monkeypatch.setattr(work, "commit", lambda *_: bytes(48))
    monkeypatch.setattr(work, "prove_opening", lambda *_: bytes(112))
    monkeypatch.setattr(walk, "Bazaar", RecordingBazaar)


def take_walk(seed: int) -> tuple[RecordingBazaar, Counter]:
    """Walk anywhere (odd seeds), or from a task whose submissions are mostly open (even)."""
    chance = random.Random(seed)
    walker = walk.Walk(verifiers=chance.choice((9, 12) if seed % 2 == 0 else (1, 4, 9)))
    if seed % 2 == 0:
        open_submissions(walker, chance)
    for _ in range(STEPS):
        name = "go_on" if chance.random() < 0.75 else chance.choice(USUAL)
        getattr(walker, name)(chance.randrange(NUMBERS))
    walker.finish()
    return walker.m, walker.counts


def open_submissions(walker: walk.Walk, chance: random.Random) -> None:
    for n in (8, 1, 2):
        walker.join(n)
    walker.m.advance(4_000)
    walker.close_joining(0)
    for n in range(3):
        if chance.random() < 0.95:
            walker.commit(n + 3 * chance.randrange(3))
    walker.m.advance(6_000)
    walker.draw(0)
    for n in range(3):
        walker.seat(n)
        if chance.random() < 0.9:
            walker.open(n)


def choose_refusals(world: RecordingBazaar, seen: Counter) -> list[int]:
    """Indices of aborted steps, the rarest reasons first."""
    reasons = {}
    for at, step in enumerate(world.steps):
        if step.abort in ABORTS:
            reasons.setdefault((step.target, step.abort), at)
    rarest = sorted(reasons, key=lambda reason: (seen[reason], reason))[:REFUSALS_PER_WALK]
    seen.update(rarest)
    return [reasons[reason] for reason in rarest]


def confirm_forgery(m: RecordingBazaar) -> None:
    submission = m.disputed(index=3, forged={3})
    honest = m.works[submission.id].honest[3]
    m.advance(17)
    m.vote(submission, [honest, honest, work.Replay(digest("lie"), digest("lie")), honest, honest])
    m.accuser_reveal(submission, honest)
    m.advance(5)
    m.resolve(submission)
    m.claim(submission, "accuser")
    m.reclaim()
    m.call("task::claim_task", "crank", m.market, m.task)


def refute_then_settle(m: RecordingBazaar) -> None:
    submission = m.disputed(index=2, count=3)
    honest = m.works[submission.id].honest[2]
    for juror in range(4):
        m.jury_commit(submission, juror, honest)
    m.advance(m.task.terms.jury_commit_ms)
    for juror in range(3):
        m.jury_reveal(submission, juror, honest)
    m.advance(m.task.terms.jury_reveal_ms)
    m.resolve(submission)
    m.advance(11)
    for each in m.of_type(Submission):
        m.attest_all(each)
        m.settle(each, sender=m.contributor_of(each))
    m.advance(3)
    args = digest("root"), digest("blindings"), 5
    m.call("task::record_aggregate", "publisher", m.market, m.publisher_cap, m.task, *args)
    m.reclaim()


def never_agree(m: RecordingBazaar) -> None:
    submission = m.disputed(index=5)
    for round_ in range(2):
        m.advance(23)
        if round_:
            m.convene(submission)
        values = [work.Replay(digest(n // 2), digest(round_)) for n in range(5)]
        m.vote(submission, values)
        m.advance(m.task.terms.jury_reveal_ms)
        m.resolve(submission)
    m.claim(submission, "accuser")


def stay_away(m: RecordingBazaar) -> None:
    first, second, third, fourth = m.training()
    m.commit(first)
    m.commit(second)
    m.commit(third)
    m.advance(m.task.terms.train_ms)
    m.draw()
    for submission in (first, second, third):
        m.seat(submission)
    m.settle(fourth)
    m.open(first)
    m.attest(first, 1, 0)
    m.attest(first, 1, 1)
    m.advance(m.task.terms.open_ms + m.task.terms.grace_ms)
    m.settle(second)
    m.open(third)
    m.call("submission::reseal", "contributor 2", m.market, third, address("friend"), b"sealed")
    m.advance(m.task.terms.verify_ms)
    m.settle(first)
    m.settle(third)
    m.reclaim()


def keep_house(m: RecordingBazaar) -> None:
    request = m.request("reader", scope=KeyScope.TRAIN)
    m.call("dataset::deny_key", "owner", m.market, request, b"no")
    request = m.request("reader")
    m.advance(DAY)
    m.call("dataset::expire_key", "crank", m.market, request)
    args = 9, digest("manifest 2"), digest("rows 2"), 70, 8, digest("check 2")
    m.call("dataset::add_version", "owner", m.market, m.dataset, *args)
    m.call("market::set_paused", "admin", m.admin_cap, m.market, True)
    m.call("node::exit_seat", "verifier 3", m.market, m.pool, m.caps["verifier 3"])
    m.advance(2 * DAY)
    cap = m.caps["verifier 3"]
    m.call("node::withdraw_seat", "verifier 3", m.market, m.pool, cap)


TALES = (confirm_forgery, refute_then_settle, never_agree, stay_away, keep_house)


@pytest.mark.slow
def test_every_function_is_replayed(stubbed_group, tmp_path):
    targets = set()
    for tale in TALES:
        world = RecordingBazaar()
        tale(world)
        text = write_module(tale.__name__, world, [])
        (tmp_path / f"{tale.__name__}.move").write_text(text)
        targets |= {step.target for step in world.steps if step.target}
    report = run_unit_tests(tmp_path)
    assert [report.results.get(f"{t.__name__}::history") for t in TALES] == ["PASS"] * len(TALES), (
        report.output
    )
    callable_ = {f"{f.module}::{f.name}" for f in FUNCTIONS}
    # Made in the deployment, and used inside arguments.
    elsewhere = {"node::create_market", "terms::new_terms", "terms::required_funds"}
    assert targets | elsewhere == callable_


@pytest.mark.slow
def test_histories_agree_to_the_byte(stubbed_group, tmp_path):
    seen, targets, tests = Counter(), Counter(), 0
    for seed in range(WALKS):
        world, _ = take_walk(seed)
        refusals = choose_refusals(world, seen)
        text = write_module(f"walk_{seed}", world, refusals)
        (tmp_path / f"walk_{seed}.move").write_text(text)
        targets.update(step.target for step in world.steps if step.abort is None)
        tests += 1 + len(refusals)
    report = run_unit_tests(tmp_path)
    ours = {name: status for name, status in report.results.items() if name.startswith("walk_")}
    assert set(ours.values()) == {"PASS"}, report.output
    assert len(ours) == tests
    assert len(targets) > 15, "the walks reached too little of the contract"
