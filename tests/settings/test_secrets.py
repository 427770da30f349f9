"""Files with secrets are read when private, and only then."""

from pathlib import Path

import pytest

from tests.support.refusals import refused
from walrusd.crypto.keystore import KeyBundle, RawKek, seal_keystore
from walrusd.errors import (
    KeyFileMode,
    KeystoreDamaged,
    KeystoreLocked,
    needs_owner,
)
from walrusd.settings import KeysSettings, read_kek, read_secret_file
from walrusd.settings.keystore import read_keystore


def keys(kek_file: Path | None) -> KeysSettings:
    return KeysSettings(keystore=Path("keystore"), kek_file=kek_file)


def write(path: Path, mode: int, content: bytes = b"k" * 32) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read(tmp_path: Path, mode: int) -> None:
    assert read_kek(keys(write(tmp_path / "kek", mode))) == b"k" * 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o777])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "kek", mode)
    with refused("keys.mode", f"{mode:04o}") as caught:
        read_kek(keys(path))
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_missing_file(tmp_path: Path) -> None:
    with refused("keys.missing", "keystore"):
        read_secret_file(tmp_path / "none", "the keystore")
    with refused("config.invalid", "keystore"):
        read_secret_file(tmp_path, "the keystore")


def test_a_key_of_the_wrong_length_is_not_shown(tmp_path: Path) -> None:
    with refused("config.invalid", "6", "32") as caught:
        read_kek(keys(write(tmp_path / "kek", 0o600, b"hunter")))
    assert "hunter" not in str(caught.value.to_json())


def test_the_credential_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with refused("keys.missing", "kek_file"):
        read_kek(keys(None))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with refused("keys.missing", "walrusd-kek"):
        read_kek(keys(None))
    for mode in (0o400, 0o440):
        (tmp_path / "walrusd-kek").unlink(missing_ok=True)
        write(tmp_path / "walrusd-kek", mode, b"c" * 32)
        assert read_kek(keys(None)) == b"c" * 32
    (tmp_path / "walrusd-kek").chmod(0o444)
    with pytest.raises(KeyFileMode):
        read_kek(keys(None))


def test_a_damaged_keystore_is_its_owners_business(tmp_path: Path) -> None:
    settings = KeysSettings(tmp_path / "keystore", write(tmp_path / "kek", 0o600))
    sealed = seal_keystore(KeyBundle.generate(), RawKek(b"k" * 32))
    for length in range(len(sealed)):
        write(settings.keystore, 0o600, sealed[:length])
        with pytest.raises((KeystoreDamaged, KeystoreLocked)) as caught:
            read_keystore(settings)
        # No peer's fault, and starting again does not help: the daemon must not try for ever.
        assert needs_owner(caught.value)
        assert caught.value.hint
    write(settings.keystore, 0o600, b"")
    with refused("keys.damaged", "short"):
        read_keystore(settings)
