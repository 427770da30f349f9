"""One unit of work in a database that belongs to the caller, who may be inside a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class SavepointConnection(Protocol):
    """The part of a database connection that is needed here."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, /) -> Any:
        """Execute one statement."""
        ...


@contextmanager
def joining(connection: SavepointConnection) -> Iterator[None]:
    """Commit what the block does if it ends normally, undo it if it raises.

    Inside an open transaction the block becomes a part of it: the caller's commit decides.
    """
    nested = connection.in_transaction
    connection.execute("SAVEPOINT joining" if nested else "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("RELEASE joining" if nested else "COMMIT")
    except BaseException:
        # A full disk may have made SQLite undo everything by itself.
        if connection.in_transaction:
            if nested:
                connection.execute("ROLLBACK TO joining")
                connection.execute("RELEASE joining")
            else:
                connection.execute("ROLLBACK")
        raise
