"""A download and a cached blob are whole after a power cut, or not there."""

from tests.support.crashes import Disk
from walrusd.storage.cache import BlobCache
from walrusd.storage.part_file import PartFile
from walrusd.units import BlobId

TAG = "0123"
PIECES = {0: b"first ha", 8: b"lf, second half."}
WHOLE = b"first half, second half."
BLOB = BlobId(5)


def download(path, disk=None):
    """Write what is not there yet, as a reader does that verifies each piece."""
    part = PartFile(path, TAG, len(WHOLE))
    try:
        for offset, piece in PIECES.items():
            if not part.resumed or part.read(offset, len(piece)) != piece:
                part.write(offset, piece)
        part.finish()
        if disk is not None:
            disk.say_done("downloaded")
    finally:
        part.close()


def test_a_download_has_its_name_only_when_it_is_whole(tmp_path, monkeypatch):
    disk = Disk(tmp_path)
    with disk.watch(monkeypatch):
        download(tmp_path / "out", disk)
    found = disk.crashes()
    assert {each.files.get("out") for each in found} == {None, WHOLE}
    assert {each.files.get("out") for each in found if each.done} == {WHOLE}


def test_a_download_that_a_power_cut_ended_goes_on(tmp_path, monkeypatch):
    """Whatever was kept of the part: what does not verify is written again."""
    root = tmp_path / "root"
    root.mkdir()
    disk = Disk(root)
    with disk.watch(monkeypatch):
        download(root / "out")
    found = disk.crashes()
    assert len({each.files.get(f".out.{TAG}.part") for each in found}) > 4
    for each in found:
        each.restore(root)
        download(root / "out")
        assert {path.name: path.read_bytes() for path in root.iterdir()} == {"out": WHOLE}


def test_a_blob_in_the_cache_is_whole(tmp_path, monkeypatch):
    root = tmp_path / "root"
    root.mkdir()
    cache = BlobCache(root, 1000)
    cache.put(BLOB, b"content")
    disk = Disk(root)
    with disk.watch(monkeypatch):
        cache.put(BLOB, b"content")
        cache.put(BlobId(6), b"another")
        disk.say_done("cached")
    for each in disk.crashes():
        each.restore(root)
        again = BlobCache(root, 1000)
        assert again.get(BLOB) == b"content"
        assert again.get(BlobId(6)) in ({b"another"} if each.done else {None, b"another"})
        assert not list(root.glob(".*"))
