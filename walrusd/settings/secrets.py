"""Read the files that hold secrets, and refuse those that others can read."""

import os
import stat
from pathlib import Path

from walrusd.errors import ConfigError, KeyFileMissing, KeyFileMode
from walrusd.settings.model import KeysSettings

CREDENTIAL_NAME = "walrusd-kek"
KEK_BYTES = 32


def read_secret_file(path: Path, what: str, *, forbidden: int = 0o077) -> bytes:
    """Return the bytes of a file that only its owner may read: no bit of ``forbidden`` is set.

    The mode is checked on the open file, not on its name, so it cannot change in between.

    Raises:
        KeyFileMissing: if it does not exist.
        KeyFileMode: if its group or others may read or write it.
        ConfigError: if it cannot be read for another reason.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & forbidden:
                raise KeyFileMode(
                    f"{what} {path} has mode {mode:04o}: others besides its owner can use it",
                    hint=f"chmod 600 {path}",
                )
            return file.read()
    except FileNotFoundError as exc:
        raise KeyFileMissing(
            f"{what} {path} does not exist",
            hint="restore it from your backup, or make a new identity with `walrusctl init`",
        ) from exc
    except OSError as exc:
        raise ConfigError(
            f"cannot read {what} {path}: {exc.strerror}", hint="check its owner"
        ) from exc


def read_kek(keys: KeysSettings) -> bytes:
    """Return the 32-byte key that opens the keystore.

    Taken from ``keys.kek_file``; without one, from systemd's credential ``walrusd-kek``.

    Raises:
        KeyFileMissing: if neither is there.
        KeyFileMode: if others can read it.
        ConfigError: if it does not have 32 bytes.
    """
    path, forbidden = keys.kek_file, 0o077
    if path is None:
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise KeyFileMissing(
                "keys.kek_file is not set, and systemd gave no credential",
                hint=f"set keys.kek_file, or LoadCredential={CREDENTIAL_NAME}:… in the unit",
            )
        path = Path(directory) / CREDENTIAL_NAME
        # systemd grants access by an access control list, whose mask shows as group bits;
        # the directory is the service's alone.
        forbidden = 0o027
    kek = read_secret_file(path, "the keystore's key file", forbidden=forbidden)
    if len(kek) != KEK_BYTES:
        raise ConfigError(
            f"the keystore's key file {path} has {len(kek)} bytes, not {KEK_BYTES}",
            hint="restore it from your backup",
        )
    return kek
