"""A disk that is full: a typed error, and nothing half-written is left to keep it full."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.market.bench import Network
from walrusd.cli import model
from walrusd.errors import (
    DiskBroken,
    DiskFull,
    LocalFault,
    ReadOnly,
    TooManyOpenFiles,
    explain_os_error,
    needs_owner,
)
from walrusd.files import new_file, write_atomically
from walrusd.market.fetch import Fetcher
from walrusd.market.import_rows import open_table, read_schema
from walrusd.rpc.listen import open_control_socket
from walrusd.services.data_owner.listings import Listings
from walrusd.state.database import Database
from walrusd.state.encrypted_files import encrypt_file
from walrusd.state.protection import Protection, write_export
from walrusd.storage.part_file import PartFile
from walrusd.units import normalize_address


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, DiskFull, "local.disk_full"),
        (errno.EDQUOT, DiskFull, "local.disk_full"),
        (errno.EROFS, ReadOnly, "local.read_only"),
        (errno.EIO, DiskBroken, "local.io"),
        (errno.EMFILE, TooManyOpenFiles, "local.open_files"),
        (errno.ENOENT, LocalFault, "local.file"),
    ],
)
def test_what_the_system_says_is_typed(number: int, kind: type, code: str) -> None:
    found = explain_os_error(OSError(number, os.strerror(number), "/some/file"))
    assert (type(found), found.code) == (kind, code)
    assert "/some/file" in found.message
    assert found.hint


def fail(*_arguments) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full_disk(monkeypatch):
    """Let every flush to the disk fail, and every write at a place."""
    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr(os, "pwrite", fail)


def left(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


def test_no_file_stays_that_could_not_be_finished(tmp_path: Path, full_disk) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"x" * 1000)
    target = tmp_path / "out"
    attempts = [
        lambda: write_atomically(target, b"data"),
        lambda: encrypt_file(plain, target, bytes(32), b""),
        lambda: PartFile(target, "tag", 100).write(0, b"data"),
    ]
    for attempt in attempts:
        with pytest.raises(OSError, match="No space"):
            attempt()
        assert left(tmp_path) == ["plain"]


def test_an_export_of_the_guard_leaves_no_half(tmp_path: Path, full_disk) -> None:
    class Guard:
        def export(self):
            return {"actions": []}

    with pytest.raises(OSError, match="No space"):
        write_export(tmp_path / "export.json", Guard())
    assert left(tmp_path) == []


def test_a_table_is_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("1,2\n3,4\n5,six\n")
    schema = read_schema({"features": 1, "classes": 100})
    target = tmp_path / "copy"
    with pytest.raises(Exception, match="row 3"):
        open_table(source, schema).copy_to(target)
    assert not target.exists()


async def test_a_listing_on_a_full_disk_leaves_no_plaintext(tmp_path, monkeypatch) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("1,2\n3,4\n")
    with Network().daemon(tmp_path, "owner") as tools:
        datasets = Listings(tools, Fetcher(tools))
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            await datasets.add(str(source), "t", "", {"features": 1, "classes": 100})
        assert not (tools.files.work / "listing").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_real_full_file_system(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not permitted here, so no real full disk is tried")
    try:
        with pytest.raises(OSError, match="No space"), new_file(small / "big") as file:
            file.write(bytes(1 << 20))
        assert left(small) == []
        part = PartFile(small / "part", "tag", 1 << 20)
        with pytest.raises(OSError, match="No space"):
            part.write(0, os.urandom(1 << 20))
        part.close()
        assert left(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_lock_file_that_cannot_be_written_is_typed(tmp_path: Path, full_disk) -> None:
    with Database.open(tmp_path / "db") as database, pytest.raises(DiskFull):
        Protection.open(database, tmp_path, normalize_address("0x1"))


def test_a_full_disk_at_the_start_is_not_taken_for_a_configuration(tmp_path, monkeypatch) -> None:
    """The daemon is started again after it, and not after a wrong configuration."""
    with Database.open(tmp_path / "db") as database:
        monkeypatch.setattr(os, "open", fail)
        with pytest.raises(DiskFull) as lock:
            Protection.open(database, tmp_path, normalize_address("0x1"))
    monkeypatch.setattr(Path, "chmod", fail)
    with pytest.raises(DiskFull) as control:
        open_control_socket(tmp_path / "s", {})
    for caught in lock, control:
        assert not needs_owner(caught.value)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    def open_new(path: Path, **options):
        return fail() if path.name == "second" else new_file(path, **options)

    monkeypatch.setattr(model, "new_file", open_new)
    with pytest.raises(DiskFull):
        model._write(tmp_path / "out", {"first": b"1", "second": b"2"})
    assert left(tmp_path) == []
    model._write(tmp_path / "out", {"first": b"1", "third": b"3"})
    assert left(tmp_path) == ["first", "third"]
