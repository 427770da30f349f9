"""Dataset owners that give nothing, and keys that are used otherwise than asked."""

from tests.support.scenario.scenario import Scenario


def test_an_owner_that_grants_nothing_costs_nobody_a_stake(scenario: Scenario) -> None:
    s = scenario
    task = s.open_task()
    asked = s.request_key("alice", lifetime=60)
    with s.expect_refused("submission.ENoGrant"):
        s.join("alice", request=asked)
    with s.expect_refused("dataset.ENotExpired"):
        s.expire_key(asked)
    denied = s.request_key("bob")
    s.deny_key(denied)
    assert s.state(denied) == "denied"
    with s.expect_refused("submission.ENoGrant"):
        s.join("bob", request=denied)
    s.advance_to("key", asked)
    with s.expect_refused("dataset.ETaskClosed"):
        s.grant_key(asked)
    s.expire_key(asked)
    assert s.state(asked) == "expired"
    s.close_joining()
    assert s.state(task) == "void"
    s.finish()
    assert (s.gain("alice"), s.gain("bob"), s.gain("owner")) == (0, 0, 0)


def test_a_key_for_training_only_does_not_join(scenario: Scenario) -> None:
    s = scenario
    s.open_task()
    asked = s.request_key("alice", scope="train")
    with s.expect_refused("dataset.ENotOwner"):
        s.grant_key(asked, by="alice")
    s.grant_key(asked)
    with s.expect_refused("dataset.EWrongState"):
        s.deny_key(asked)
    with s.expect_refused("submission.ENoGrant"):
        s.join("alice", request=asked)


def test_what_a_contributor_joined_with_stays_what_it_was(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=1)
    work = s.join("alice")
    s.update_dataset()
    s.close_joining()
    s.commit(work)
    s.draw()
    assert "owner" not in s.committee(work)
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("alice") == s.price("reward")


def test_a_key_asked_for_one_task_joins_no_other(scenario: Scenario) -> None:
    s = scenario
    asked_for = s.open_task()
    asked = s.request_key("alice", task=asked_for)
    s.grant_key(asked)
    other = s.open_task(publisher="another publisher")
    with s.expect_refused("submission.ENoGrant"):
        s.join("alice", task=other, request=asked)
    assert s.state(s.join("alice", task=asked_for, request=asked)) == "joined"


def test_a_key_for_no_task_joins_none(scenario: Scenario) -> None:
    s = scenario
    alone = s.request_key("alice", scope="train")
    s.grant_key(alone)
    s.open_task()
    with s.expect_refused("submission.ENoGrant"):
        s.join("alice", request=alone)


def test_a_key_is_neither_anothers_nor_another_datasets(scenario: Scenario) -> None:
    s = scenario
    other = s.list_dataset("another owner")
    s.open_task(max_submissions=2)
    asked = s.request_key("alice")
    s.grant_key(asked)
    with s.expect_refused("submission.ENoGrant"):
        s.join("mallory", request=asked)
    wrong = s.request_key("alice", dataset=other)
    s.grant_key(wrong, by="another owner")
    with s.expect_refused("submission.ENoGrant"):
        s.join("alice", request=wrong)


def test_a_task_that_takes_no_more_gets_no_key(scenario: Scenario) -> None:
    """Neither while it trains nor when it was cancelled: what was asked for it lapses."""
    s = scenario
    s.open_task(max_submissions=1)
    late = s.request_key("late")
    with s.expect_refused("dataset.ETaskOpen"):
        s.lapse_key(late)
    s.join("alice")
    s.close_joining()
    with s.expect_refused("dataset.ETaskClosed"):
        s.grant_key(late)
    s.lapse_key(late)
    assert s.state(late) == "expired"
    s.open_task(publisher="hasty")
    asked = s.request_key("bob")
    s.cancel()
    with s.expect_refused("dataset.ETaskClosed"):
        s.grant_key(asked)
    s.lapse_key(asked)
    assert s.state(asked) == "expired"


def test_a_key_that_was_asked_for_a_dead_task_joins_none(scenario: Scenario) -> None:
    s = scenario
    s.open_task()
    asked = s.request_key("alice")
    s.grant_key(asked)
    s.cancel()
    with s.expect_refused("task.EWrongPhase"):
        s.join("alice", request=asked)
    s.finish()
    assert (s.gain("alice"), s.gain("publisher")) == (0, 0)
