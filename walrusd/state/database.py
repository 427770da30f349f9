"""The daemon's one SQLite file.

SQLite is called directly from the trio thread: every statement here touches a handful of rows, and
a worker thread would cost more than the call and let a cancelled task leave one half-used. WAL
with ``synchronous=FULL`` makes a commit durable before the side effect it announces.

A transaction must not contain an ``await``: there is one connection, and another task's statements
would land in it. That is checked (:class:`AssertionError`), not hoped for.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import trio

from walrusd.errors import ConfigError, DoubleAction
from walrusd.state.migrations import MIGRATIONS


class Database:
    """One open connection. Make it with :meth:`open`; close it, or use it as a context manager."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._owner: object = None
        self._depth = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create the file with mode 0600 and bring its tables up to date.

        Raises:
            ConfigError: if it cannot be opened, is no database, or a newer walrusd wrote it.
            DoubleAction: if another process holds it in a write.
        """
        try:
            path.touch(mode=0o600)
            connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            with ExitStack() as on_error:
                on_error.callback(connection.close)
                connection.row_factory = sqlite3.Row
                for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                    connection.execute(f"PRAGMA {pragma}")
                database = cls(connection)
                database._migrate(path)
                on_error.pop_all()
        except (OSError, sqlite3.Error) as exc:
            if getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise DoubleAction(
                    f"{path} is in use by another process", hint="stop the other walrusd first"
                ) from exc
            raise ConfigError(
                f"cannot open the database {path}: {exc}",
                hint="check daemon.data_dir, its owner, and the space on its disk",
            ) from exc
        return database

    def close(self) -> None:
        """Close the connection; the WAL is folded into the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block does if it ends normally, roll it back if it raises.

        Blocks nest: an inner one is a savepoint of the outer one, so a caller may put its own
        statements and a call to :class:`~walrusd.state.journal.Journal` into one commit.
        """
        task = _current_task()
        if self._depth and self._owner is not task:
            raise AssertionError("a transaction was left open across an await")
        name = f"level_{self._depth}"
        self._connection.execute(f"SAVEPOINT {name}" if self._depth else "BEGIN IMMEDIATE")
        self._owner, self._depth = task, self._depth + 1
        try:
            yield self._connection
        except BaseException:
            self._depth -= 1
            if self._depth:
                self._connection.execute(f"ROLLBACK TO {name}")
                self._connection.execute(f"RELEASE {name}")
            else:
                self._connection.execute("ROLLBACK")
            raise
        self._depth -= 1
        self._connection.execute(f"RELEASE {name}" if self._depth else "COMMIT")

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for adapters that keep a table of their own in the same file."""
        return self._connection

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def _migrate(self, path: Path) -> None:
        with self.transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise ConfigError(
                    f"{path} was written by a newer walrusd (layout {version})",
                    hint="upgrade walrusd, or name another daemon.data_dir",
                )
            for script in MIGRATIONS[version:]:
                for statement in script:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")


def _current_task() -> object:
    """Return the running trio task, or None outside of trio (tools and tests)."""
    try:
        return trio.lowlevel.current_task()
    except RuntimeError:
        return None
