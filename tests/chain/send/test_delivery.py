"""When a transaction counts as executed, as impossible, or as undecided; in virtual time.

The entry's gas coin is ``COIN`` at version 3, and it may be executed until epoch 6.
"""

import random
from contextlib import asynccontextmanager

import pytest

from tests.chain.fakenode import fake_digest, network
from tests.support.clocks import virtual_time
from tests.support.databases import close_after_test
from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.send.delivery import Delivery, Parked
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.values.pysui_parts import pb
from walrusd.errors import ChainRefused, TransactionUncertain
from walrusd.state.database import DATABASE_NAME, Database

from .parts import OURS, ref, sign
from .witness import LOCKED, LOST, REFUSED, STALE, Witness, shown

pytestmark = virtual_time

COIN = ref(0, 3)
ENTRY = sign(COIN, label="join", key="k", expires=6)
ETERNAL = sign(COIN, expires=None)
FIRST_OF_LAST = 500
"""The first checkpoint of epoch 5: an entry that expires with epoch 6 was signed in it."""


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)


@pytest.fixture
def outbox(tmp_path):
    database = close_after_test(Database.open(tmp_path / DATABASE_NAME))
    return SqliteOutbox(database.connection)


def witness(**fields):
    """A node in epoch 5 that shows the coin as it was when the entry was signed."""
    node = Witness(first={4: 400, 5: FIRST_OF_LAST, 6: 600}, **fields)
    node.hold(COIN)
    return node


def ruling_out(**fields):
    """A node in whose epoch the entry has expired."""
    return witness(epoch=7, **fields)


@asynccontextmanager
async def delivery(outbox, *nodes, entry=ENTRY, patience=100.0, archive=None):
    outbox.save(entry)
    async with network(*nodes) as client:
        if archive is None:
            yield Delivery(client, outbox, patience=patience)
            return
        async with network(archive) as client.archives:
            yield Delivery(client, outbox, patience=patience)


def outcome(outbox, entry=ENTRY):
    """Return what the journal says of an entry."""
    rows = outbox._connection.execute(
        "SELECT outcome FROM outbox WHERE digest = ?", (entry.digest,)
    )
    return rows.fetchone()[0]


# --- what a node answers to the execution ----------------------------------------------------


@pytest.mark.parametrize(("success", "expected"), [(True, "succeeded"), (False, "failed")])
async def test_effects_settle_an_entry(outbox, success, expected):
    node = witness(executes=lambda _: shown(ENTRY.digest, success=success))
    async with delivery(outbox, node) as sending:
        executed = await sending.send(ENTRY)
    assert executed.success is success
    assert outcome(outbox) == expected
    assert outbox.succeeded("k", OURS) == (executed if success else None)
    assert node.asked_at == [0.0]


async def test_reads_wait_for_what_was_changed(outbox):
    box = pb.ChangedObject(
        object_id=ref(9).id,
        output_state=pb.ChangedObjectOutputObjectState.OBJECT_WRITE,
        output_version=8,
        output_digest=fake_digest("box"),
        output_owner=pb.Owner(kind=pb.OwnerOwnerKind.ADDRESS, address=OURS),
        object_type="0x2::box::Box",
    )
    node = witness(executes=lambda _: shown(ENTRY.digest, box))
    async with delivery(outbox, node) as sending:
        await sending.send(ENTRY)
        assert sending._client.own_writes.owned_by(OURS, None) == [ref(9).id]


async def test_a_refusal_of_what_was_never_sent_is_final(outbox):
    node = witness(executes=lambda _: REFUSED)
    async with delivery(outbox, node) as sending:
        with pytest.raises(ChainRefused):
            await sending.send(ENTRY)
    assert outcome(outbox) == "dropped"
    assert len(node.asked_at) == 1
    assert "GetTransaction" not in node.calls


async def test_a_refusal_of_what_may_have_been_sent_is_not(outbox):
    node = witness(executes=lambda _: REFUSED)
    async with delivery(outbox, node, patience=5) as sending:
        with pytest.raises(TransactionUncertain):
            await sending.send(ENTRY, doubt=True)
    assert outcome(outbox) == "pending"


