"""Verification files, written and checked in worker processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.crypto.vfile.checks import VerifiedFile, verify_file
from walrusd.crypto.vfile.scheme_checks import verify_scheme_opening
from walrusd.crypto.vfile.vfile import open_verification_file
from walrusd.crypto.vfile.writer import write_verification_file
from walrusd.errors import MalformedData, VerificationFailed
from walrusd.files import make_directory, new_file
from walrusd.runtime.generators import load_generators
from walrusd.runtime.sources import source_of


def write_file(path: Path, *arguments: Any, **contents: Any) -> bytes:
    """Write a verification file of mode 0600 to ``path``; return its digest.

    Arguments and errors as ``write_verification_file``, without the target.
    """
    make_directory(path.parent)
    with new_file(path, durable=True) as target:
        return write_verification_file(target, *arguments, **contents)


def verify_file_at(path: Path, digest: bytes) -> VerifiedFile:
    """Verify the file at ``path`` against its digest on the chain. Errors as ``verify_file``."""
    return verify_file(open_verification_file(source_of(path)), expected_digest=digest)


def is_whole_file(path: Path, digest: bytes) -> bool:
    """Return whether the file at ``path`` is the verification file with a digest, undamaged."""
    try:
        verify_file_at(path, digest)
    except (VerificationFailed, MalformedData):
        return False
    return True


def check_opened(file: VerifiedFile, update: bytes, openings: Sequence[bytes]) -> None:
    """Check that a file's commitments open to an update. Raises as ``verify_scheme_opening``."""
    load_generators()
    verify_scheme_opening(file.file, np.frombuffer(update, "<i4").astype(np.int32), openings)
