"""One atomic unit of work in a database, also inside a caller's open transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class SavepointConnection(Protocol):
    """The part of a database connection that this module needs."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, /) -> Any:
        """Execute one statement."""
        ...


@contextmanager
def joining(connection: SavepointConnection) -> Iterator[None]:
    """Commit what the block does if it ends normally, and undo it if it raises.

    Inside an open transaction, the block becomes part of it and commits with it.
    """
    nested = connection.in_transaction
    connection.execute("SAVEPOINT joining" if nested else "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("RELEASE joining" if nested else "COMMIT")
    except BaseException:
        # On a full disk, SQLite may already have undone everything.
        if connection.in_transaction:
            if nested:
                connection.execute("ROLLBACK TO joining")
                connection.execute("RELEASE joining")
            else:
                connection.execute("ROLLBACK")
        raise