async def test_a_lost_answer_makes_every_later_refusal_doubtful(outbox):
    node = witness(executes=lambda count: LOST if count == 1 else REFUSED)
    async with delivery(outbox, node, patience=5) as sending:
        with pytest.raises(TransactionUncertain) as caught:
            await sending.send(ENTRY)
    assert caught.value.fields["digest"] == ENTRY.digest
    assert outcome(outbox) == "pending"


async def test_the_pauses_double_up_to_ten_seconds(outbox):
    node = witness()
    async with delivery(outbox, node, patience=30) as sending:
        with pytest.raises(TransactionUncertain):
            await sending.send(ENTRY)
    pauses = [
        after - before for before, after in zip(node.asked_at, node.asked_at[1:], strict=False)
    ]
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 10, 10]


async def test_patience_ends_when_it_has_passed(outbox):
    """The attempt that is made at that very moment is the last."""
    node = witness()
    async with delivery(outbox, node, patience=3.75) as sending:
        with pytest.raises(TransactionUncertain):
            await sending.send(ENTRY)
    assert node.asked_at == [0, 0.25, 0.75, 1.75, 3.75]


async def test_the_answer_may_be_found_instead_of_given(outbox):
    node = witness()
    node.transactions[ENTRY.digest] = shown(ENTRY.digest)
    async with delivery(outbox, node) as sending:
        assert (await sending.send(ENTRY)).checkpoint == 101
    assert outcome(outbox) == "succeeded"
    assert node.asked_at == [0.0]


# --- what cannot be executed any more --------------------------------------------------------


async def test_it_takes_two_answers_to_give_a_transaction_up(outbox):
    node = ruling_out()
    async with delivery(outbox, node) as sending:
        with pytest.raises(ChainRefused) as caught:
            await sending.send(ENTRY, doubt=True)
    assert ENTRY.digest in caught.value.message
    assert outcome(outbox) == "dropped"
    assert node.asked_at == [0, 0.25]


async def test_one_answer_that_rules_it_out_may_be_that_of_a_node_that_missed_it(outbox):
    """Behind a load balancer, the next answer comes from a node that has executed it."""

    def executes(count):
        if count == 2:
            node.transactions[ENTRY.digest] = shown(ENTRY.digest)
        return LOST

    node = ruling_out(executes=executes)
    async with delivery(outbox, node) as sending:
        assert (await sending.send(ENTRY)).success
    assert outcome(outbox) == "succeeded"


async def test_answers_that_rule_it_out_must_follow_each_other(outbox):
    def executes(count):
        node.epoch = {1: 7, 2: 6, 3: 7}.get(count, 6)
        if count == 4:
            node.transactions[ENTRY.digest] = shown(ENTRY.digest)
        return LOST

    node = witness(executes=executes)
    async with delivery(outbox, node) as sending:
        assert (await sending.send(ENTRY)).success
    assert len(node.asked_at) == 4


@pytest.mark.parametrize(("epoch", "is_over"), [(5, False), (6, False), (7, True)])
async def test_a_transaction_expires_after_its_last_epoch(outbox, epoch, is_over):
    node = witness(epoch=epoch)
    async with delivery(outbox, node, patience=5) as sending:
        with pytest.raises(ChainRefused if is_over else TransactionUncertain):
            await sending.send(ENTRY)
    assert outcome(outbox) == ("dropped" if is_over else "pending")


async def test_without_an_expiration_no_epoch_ends_it(outbox):
    node = witness(epoch=10**6)
    async with delivery(outbox, node, entry=ETERNAL, patience=5) as sending:
        with pytest.raises(TransactionUncertain):
            await sending.send(ETERNAL)
    assert outcome(outbox, ETERNAL) == "pending"


@pytest.mark.parametrize(
    ("version", "writer", "is_over"),
    [
        (3, "another", False),  # as it was when we signed
        (2, "another", False),  # the node lags
        (4, "another", True),
        (4, ENTRY.digest, False),  # our own transaction used it: the node will soon show that
    ],
)
async def test_a_gas_coin_that_moved_on_rules_it_out(outbox, version, writer, is_over):
    node = witness()
    node.hold(ref(0, version), writer=writer)
    async with delivery(outbox, node, patience=5) as sending:
        with pytest.raises(ChainRefused if is_over else TransactionUncertain):
            await sending.send(ENTRY)
    assert outcome(outbox) == ("dropped" if is_over else "pending")


