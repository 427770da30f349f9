"""The journal of transactions in a real database: one meaning for each key and sender, for good."""

import sqlite3

import pytest

from tests.support.databases import close_after_test
from walrusd.chain.send.outbox import (
    OutboxEntry,
    SendingOutcome,
    SqliteOutbox,
    parse_transaction,
)
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import Abort, Change, Event, GasUsed, SharedRef
from walrusd.errors import DatabaseLocked
from walrusd.state.database import DATABASE_NAME, Database
from walrusd.units import Mist, ObjectId

from .parts import OURS, THEIRS, changed, effects, ref, sign


@pytest.fixture
def database(tmp_path):
    return close_after_test(Database.open(tmp_path / DATABASE_NAME))


@pytest.fixture
def outbox(database):
    return SqliteOutbox(database.connection)


def reopen(tmp_path):
    return SqliteOutbox(close_after_test(Database.open(tmp_path / DATABASE_NAME)).connection)


def test_what_was_kept_is_there_after_a_restart(outbox, tmp_path):
    """Without any commit by the caller: a transaction is sent right after it was kept."""
    entries = [sign(ref(number), label=f"n{number}", key=f"k{number}") for number in range(3)]
    for entry in entries:
        outbox.save(entry)
    assert reopen(tmp_path).pending() == entries


def test_what_was_settled_is_so_after_a_restart(outbox, tmp_path):
    entry = sign(ref(0), key="k")
    outbox.save(entry)
    done = effects(digest=entry.digest)
    outbox.mark(entry.digest, SendingOutcome.SUCCEEDED, done)
    again = reopen(tmp_path)
    assert again.pending() == []
    assert again.succeeded("k", OURS) == done


@pytest.mark.parametrize("outcome", list(SendingOutcome))
def test_only_what_succeeded_is_returned_for_its_key(outbox, outcome):
    entry = sign(ref(0), key="k")
    outbox.save(entry)
    assert outbox.succeeded("k", OURS) is None
    done = effects(digest=entry.digest)
    outbox.mark(entry.digest, outcome, done)
    assert outbox.succeeded("k", OURS) == (done if outcome is SendingOutcome.SUCCEEDED else None)
    assert outbox.succeeded("other", OURS) is None
    assert outbox.pending() == []


def test_each_sender_has_its_own_keys(outbox):
    """Two identities in one database: the success of one is not that of the other."""
    entry = sign(ref(0), key="join:1", sender=OURS)
    outbox.save(entry)
    done = effects(digest=entry.digest)
    outbox.mark(entry.digest, SendingOutcome.SUCCEEDED, done)
    assert outbox.succeeded("join:1", OURS) == done
    assert outbox.succeeded("join:1", THEIRS) is None
    other = sign(ref(1), key="join:1", sender=THEIRS)
    outbox.save(other)
    assert outbox.pending(OURS) == []
    assert outbox.pending(THEIRS) == [other]
    theirs = effects(digest=other.digest, cost=7)
    outbox.mark(other.digest, SendingOutcome.SUCCEEDED, theirs)
    assert outbox.succeeded("join:1", OURS) == done
    assert outbox.succeeded("join:1", THEIRS) == theirs


def test_a_key_is_taken_while_it_is_pending_and_once_it_succeeded(outbox):
    first, second, third = (sign(ref(number), key="k") for number in range(3))
    outbox.save(first)
    with pytest.raises(sqlite3.IntegrityError):
        outbox.save(second)
    outbox.mark(first.digest, SendingOutcome.FAILED, effects(success=False))
    outbox.save(second)
    outbox.mark(second.digest, SendingOutcome.SUCCEEDED, effects(digest=second.digest))
    with pytest.raises(sqlite3.IntegrityError):
        outbox.save(third)
    assert outbox.pending() == []


def test_any_number_of_entries_have_no_key(outbox):
    entries = [sign(ref(number)) for number in range(3)]
    for entry in entries:
        outbox.save(entry)
    assert outbox.pending() == entries


def test_pending_entries_come_in_the_order_in_which_they_were_kept(outbox):
    entries = [sign(ref(number), sender=[OURS, THEIRS][number % 2]) for number in range(6)]
    for entry in entries:
        outbox.save(entry)
    outbox.mark(entries[2].digest, SendingOutcome.DROPPED)
    assert outbox.pending() == [*entries[:2], *entries[3:]]
    assert outbox.pending(OURS) == [entries[0], entries[4]]
    assert outbox.pending(THEIRS) == [entries[1], entries[3], entries[5]]


def test_the_same_bytes_may_be_kept_again_after_they_were_dropped(outbox):
    """As when a transaction is built anew, and nothing has changed."""
    first = sign(ref(0), label="first", key="a")
    outbox.save(first)
    outbox.mark(first.digest, SendingOutcome.DROPPED)
    again = OutboxEntry(first.digest, first.tx_bytes, first.signature, "again", "b", first.sender)
    outbox.save(again)
    assert outbox.pending() == [again]
    outbox.mark(first.digest, SendingOutcome.SUCCEEDED, effects(digest=first.digest))
    assert outbox.succeeded("a", OURS) is None
    assert outbox.succeeded("b", OURS) is not None


