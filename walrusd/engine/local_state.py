"""What a daemon has on its own machine: keys, database, and the lock of its identity."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from walrusd.chain.send.signer import Signer
from walrusd.crypto.keystore import KeyBundle
from walrusd.errors import DatabaseLost
from walrusd.files import make_directory
from walrusd.settings.keystore import read_keystore
from walrusd.settings.model import Settings
from walrusd.state.data_dir import DataDir
from walrusd.state.database import DATABASE_NAME, Database
from walrusd.state.protection import Protection, check_not_lost

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LocalState:
    """The parts of a daemon that need no network."""

    keys: KeyBundle
    signer: Signer
    database: Database
    protection: Protection


@contextmanager
def open_state(settings: Settings, *, accept_new_database: bool = False) -> Iterator[LocalState]:
    """Open keys and database, and take the identity's lock.

    Raises:
        KeyFileMissing, KeyFileMode, KeystoreLocked, KeystoreDamaged: if the keystore does not open.
        DatabaseLost: if the identity has worked here with a database that is gone, unless the
            owner accepts a new one.
        DoubleAction: if the daemon, or a command of its administrator, runs with this key.
        DatabaseCorrupt: if the database cannot be used.
    """
    keys = read_keystore(settings.keys)
    signer = Signer(keys.sui_seed)
    data_dir = settings.daemon.data_dir
    # With the folder in which submissions will have theirs.
    make_directory(data_dir)
    make_directory(DataDir(data_dir).work)
    path = data_dir / DATABASE_NAME
    try:
        check_not_lost(path, data_dir, signer.address)
    except DatabaseLost as lost:
        if not accept_new_database:
            raise
        log.warning("new_database_accepted", reason=lost.message)
    with (
        Database.open(path) as database,
        Protection.open(database, data_dir, signer.address) as protection,
    ):
        yield LocalState(keys, signer, database, protection)