@pytest.mark.parametrize("was_seen", [True, False])
async def test_a_gas_coin_that_is_gone_rules_it_out_where_it_was_seen(outbox, was_seen):
    """A node that lags far behind has not seen the coin yet."""
    node = witness()
    node.coins.clear()
    if was_seen:
        node.past.add((COIN.id, COIN.version))
    async with delivery(outbox, node, patience=5) as sending:
        with pytest.raises(ChainRefused if was_seen else TransactionUncertain):
            await sending.send(ENTRY)
    assert outcome(outbox) == ("dropped" if was_seen else "pending")


# --- what a node has pruned ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lowest", "is_lost"),
    [
        (0, False),
        (1, False),
        (FIRST_OF_LAST, False),  # it still has all of the epoch in which it was signed
        (FIRST_OF_LAST + 1, True),
    ],
)
async def test_a_node_without_the_history_cannot_rule_it_out(outbox, lowest, is_lost):
    node = ruling_out(lowest=lowest)
    async with delivery(outbox, node) as sending:
        with pytest.raises(Parked if is_lost else ChainRefused) as caught:
            await sending.send(ENTRY, doubt=True)
    assert outcome(outbox) == ("pending" if is_lost else "dropped")
    assert set(node.epochs_asked) == ({5} if lowest else set())
    if is_lost:
        assert caught.value.until_epoch is None


async def test_a_node_that_does_not_know_the_epoch_has_pruned_it(outbox):
    node = ruling_out(lowest=1)
    del node.first[5]
    async with delivery(outbox, node) as sending:
        with pytest.raises(Parked):
            await sending.send(ENTRY, doubt=True)
    assert outcome(outbox) == "pending"


async def test_what_never_expires_may_have_been_executed_at_any_time(outbox):
    node = witness(lowest=1)
    node.hold(ref(0, 4), writer="another")
    async with delivery(outbox, node, entry=ETERNAL) as sending:
        with pytest.raises(Parked):
            await sending.send(ETERNAL, doubt=True)
    assert node.epochs_asked == []


async def test_a_transaction_of_the_first_epoch_has_no_epoch_before(outbox):
    entry = sign(COIN, expires=0)
    node = witness(lowest=1, epoch=1)
    node.first[0] = 0
    async with delivery(outbox, node, entry=entry) as sending:
        with pytest.raises(Parked):
            await sending.send(entry, doubt=True)
    assert node.epochs_asked == [0]


async def test_an_archive_knows_what_a_node_has_pruned(outbox):
    node, archive = ruling_out(lowest=FIRST_OF_LAST + 1), Witness()
    archive.transactions[ENTRY.digest] = shown(ENTRY.digest)
    async with delivery(outbox, node, archive=archive) as sending:
        assert (await sending.send(ENTRY, doubt=True)).success
    assert outcome(outbox) == "succeeded"


@pytest.mark.parametrize("fault", [None, LOST, GRPCError(Status.PERMISSION_DENIED, "no")])
async def test_an_archive_that_does_not_have_it_proves_nothing(outbox, fault):
    node, archive = ruling_out(lowest=FIRST_OF_LAST + 1), Witness()
    archive.fail_next("GetTransaction", *[fault] * 9)
    async with delivery(outbox, node, archive=archive) as sending:
        with pytest.raises(Parked) as caught:
            await sending.send(ENTRY, doubt=True)
    assert caught.value.until_epoch is None
    assert outcome(outbox) == "pending"


async def test_an_archive_is_not_asked_about_what_a_node_can_rule_out(outbox):
    node, archive = ruling_out(), Witness()
    async with delivery(outbox, node, archive=archive) as sending:
        with pytest.raises(ChainRefused):
            await sending.send(ENTRY, doubt=True)
    assert archive.calls == []


# --- several nodes ---------------------------------------------------------------------------


def pruned():
    return ruling_out(lowest=FIRST_OF_LAST + 1)