def test_marking_settles_one_entry_only(outbox):
    one, two = sign(ref(0)), sign(ref(1))
    outbox.save(one)
    outbox.save(two)
    outbox.mark(one.digest, SendingOutcome.SUCCEEDED, effects(digest=one.digest))
    assert outbox.pending() == [two]


def test_effects_are_returned_as_they_were(outbox):
    entry = sign(ref(0), key="k")
    outbox.save(entry)
    done = effects(
        changed(1),
        changed(2, owner=None, change=Change.DELETED),
        digest=entry.digest,
        gas=ref(0, 2),
        checkpoint=12,
    )
    told = Event("0x1::m::E", b"\0\xff", OURS, "0x1", "m")
    done = type(done)(
        **{**vars(done), "events": (told,), "abort": Abort("0x1", "m", "f", 3, "E", "so")}
    )
    outbox.mark(entry.digest, SendingOutcome.SUCCEEDED, done)
    assert outbox.succeeded("k", OURS) == done


def test_an_entry_is_kept_with_the_callers_other_effects_or_not_at_all(outbox, database):
    entry, kept = sign(ref(0)), sign(ref(1))

    def fail_later():
        with database.transaction():
            outbox.save(entry)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_later()
    assert outbox.pending() == []
    with database.transaction():
        outbox.save(kept)
    assert outbox.pending() == [kept]


def test_a_refused_entry_leaves_the_callers_other_effects_alone(outbox, database):
    first, second = sign(ref(0), key="k"), sign(ref(1), key="k")
    with database.transaction():
        outbox.save(first)
        with pytest.raises(sqlite3.IntegrityError):
            outbox.save(second)
    assert outbox.pending() == [first]


def test_a_change_that_cannot_be_kept_raises(outbox, tmp_path):
    """Nothing may be sent that was not kept first."""
    other = close_after_test(sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None))
    outbox._connection.execute("PRAGMA busy_timeout=0")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseLocked):
        outbox.save(sign(ref(0)))
    other.execute("ROLLBACK")
    assert outbox.pending() == []


FIRST_VERSION = """
CREATE TABLE outbox (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     TEXT NOT NULL UNIQUE,
    label      TEXT NOT NULL,
    key        TEXT,
    tx         BLOB NOT NULL,
    signature  BLOB NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('pending', 'succeeded', 'failed', 'dropped')),
    effects    TEXT
) STRICT;
CREATE UNIQUE INDEX outbox_key ON outbox (key) WHERE key IS NOT NULL;
"""


def make_first_version(connection, *entries):
    connection.executescript(FIRST_VERSION)
    for entry in entries:
        connection.execute(
            "INSERT INTO outbox (digest, label, key, tx, signature, outcome)"
            " VALUES (?, ?, ?, ?, ?, 'pending')",
            (entry.digest, entry.label, entry.key, entry.tx_bytes, entry.signature),
        )


def test_entries_of_the_first_version_get_their_senders(database):
    entries = [sign(ref(0), key="a", sender=OURS), sign(ref(1), key="b", sender=THEIRS)]
    make_first_version(database.connection, *entries)
    outbox = SqliteOutbox(database.connection)
    assert outbox.pending(OURS) == [entries[0]]
    assert outbox.pending(THEIRS) == [entries[1]]
    # The former index admitted one sender only.
    outbox.save(sign(ref(2), key="a", sender=THEIRS))


def test_a_migration_that_breaks_off_is_begun_again(database):
    broken = sign(ref(1))
    broken = OutboxEntry(broken.digest, b"not a transaction", broken.signature, "x")
    entry = sign(ref(0))
    make_first_version(database.connection, entry, broken)
    with pytest.raises(Exception, match=r".*"):  # the decoder has no error of its own
        SqliteOutbox(database.connection)
    columns = [row[1] for row in database.connection.execute("PRAGMA table_info(outbox)")]
    assert "sender" not in columns
    database.connection.execute("DELETE FROM outbox WHERE digest = ?", (broken.digest,))
    assert SqliteOutbox(database.connection).pending(OURS) == [entry]


def test_bytes_say_who_pays_with_what_and_until_when():
    entry = sign(ref(1), ref(2, 9), expires=6, inputs=(ref(3), ref(4)))
    sent = parse_transaction(entry.tx_bytes)
    assert sent.sender == OURS
    assert sent.gas == (ref(1), ref(2, 9))
    assert sent.owned == (ref(3), ref(4))
    assert sent.expiration_epoch == 6
    assert parse_transaction(sign(ref(1), expires=None).tx_bytes).expiration_epoch is None
    assert parse_transaction(sign(ref(1), expires=0).tx_bytes).expiration_epoch == 0


def test_shared_and_pure_inputs_are_no_claims():
    ptb = Ptb()
    shared = SharedRef(ObjectId("0x" + "5" * 64), 3)
    ptb.call("0x2::m::f", shared, ptb.u64(1), ref(3))
    sent = parse_transaction(ptb.build(OURS, [ref(1)], budget=1, price=1))
    assert sent.owned == (ref(3),)


def test_what_storage_gave_back_counts_against_the_gas():
    assert GasUsed(Mist(5), Mist(7), Mist(4)).net == 8
