"""The daemon's one SQLite file.

SQLite is called directly from the trio thread: every statement here touches a handful of rows, and
a worker thread would cost more than the call and let a cancelled task leave one half-used. WAL
with ``synchronous=FULL`` makes a commit durable before the side effect it announces.

Whatever SQLite raises about the disk, a lock or a damaged file leaves this module as a typed error,
also from statements that others execute on :attr:`Database.connection`. Its other errors, such as a
broken constraint, are bugs of this program and are not converted.

A transaction must not contain an ``await``: there is one connection, and another task's statements
would land in it. An :class:`AssertionError` enforces this.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import trio

from walrusd.errors import (
    ConfigError,
    DatabaseCorrupt,
    DatabaseLocked,
    DiskBroken,
    DiskFull,
    LocalFault,
    ReadOnly,
    WalrusdError,
    explain_os_error,
)
from walrusd.state.migrations import MIGRATIONS

DATABASE_NAME = "walrusd.sqlite"
"""The file's name in ``daemon.data_dir``."""
LAST_CHARACTER = chr(0x10FFFF)
"""Sorts after everything in an id: ids that begin with ``p`` are between ``p`` and ``p`` + this."""
PATIENCE_S = 5.0
"""How long a statement waits for another process, in seconds. Nothing else runs meanwhile."""

_FAULTS: dict[int, tuple[type[LocalFault], str]] = {
    sqlite3.SQLITE_FULL: (DiskFull, "the disk is full"),
    sqlite3.SQLITE_IOERR_SHMSIZE: (DiskFull, "the disk is full"),
    sqlite3.SQLITE_BUSY: (DatabaseLocked, "another process holds the database"),
    sqlite3.SQLITE_LOCKED: (DatabaseLocked, "another connection holds the database"),
    sqlite3.SQLITE_CORRUPT: (DatabaseCorrupt, "the database is damaged"),
    sqlite3.SQLITE_NOTADB: (DatabaseCorrupt, "the file is not a database"),
    sqlite3.SQLITE_READONLY: (ReadOnly, "the database cannot be written"),
    sqlite3.SQLITE_IOERR: (DiskBroken, "the database's file cannot be read or written"),
    sqlite3.SQLITE_CANTOPEN: (LocalFault, "a file of the database cannot be opened"),
    sqlite3.SQLITE_PERM: (LocalFault, "this user may not open the database"),
}
"""What SQLite's result codes mean; an extended code counts before its primary one."""


def explain_sqlite_error(error: sqlite3.Error) -> LocalFault | None:
    """Return the typed error for a fault of this machine, else None."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Raised by the module itself. We write only text.
        is_spoilt = str(error).startswith("Could not decode")
        return DatabaseCorrupt("the database is damaged: not text") if is_spoilt else None
    found = _FAULTS.get(code) or _FAULTS.get(code & 0xFF)
    if found is None:
        return None
    kind, sentence = found
    return kind(f"{sentence} ({error})")


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise DatabaseCorrupt("the database is damaged: not text") from error
    except sqlite3.Error as error:
        fault = explain_sqlite_error(error)
        if fault is None:
            raise
        raise fault from error


class _Cursor(sqlite3.Cursor):
    """A cursor with typed errors. Rows are read as they are fetched, so that may fail too."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        with _typed():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Self:
        with _typed():
            return super().executemany(sql, parameters)

    def fetchone(self) -> Any:
        with _typed():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _typed():
            return super().fetchall()

    def __next__(self) -> Any:
        with _typed():
            return super().__next__()


class _Connection(sqlite3.Connection):
    """A connection whose statements raise typed errors."""

    def cursor(self, factory: Any = _Cursor, /) -> Any:
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return self.cursor().execute(sql, parameters)  # type: ignore[no-any-return]  # see cursor()

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        return self.cursor().executemany(sql, parameters)  # type: ignore[no-any-return]  # see cursor()


def parse_json(text: str) -> Any:
    """Return a value that was written to the database as JSON.

    Raises:
        DatabaseCorrupt: if it is no longer JSON, which a check of the pages does not show.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise DatabaseCorrupt(f"the database is damaged: {error}") from error


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
            ConfigError: if it cannot be opened, is not a database, or a newer walrusd wrote it.
            DatabaseLocked: if another process is writing to it.
            DiskFull, DiskBroken, ReadOnly: if the disk does not let it be used.
            DatabaseCorrupt: if it is damaged.
        """
        connection = None
        try:
            path.touch(mode=0o600)
            connection = sqlite3.connect(
                path, isolation_level=None, timeout=PATIENCE_S, factory=_Connection
            )
            connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
            database = cls(connection)
            database._check()
            database._migrate(path)
        except BaseException as exc:
            if connection is not None:
                connection.close()
            if isinstance(exc, OSError | sqlite3.Error | LocalFault):
                raise _explain_opening(path, exc) from exc
            raise
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
            self._undo(name)
            raise
        self._depth -= 1
        if not self._connection.in_transaction:
            raise LocalFault("the database has rolled back a transaction by itself")
        try:
            self._connection.execute(f"RELEASE {name}" if self._depth else "COMMIT")
        except BaseException:
            # A failed commit leaves the transaction open, and the connection unusable.
            self._undo(name)
            raise

    def _undo(self, name: str) -> None:
        if not self._connection.in_transaction:
            return  # SQLite has rolled it back, as it may when the disk is full
        if self._depth:
            self._connection.execute(f"ROLLBACK TO {name}")
            self._connection.execute(f"RELEASE {name}")
        else:
            self._connection.execute("ROLLBACK")

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for adapters that keep a table of their own in the same file."""
        return self._connection

    def read(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[sqlite3.Row]:
        """Return all rows of a query.

        A parameter that stands twice in it has a name: some versions of Python 3.12 warn of ``?1``.
        """
        return self._connection.execute(sql, parameters).fetchall()

    def _check(self) -> None:
        """Check every page once, so that damage is found now and not in the middle of work.

        Raises:
            DatabaseCorrupt: if something does not hold together.
        """
        (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise DatabaseCorrupt("the database is damaged: " + " ".join(found.split()))

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


def _explain_opening(path: Path, error: OSError | sqlite3.Error | LocalFault) -> WalrusdError:
    """Return the typed error for a database that cannot be opened."""
    if isinstance(error, OSError):
        fault = explain_os_error(error)
        error = error if type(fault) is LocalFault else fault
    if isinstance(error, DatabaseLocked):
        return DatabaseLocked(f"{path} is in use by another process", hint=error.hint)
    is_known = isinstance(error, DiskFull | DiskBroken | ReadOnly | DatabaseCorrupt)
    is_none = getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB
    if is_known and not is_none:
        assert isinstance(error, LocalFault)
        return type(error)(f"cannot open the database {path}: {error}", hint=error.hint)
    return ConfigError(
        f"cannot open the database {path}: {error}",
        hint="check daemon.data_dir, its owner, and the space on its disk",
    )


def _current_task() -> object:
    """Return the running trio task, or None outside of trio (tools and tests)."""
    try:
        return trio.lowlevel.current_task()
    except RuntimeError:
        return None
