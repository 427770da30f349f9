"""Told histories of the executable specification, replayed in the Move VM to the byte."""

from functools import partial

import pytest

from tests.contract.early import DAY, terms_with
from tests.contract.market import ABSENT, FAULT, SOUND
from tests.contract.walk import LIES
from tests.contract.watch import TRANSITIONS
from tests.contract.world import digest
from walrusd.core.lifecycle import CaseKind, KeyScope
from walrusd.devnet.contract import DEVNET_PARAMS, DEVNET_POOL, FUNCTIONS
from walrusd.devnet.move.aborts import MoveAbort

from .groups.stub import stubbed_group
from .recorder import RecordingBazaar
from .replays import replay
from .writer import write_module


def confirm_forgery(m: RecordingBazaar) -> None:
    submission, *others = m.opened(3, forged={3})
    for other in others:
        m.accuse(other, CaseKind.ROWS, index=3)
        m.judge(other, SOUND)
        m.show(other)
    place = next(at for at in range(3) if 3 in m.dealt(submission, at))
    position = m.dealt(submission, place).index(3)
    m.advance(17)
    m.accuse(submission, CaseKind.SEGMENT, place, 3, position=position)
    honest = m.works[submission.id].honest[3]
    m.convene(submission)
    m.advance(5)
    m.vote(submission, [honest, honest, None, LIES[0], honest, honest, SOUND, honest])
    m.resolve(submission, honest)
    m.claim(submission, m.name_of(submission.dispute.accuser))
    for other in others:
        m.accept(other)
    with pytest.raises(MoveAbort):
        record(m)
    m.reclaim()
    m.call("task::claim_task", "crank", m.market, m.task)


def accept_and_aggregate(m: RecordingBazaar) -> None:
    submissions = m.opened(4, terms=terms_with(k_min=3))
    m.accuse_file(submissions[1], sender="stranger")
    m.judge(submissions[1], SOUND)
    for submission in submissions[1:]:
        m.accept(submission)
    m.accuse_file(submissions[0])
    m.judge(submissions[0], FAULT)
    m.claim(submissions[0], "accuser")
    m.advance(3)
    record(m)
    m.reclaim()


def record(m: RecordingBazaar) -> None:
    args = m.task.accepted, digest("root"), digest("blindings"), 5
    m.call("task::record_aggregate", "publisher", m.market, m.publisher_cap, m.task, *args)


def never_agree(m: RecordingBazaar) -> None:
    """A jury of many words is followed by another, of which nobody says any."""
    submission, *_ = m.opened(1)
    m.accuse(submission, CaseKind.SEGMENT)
    m.convene(submission)
    m.vote(submission, [LIES[n % 3] for n in range(8)])
    m.resolve(submission)
    m.fail(submission)
    m.show(submission)
    m.accept(submission)


def stay_away(m: RecordingBazaar) -> None:
    """Everybody is absent somewhere: at commits, openings, envelopes, attestations."""
    first, second, third, fourth = m.training()
    terms = m.task.terms
    m.advance(terms.train_ms + terms.grace_ms // 2)
    for submission in (first, second, third):
        m.commit(submission)
    m.advance(terms.grace_ms)
    m.close_training()
    for submission in (first, second, third):
        m.seat(submission)
    m.settle(fourth)
    m.advance(terms.open_ms + 1)
    m.show(first)
    m.open(third)
    m.deliver(third, 1)
    m.attest_seat(first, 1)
    m.advance(terms.grace_ms)
    m.settle(second)
    m.settle(third)
    m.advance(terms.verify_ms)
    m.replace(first)
    m.advance(terms.open_ms + terms.grace_ms)
    m.reopen(first)
    m.show(first)
    m.advance(terms.verify_ms)
    m.replace(first)
    m.reclaim()


def catch_bribed_seats(m: RecordingBazaar) -> None:
    (submission,) = m.audited(forged=range(1, 7))
    m.advance(4)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[m.audited_segment(submission)])
    m.reclaim()


