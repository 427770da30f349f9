"""Verification files in memory: what the daemon writes to and reads from the disk in pieces."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO

from walrusd.crypto.cost import CostFunction
from walrusd.crypto.vfile.checks import VerifiedFile, verify_file
from walrusd.crypto.vfile.header import FileSubject, Quantisation, SchemeBlock
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.crypto.vfile.writer import write_verification_file


def build_verification_file(
    subject: FileSubject,
    quantisation: Quantisation,
    *,
    update_root: bytes,
    trace_leaves: Sequence[bytes],
    scheme: SchemeBlock,
    committed: bytes,
    cost: CostFunction,
    cost_key: bytes,
) -> bytes:
    """Return a file whole, read back once. Arguments and errors as ``write_verification_file``.

    Raises:
        MalformedSection: if ``committed`` or the leaves are not whole items.
    """
    target = BytesIO()
    write_verification_file(
        target,
        subject,
        quantisation,
        update_root=update_root,
        trace_leaves=trace_leaves,
        scheme=scheme,
        committed=partial(BytesIO, committed),
        cost=cost,
        cost_key=cost_key,
    )
    data = target.getvalue()
    read_verification_file(data)
    return data


def verify_verification_file(
    data: bytes, *, expected_digest: bytes | None = None, cost_key: bytes | None = None
) -> VerifiedFile:
    """Read a whole file and verify it. Errors as ``read_verification_file`` and ``verify_file``."""
    file = read_verification_file(data)
    return verify_file(file, expected_digest=expected_digest, cost_key=cost_key)
