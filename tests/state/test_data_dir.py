"""Every file has a place of its own, and what a submission leaves is in its folder."""

from pathlib import Path

from walrusd.state.data_dir import DataDir

ROOT = Path("/data")
WHERE = DataDir(ROOT)


def test_no_two_files_share_a_place() -> None:
    places = [
        WHERE.work,
        *(WHERE.submission(name) for name in "ab"),
        *(WHERE.ciphertexts(name) for name in "ab"),
        *(WHERE.own_verification_file(name) for name in "ab"),
        *(WHERE.committed_file(name) for name in "ab"),
        *(WHERE.replays(name) for name in "ab"),
        *(WHERE.plan(digest) for digest in (b"a", b"b")),
        *(WHERE.weights(digest) for digest in (b"a", b"b")),
        *(WHERE.rows(digest) for digest in (b"a", b"b")),
        *(WHERE.probe(name) for name in "ab"),
    ]
    assert len(set(places)) == len(places)
    assert all(ROOT in place.parents for place in places)


def test_a_submissions_files_go_with_its_folder() -> None:
    folder = WHERE.submission("a")
    assert folder.parent == WHERE.work
    for place in (WHERE.ciphertexts, WHERE.own_verification_file, WHERE.committed_file):
        assert place("a").parent == folder
    assert WHERE.work in WHERE.replays("verifier").parents
