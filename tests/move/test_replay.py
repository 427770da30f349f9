"""Told histories of the executable specification, replayed in the Move VM to the byte."""

from functools import partial

import pytest

from tests.contract import work
from tests.contract.market import DAY, FAULT, SOUND
from tests.contract.watch import TRANSITIONS
from tests.contract.world import address, digest
from tests.move.groups.stub import stubbed_group
from walrusd.chain.layouts.objects import Submission
from walrusd.core.lifecycle import ChallengeKind, KeyScope
from walrusd.devnet.contract import FUNCTIONS
from walrusd.devnet.move.aborts import MoveAbort

from .recorder import RecordingBazaar
from .replays import replay
from .writer import write_module


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
        m.accept(each, sender=m.contributor_of(each))
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
    for submission in (first, third):
        m.replace(submission)
    m.advance(m.task.terms.verify_ms)
    for submission in (first, third):
        m.settle(submission)
    m.reclaim()


def catch_bribed_seats(m: RecordingBazaar) -> None:
    submission, *_ = m.opened(1, forged=range(1, 7))
    m.attest_all(submission)
    m.advance(13)
    m.draw_audit(submission, selected=True)
    m.advance(4)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[m.audited_segment(submission)])
    m.reclaim()


def pass_the_audit(m: RecordingBazaar) -> None:
    submission, *_ = m.opened(1)
    m.attest_all(submission)
    m.draw_audit(submission, selected=True)
    with pytest.raises(MoveAbort):
        m.settle(submission)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[m.audited_segment(submission)])
    with pytest.raises(MoveAbort):
        m.audit(submission)
    m.settle(submission)
    m.claim(submission, m.contributor_of(submission))
    m.reclaim()


