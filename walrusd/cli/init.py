"""Make a new daemon's directory: configuration, sealed keystore, and the key that opens it.

Everything is prepared and checked in memory first; then each file is written atomically. No file
is ever overwritten, and on failure the files written so far are removed.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import tomli

from walrusd.chain.send.signer import Signer, decode_private_key
from walrusd.crypto.keystore import KeyBundle, RawKek, seal_keystore
from walrusd.errors import ConfigError, explain_or
from walrusd.files import make_directory, write_atomically
from walrusd.settings.keystore import read_keystore
from walrusd.settings.load import settings_from_document
from walrusd.settings.model import Settings
from walrusd.settings.network import Document
from walrusd.settings.render import render_settings
from walrusd.settings.secrets import KEK_BYTES
from walrusd.units import Address

CONFIG_NAME = "walrusd.toml"
KEYSTORE_NAME = "keystore"
KEK_NAME = "kek"


@dataclass(frozen=True)
class Initialized:
    """The files of a new daemon, and its address."""

    config: Path
    keystore: Path
    kek_file: Path
    address: Address

    def to_json(self) -> dict[str, str]:
        """Return paths and address as a JSON object."""
        return {
            "config": str(self.config),
            "keystore": str(self.keystore),
            "kek_file": str(self.kek_file),
            "address": self.address,
        }


def initialize(directory: Path, document: Document, private_key: str | None) -> Initialized:
    """Make the directory of a new daemon.

    ``document`` is a configuration without ``[keys]``; ``private_key`` a ``suiprivkey1…`` to act
    with, else a fresh one is made. The other keys are always fresh.

    Raises:
        ConfigError: if the configuration is not valid, the private key is malformed, a file is
            there already, or the disk refuses. Nothing is left behind then.
    """
    directory = directory.absolute()
    config = directory / CONFIG_NAME
    document = {**document, "keys": {"keystore": KEYSTORE_NAME, "kek_file": KEK_NAME}}
    text = render_settings(settings_from_document(document, config), directory)
    bundle = KeyBundle.generate()
    if private_key is not None:
        bundle = replace(bundle, sui_seed=decode_private_key(private_key))
    kek = secrets.token_bytes(KEK_BYTES)
    made = Initialized(
        config,
        directory / KEYSTORE_NAME,
        directory / KEK_NAME,
        Signer(bundle.sui_seed).address,
    )
    _write_all(
        directory,
        {
            made.kek_file: kek,
            made.keystore: seal_keystore(bundle, RawKek(kek)),
            config: text.encode(),
        },
    )
    return made


def read_address(settings: Settings) -> Address:
    """Open the keystore as the daemon would, and return the address it acts with.

    Raises:
        KeyFileMissing, KeyFileMode, KeystoreLocked, KeystoreDamaged: as ``read_keystore``.
    """
    return Signer(read_keystore(settings.keys).sui_seed).address


def apply_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """Return ``document`` with each ``section.key=value``; a value is TOML, or else plain text.

    Raises:
        ConfigError: if an override has another form.
    """
    result = {section: dict(table) for section, table in document.items()}
    for override in overrides:
        name, equals, text = override.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (equals and dot and section and key):
            raise ConfigError(
                f"not section.key=value: {override!r}",
                hint='for example --set policy.max_stake_per_task="5 SUI"',
            )
        try:
            value = tomli.loads(f"value = {text}")["value"]
        except tomli.TOMLDecodeError:
            value = text.strip()
        result.setdefault(section, {})[key] = value
    return result


def _write_all(directory: Path, files: dict[Path, bytes]) -> None:
    made_directory = not directory.exists()
    written: list[Path] = []
    try:
        make_directory(directory)
        for path, content in files.items():
            write_atomically(path, content, overwrite=False)
            written.append(path)
    except BaseException as exc:
        for path in written:
            path.unlink()
        if made_directory:
            # Not empty, or never created: do not remove it.
            with suppress(OSError):
                directory.rmdir()
        if not isinstance(exc, OSError):
            raise
        if isinstance(exc, FileExistsError):
            raise ConfigError(
                f"{exc.filename2 or exc.filename} exists already; nothing was changed",
                hint="name another --dir; keys are never overwritten",
            ) from exc
        refusal = ConfigError(
            f"cannot write below {directory}: {exc.strerror}", hint="check its owner"
        )
        raise explain_or(exc, refusal) from exc
