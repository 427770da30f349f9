"""Each upload is recorded before it is sent, and what is paid for is not forgotten."""

import sqlite3

import pytest

from tests.support.databases import close_after_test
from walrusd.state import Database
from walrusd.storage.ledger import StoredBlob, Upload, UploadLedger
from walrusd.units import BlobId, normalize_address

BLOB, OTHER = BlobId(5), BlobId(1 << 255)
OBJECT = normalize_address("0xb10b")


@pytest.fixture
def database(tmp_path):
    return close_after_test(Database.open(tmp_path / "db"))


@pytest.fixture
def ledger(database):
    return UploadLedger(database.connection)


def start(ledger, blob=BLOB, *, permanent=True, publisher="http://one"):
    ledger.note_start(blob, size=1000, permanent=permanent, publisher=publisher)


def test_an_upload_is_open_until_it_is_stored(ledger):
    assert ledger.find(BLOB) is None
    start(ledger)
    assert ledger.find(BLOB) == Upload(BLOB, 1000, True, "http://one", 1, None)
    stored = StoredBlob(BLOB, 1000, 6, OBJECT)
    assert ledger.note_stored(stored) == stored
    assert ledger.find(BLOB) == Upload(BLOB, 1000, True, "http://one", 1, stored)
    assert ledger.find(OTHER) is None


def test_uploads_are_there_after_a_restart(ledger, tmp_path):
    start(ledger)
    start(ledger, OTHER, permanent=False)
    ledger.note_stored(StoredBlob(OTHER, 1000, 7, None))
    again = UploadLedger(close_after_test(Database.open(tmp_path / "db")).connection)
    assert again.find(BLOB) == ledger.find(BLOB)
    assert again.find(OTHER) == ledger.find(OTHER)
    assert again.find(OTHER).stored.end_epoch == 7


def test_a_second_attempt_is_open_again_and_counted(ledger):
    start(ledger)
    ledger.note_stored(StoredBlob(BLOB, 1000, 6, OBJECT))
    start(ledger, permanent=False, publisher="http://two")
    assert ledger.find(BLOB) == Upload(BLOB, 1000, False, "http://two", 2, None)


def test_an_object_that_is_known_stays_known(ledger):
    """A storage node shows when a blob ends, but not whose object it has."""
    start(ledger)
    ledger.note_stored(StoredBlob(BLOB, 1000, 6, OBJECT))
    found = ledger.note_stored(StoredBlob(BLOB, 1000, 9, None))
    assert found == StoredBlob(BLOB, 1000, 9, OBJECT)
    newer = normalize_address("0xb10c")
    assert ledger.note_stored(StoredBlob(BLOB, 1000, 9, newer)).object_id == newer


def test_what_others_stored_is_returned_as_it_is(ledger):
    stored = StoredBlob(BLOB, 1000, 6, None)
    assert ledger.note_stored(stored) == stored
    assert ledger.find(BLOB) is None


def test_a_start_is_recorded_with_the_callers_other_effects(ledger, database):
    def fail_later():
        with database.transaction():
            start(ledger)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_later()
    assert ledger.find(BLOB) is None


def test_one_table_serves_several_ledgers(database):
    start(UploadLedger(database.connection))
    assert UploadLedger(database.connection).find(BLOB) is not None
    with pytest.raises(sqlite3.IntegrityError):
        database.connection.execute("UPDATE walrus_uploads SET state = 'lost'")