def pass_the_audit(m: RecordingBazaar) -> None:
    (submission,) = m.audited()
    for refused in (m.settle, m.deliver_update):
        with pytest.raises(MoveAbort):
            refused(submission)
    m.audit(submission)
    for _ in range(2):
        m.fail(submission)
    m.audit(submission)
    m.judge(submission, m.works[submission.id].honest[m.audited_segment(submission)])
    with pytest.raises(MoveAbort):
        m.audit(submission)
    m.deliver_update(submission, sender=m.holder_of(submission, 1))
    m.claim(submission, m.contributor_of(submission))
    m.reclaim()


def hide_from_audits(m: RecordingBazaar) -> None:
    """One from its audit, one from the publisher, one from two juries of each sample."""
    first, second, third = m.opened(3)
    for submission, selected in ((first, True), (second, False), (third, True)):
        m.attest_all(submission)
        m.draw_audit(submission, selected=selected)
    for _ in range(2):
        m.audit(third)
        m.fail(third)
        m.fail(third)
    m.advance(m.task.terms.open_ms + m.task.terms.grace_ms)
    m.settle(first)
    m.settle(second)
    m.reclaim()


def miss_the_opening(m: RecordingBazaar) -> None:
    """Reports ask for it again; then a jury says that it is there, and reporters lose places."""
    first, second = m.opened(2)
    for submission in (first, second):
        m.report_all(submission)
        m.show(submission)
        m.report_all(submission)
    m.judge(first, SOUND)
    m.show(first)
    m.judge(second, ABSENT)
    m.accept(first)
    m.reclaim()


def accuse_what_is_attested(m: RecordingBazaar) -> None:
    first, second, third = m.opened(3)
    for submission in (first, second, third):
        m.attest_all(submission)
    m.accuse(first, CaseKind.UPDATE)
    m.judge(first, SOUND)
    m.accuse(second, CaseKind.OPENING)
    m.judge(second, ABSENT)
    m.show(second)
    for submission in (first, second):
        m.draw_audit(submission, selected=False)
    m.accuse(first, CaseKind.COST, place=1)
    m.judge(first, SOUND)
    m.deliver_update(first)
    m.accuse(second, CaseKind.FILE, place=1)
    m.summon(second)
    m.deliver_juror(second, 3, sender=m.holder_of(second, 2))
    m.advance(m.task.terms.open_ms + m.task.terms.grace_ms)
    m.reopen(second)
    m.draw_audit(third, selected=False)
    m.accuse(third, CaseKind.UPDATE)
    m.judge(third, ABSENT)
    m.show(third)
    m.deliver_update(third)
    m.reclaim()


def give_up_the_plan(m: RecordingBazaar) -> None:
    first, second, third = m.training(3)
    m.commit_abort(first, segment=4)
    m.commit_abort(second, segment=1, forged={1})
    m.advance(m.task.terms.train_ms + m.task.terms.grace_ms)
    m.close_training()
    for submission in (first, second):
        m.seat(submission)
        m.show(submission)
        m.attest_all(submission)
    m.accuse(second, CaseKind.SEGMENT, place=1)
    m.judge(second, m.works[second.id].honest[1])
    with pytest.raises(MoveAbort):
        m.accuse(first, CaseKind.UPDATE)
    m.draw_audit(first, selected=False)
    for submission in (first, third):
        m.settle(submission)
    m.reclaim()


def wait_for_seats(m: RecordingBazaar) -> None:
    """Without seats a draw waits, and in the end everybody has its stake."""
    first, second = m.trained(2)
    m.seat(second)
    m.show(second)
    m.accuse(second, CaseKind.UPDATE)
    for name in list(m.caps)[2:]:
        m.call("node::exit_seat", name, m.market, m.pool, m.caps[name])
    for draw in (m.draw, m.draw_jury):
        with pytest.raises(MoveAbort):
            draw(first if draw == m.draw else second)
    m.advance(m.task.ends_by_ms - m.now)
    m.settle(first)
    m.settle(second)
    m.reclaim()


def sit_once(m: RecordingBazaar) -> None:
    """One verifier has most of the seats that are left: a lot that fills too few places fails."""
    for _ in range(12):
        m.register("verifier 0")
    m.advance(1)
    first, second = m.trained(2)
    m.seat(first)
    m.show(first)
    m.accuse_file(first)
    seated = {seat.verifier for seat in (*first.committee, *first.substitutes)}
    others = [n for n in list(m.caps)[1:] if m.address(n) not in seated]
    for name in others[3:]:
        m.call("node::exit_seat", name, m.market, m.pool, m.caps[name])
    m.draw_jury(first)
    with pytest.raises(MoveAbort):
        m.draw(second)
    m.seat_jury(first)
    for name in (m.name_of(verifier) for verifier in sorted(seated)):
        if name != "verifier 0":
            m.call("node::exit_seat", name, m.market, m.pool, m.caps[name])
    m.draw(second)
    m.turn("committee::seat_committee", second)
    m.advance(m.task.ends_by_ms - m.now)
    m.settle(first)
    m.settle(second)