NODES = {"open": witness, "over": ruling_out, "lost": pruned}


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (["open", "over"], ChainRefused),
        (["over", "open"], ChainRefused),
        (["lost", "over"], ChainRefused),  # one that has the history knows more
        (["over", "lost"], ChainRefused),
        (["open", "lost"], Parked),
        (["lost", "open"], Parked),
        (["open", "open"], TransactionUncertain),
    ],
)
async def test_the_node_that_knows_most_decides(outbox, nodes, expected):
    async with delivery(outbox, *(NODES[name]() for name in nodes), patience=5) as sending:
        with pytest.raises(expected):
            await sending.send(ENTRY, doubt=True)
    assert outcome(outbox) == ("dropped" if expected is ChainRefused else "pending")


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_one_node_that_has_seen_it_executed_suffices(outbox, place):
    nodes = [ruling_out(), pruned(), ruling_out()]
    nodes[place].transactions[ENTRY.digest] = shown(ENTRY.digest)
    async with delivery(outbox, *nodes) as sending:
        assert (await sending.send(ENTRY, doubt=True)).success
    assert outcome(outbox) == "succeeded"


@pytest.mark.parametrize("fault", [LOST, GRPCError(Status.PERMISSION_DENIED, "no")])
async def test_a_node_that_does_not_answer_says_nothing(outbox, fault):
    silent = ruling_out()
    silent.fail_next("GetTransaction", *[fault] * 99)
    async with delivery(outbox, silent, patience=5) as sending:
        with pytest.raises(TransactionUncertain):
            await sending.send(ENTRY, doubt=True)
    assert outcome(outbox) == "pending"


# --- locks and stale versions ----------------------------------------------------------------


async def test_a_locked_coin_frees_the_others_until_the_next_epoch(outbox):
    node = witness(executes=lambda _: LOCKED)
    async with delivery(outbox, node) as sending:
        with pytest.raises(Parked) as caught:
            await sending.send(ENTRY, doubt=True)
    assert caught.value.until_epoch == 6
    assert outcome(outbox) == "pending"
    assert node.asked_at == [0.0]


async def test_a_locked_transaction_that_has_expired_is_dropped(outbox):
    node = ruling_out(executes=lambda _: LOCKED)
    async with delivery(outbox, node) as sending:
        with pytest.raises(ChainRefused):
            await sending.send(ENTRY, doubt=True)
    assert outcome(outbox) == "dropped"


@pytest.mark.parametrize("fault", [LOST, GRPCError(Status.PERMISSION_DENIED, "no")])
async def test_a_locked_coin_of_an_unknown_epoch_is_tried_again(outbox, fault):
    node = witness(executes=lambda _: LOCKED)
    node.fail_next("GetEpoch", *[fault] * 9)
    async with delivery(outbox, node) as sending:
        with pytest.raises(Parked) as caught:
            await sending.send(ENTRY, doubt=True)
    assert caught.value.until_epoch == 6
    assert len(node.asked_at) > 1


async def test_a_version_that_nodes_have_not_had_for_long_is_no_lag(outbox):
    """The attempts are at 0.25 · (2ⁿ - 1) s, and from 15.75 s on every 10 s."""
    node = witness(executes=lambda _: STALE)
    async with delivery(outbox, node, patience=1000) as sending:
        with pytest.raises(ChainRefused):
            await sending.send(ENTRY, doubt=True)
    assert node.asked_at == [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 25.75, 35.75]
    assert outcome(outbox) == "dropped"


async def test_another_reason_begins_the_wait_for_a_version_anew(outbox):
    """At 7.75 s there was another one, so thirty seconds pass from there."""
    node = witness(executes=lambda count: LOST if count == 6 else STALE)
    async with delivery(outbox, node, patience=1000) as sending:
        with pytest.raises(ChainRefused):
            await sending.send(ENTRY, doubt=True)
    assert node.asked_at == [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 25.75, 35.75, 45.75]


async def test_the_limit_of_a_stale_version_itself_is_still_lag(outbox, monkeypatch):
    monkeypatch.setattr("walrusd.chain.send.delivery._STALE_S", 7.75)
    node = witness(executes=lambda _: STALE)
    async with delivery(outbox, node, patience=1000) as sending:
        with pytest.raises(ChainRefused):
            await sending.send(ENTRY, doubt=True)
    assert node.asked_at[-1] == 15.75
