"""Open the keystore that the settings name."""

from walrusd.crypto.keystore import KeyBundle, RawKek, open_keystore
from walrusd.errors import KeystoreDamaged, MalformedData
from walrusd.settings.model import KeysSettings
from walrusd.settings.secrets import read_kek, read_secret_file


def read_keystore(keys: KeysSettings) -> KeyBundle:
    """Return the keys of this daemon.

    Raises:
        KeyFileMissing, KeyFileMode, ConfigError: as ``read_kek`` and ``read_secret_file``.
        KeystoreLocked: if the key does not open it.
        KeystoreDamaged: if it is not a keystore. No one else wrote it, so it is no peer's fault.
    """
    kek = RawKek(read_kek(keys))
    data = read_secret_file(keys.keystore, "the keystore")
    try:
        return open_keystore(data, kek)
    except MalformedData as error:
        raise KeystoreDamaged(f"{keys.keystore}: {error.message}") from error