def void_tasks(m: RecordingBazaar) -> None:
    m.open_task()
    m.advance(m.task.terms.join_ms)
    m.close_joining()
    m.reclaim()
    first, second = m.joined(2)
    m.cancel()
    m.settle(first)
    m.settle(second)
    m.reclaim()
    for _ in range(3):
        submissions = m.joined(4)
        m.close_joining()
    for submission in submissions:
        m.settle(submission)
    m.reclaim()


def keep_house(m: RecordingBazaar) -> None:
    params, caps = m.pool.params, m.caps
    request = m.request("reader", scope=KeyScope.TRAIN)
    m.call("dataset::deny_key", "owner", m.market, request, b"no")
    m.grant(m.request("reader", scope=KeyScope.TRAIN))
    request = m.request("reader", scope=KeyScope.TRAIN)
    m.advance(DAY)
    m.call("dataset::expire_key", "crank", m.market, request)
    m.open_task()
    request = m.request("reader")
    m.advance(m.task.terms.join_ms)
    m.call("dataset::lapse_key", "crank", m.market, m.task, request)
    args = 9, digest("manifest 2"), digest("rows 2"), 70, 8, digest("check 2")
    m.call("dataset::add_version", "owner", m.market, m.dataset, *args)
    args = m.admin_cap, digest("chain"), "0x5", *vars(DEVNET_PARAMS).values()
    m.call("market::create_market", "admin", *args)
    args = m.admin_cap, m.market, *vars(DEVNET_POOL).values()
    m.call("node::create_pool", "admin", *args)
    m.call("market::set_paused", "admin", m.admin_cap, m.market, True)

    def act(name, action, *given):
        m.call(f"node::{action}", name, m.market, m.pool, caps[name], *given)

    act("verifier 1", "declare_seat", 1, params.min_penalty, 1, 1)
    act("verifier 1", "renew_seat", m.mint("verifier 1", params.fee))
    with pytest.raises(MoveAbort):
        act("verifier 1", "top_up_seat", m.mint("verifier 1", 1))
    act("verifier 3", "exit_seat")
    m.advance(m.pool.seats[2].renewed_ms + params.seat_life_ms - m.now - 1)
    with pytest.raises(MoveAbort):
        m.call("node::evict_seat", "crank", m.market, m.pool, 2)
    m.advance(1)
    m.call("node::evict_seat", "crank", m.market, m.pool, 2)
    m.advance(params.unbonding_ms)
    act("verifier 3", "withdraw_seat")
    m.call("node::release_seat", "crank", m.market, m.pool, 2)
    act("verifier 2", "discard_cap")
    m.register("verifier 2", slot=3)


def fill_up(m: RecordingBazaar) -> None:
    """A seat that lost a penalty fills its stake up again."""
    (submission,) = m.opened(1)
    m.advance(m.task.terms.verify_ms)
    silent = m.holder_of(submission, 0)
    m.replace(submission)
    missing = m.mint(silent, m.pool.params.stake - m.pool.seats[m.caps[silent].index].stake)
    m.call("node::top_up_seat", silent, m.market, m.pool, m.caps[silent], missing)


def change_versions(m: RecordingBazaar) -> None:
    request, submission = m.grant(m.request("reader", scope=KeyScope.TRAIN)), m.joined(1)[0]
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
    accept_and_aggregate,
    never_agree,
    stay_away,
    catch_bribed_seats,
    pass_the_audit,
    hide_from_audits,
    miss_the_opening,
    accuse_what_is_attested,
    give_up_the_plan,
    wait_for_seats,
    sit_once,
    void_tasks,
    keep_house,
    fill_up,
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
    # Used inside arguments.
    elsewhere = {"terms::new_terms", "terms::required_funds"}
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