def take_the_place_of_the_silent(m: RecordingBazaar) -> None:
    submission, *_ = m.seated(1)
    m.advance(m.task.terms.open_ms + m.task.terms.grace_ms // 3)
    m.open(submission)
    m.attest_seat(submission, 1)
    m.advance(m.task.terms.verify_ms)
    m.replace(submission)
    m.attest_seat(submission, 0)
    m.report(submission, 2)
    with pytest.raises(MoveAbort):
        m.report(submission, 2)
    m.advance(m.task.terms.open_ms + 7)
    m.open(submission)
    reader = m.name_of(submission.committee[2].verifier)
    m.accuse(submission, ChallengeKind.UNAVAILABLE, sender=reader)
    m.convene(submission)
    m.vote(submission, [SOUND, SOUND, SOUND, FAULT, SOUND])
    m.accuser_reveal(submission, FAULT, sender=reader)
    m.resolve(submission)
    m.attest_seat(submission, 2)
    m.draw_audit(submission, selected=False)
    m.settle(submission)
    m.claim(submission, reader)
    m.reclaim()


def give_up_the_plan(m: RecordingBazaar) -> None:
    first, second, third = m.training(3)
    m.commit_abort(first, segment=4)
    m.commit_abort(second, segment=1, forged={1})
    m.advance(m.task.terms.train_ms)
    m.draw()
    for submission in (first, second):
        m.seat(submission)
        m.open(submission)
        m.attest_all(submission)
    m.accuse(second, ChallengeKind.SEGMENT, 1, place=2, **_leaf_of(m, second, 1))
    m.judge(second, m.works[second.id].honest[1])
    with pytest.raises(MoveAbort):
        m.accuse(first, ChallengeKind.UPDATE)
    m.draw_audit(first, selected=False)
    for submission in (first, third):
        m.settle(submission)
    m.reclaim()


def _leaf_of(m: RecordingBazaar, submission: Submission, segment: int) -> dict[str, object]:
    done = m.works[submission.id]
    return {
        "leaf": done.leaves[segment],
        "path": done.tree.path(segment),
        "value": done.honest[segment],
    }


def find_every_fault(m: RecordingBazaar) -> None:
    submissions = m.opened(4)
    kinds = ChallengeKind.UPDATE, ChallengeKind.ROWS, ChallengeKind.COST, ChallengeKind.FILE
    for submission, kind in zip(submissions, kinds, strict=True):
        m.accuse(submission, kind, index=3 if kind == ChallengeKind.ROWS else 0)
        m.judge(submission, FAULT)
    m.reclaim()


def wait_for_nobody(m: RecordingBazaar) -> None:
    m.open_task()
    m.advance(m.task.terms.join_ms)
    m.close_joining()
    m.reclaim()


def find_too_few_seats(m: RecordingBazaar) -> None:
    for name in list(m.caps)[2:]:
        m.call("node::exit_seat", name, m.market, m.pool, m.caps[name])
    (submission,) = m.drawn(1)
    m.seat(submission)
    m.reclaim()


def hide_from_an_audit(m: RecordingBazaar) -> None:
    submission, *_ = m.opened(1)
    m.attest_all(submission)
    m.draw_audit(submission, selected=True)
    m.advance(m.task.terms.open_ms + m.task.terms.grace_ms)
    m.settle(submission)
    m.reclaim()


def accuse_when_all_is_attested(m: RecordingBazaar) -> None:
    """A jury of which nobody says a word is followed by another."""
    submission, *_ = m.opened(1)
    m.attest_all(submission)
    m.challenge(submission, 2)
    m.convene(submission)
    m.advance(m.task.terms.jury_commit_ms + m.task.terms.jury_reveal_ms)
    m.resolve(submission)
    m.judge(submission, m.works[submission.id].honest[2])
    m.draw_audit(submission, selected=False)
    m.settle(submission)
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


def change_versions(m: RecordingBazaar) -> None:
    request, submission = m.grant(m.request("reader")), m.joined(1)[0]
    for version in (3, 2):
        m.call("market::allow_version", "admin", m.admin_cap, m.market, version)
    m.call("market::disallow_version", "admin", m.admin_cap, m.market, 3)
    for target, given in (
        ("market::disallow_version", (m.admin_cap, m.market, 3)),
        ("market::allow_version", (m.admin_cap, m.market, 1)),
        ("market::migrate_market", (m.admin_cap, m.market)),
        ("node::migrate_pool", (m.market, m.pool)),
        ("task::migrate_task", (m.market, m.task)),
        ("submission::migrate_submission", (m.market, submission)),
        ("dataset::migrate_dataset", (m.market, m.dataset)),
        ("dataset::migrate_request", (m.market, request)),
    ):
        with pytest.raises(MoveAbort):
            m.call(target, "admin", *given)


TALES = (
    confirm_forgery,
    refute_then_settle,
    never_agree,
    stay_away,
    catch_bribed_seats,
    pass_the_audit,
    take_the_place_of_the_silent,
    give_up_the_plan,
    find_every_fault,
    wait_for_nobody,
    find_too_few_seats,
    hide_from_an_audit,
    accuse_when_all_is_attested,
    keep_house,
    change_versions,
)


def tell(tale) -> RecordingBazaar:
    world = RecordingBazaar()
    tale(world)
    return world


def test_every_function_is_replayed():
    with stubbed_group():
        worlds = {tale.__name__: tell(tale) for tale in TALES}
        refusals = {
            name: [at for at, step in enumerate(world.steps) if step.abort]
            for name, world in worlds.items()
        }
        report = replay((n, partial(write_module, n, w, refusals[n])) for n, w in worlds.items())
    assert set(report.results.values()) == {"PASS"}, report.failures
    assert len(report.results) == len(worlds) + sum(map(len, refusals.values()))
    callable_ = {f"{f.module}::{f.name}" for f in FUNCTIONS}
    targets = {step.target for world in worlds.values() for step in world.steps}
    # Made in the deployment, and used inside arguments.
    elsewhere = {"node::create_market", "terms::new_terms", "terms::required_funds"}
    assert targets | elsewhere == callable_


def test_every_transition_is_replayed():
    """Of each table there is no step that the Move VM was not seen to take as we say."""
    with stubbed_group():
        moves = {move for tale in TALES for step in tell(tale).steps for move in step.moves}
    expected = {
        f"{kind.__name__} {old.name} → {new.name}"
        for kind, table in TRANSITIONS.items()
        for old, following in table.items()
        for new in following
    }
    assert moves == expected
