"""A connection must have an owner that closes it."""

import gc
import sqlite3

import pytest

from tests.support.databases import at_end_of_test, close_after_test
from walrusd.devnet.ledger.store import Store
from walrusd.devnet.walrus.store import BlobStore
from walrusd.errors import ConfigError
from walrusd.state.database import Database


def test_a_connection_that_nobody_closes_is_reported() -> None:
    with pytest.warns(ResourceWarning, match="database"):  # noqa: PT031 - it must be collected
        sqlite3.connect(":memory:")
        gc.collect()


def test_one_that_is_closed_is_not() -> None:
    sqlite3.connect(":memory:").close()
    close_after_test(sqlite3.connect(":memory:"))
    at_end_of_test.close()
    gc.collect()


@pytest.mark.parametrize(
    "open_it", [Database.open, Store, lambda path: BlobStore(path.parent, 10, lambda: 1)]
)
def test_what_is_no_database_is_closed_again(tmp_path, open_it) -> None:
    path = tmp_path / "index.sqlite3"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises((ConfigError, sqlite3.DatabaseError)):
        open_it(path)
    gc.collect()  # what is open would be found here
