"""Dataset owners that give nothing, and keys that are used otherwise than asked."""

from tests.scenarios.known_losses import known_loss
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
    with s.expect_refused("dataset.EExpired"):
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


@known_loss("grant-for-another-task")
def test_a_key_asked_for_one_task_joins_another(scenario: Scenario) -> None:
    s = scenario
    asked_for = s.open_task()
    asked = s.request_key("alice", task=asked_for)
    s.grant_key(asked)
    other = s.open_task(publisher="another publisher")
    work = s.join("alice", task=other, request=asked)  # instead: refused
    assert s.state(work) == "joined"
