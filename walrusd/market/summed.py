"""What an accepted submission adds to the sum, and why a publisher may leave it out.

A part is left out because it cannot be read: the publisher then says so, or reveals the value of
the update's key, ``s·H_update``, with which everybody reads what is at the opening's blob and sees
that it does not give ``update_root``.
"""

from typing import Any

import numpy as np
import trio

from walrusd.core.lifecycle import Scheme
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.core.pieces.names import OPENINGS, UPDATE
from walrusd.crypto.number_tree import compute_number_root
from walrusd.errors import DecryptionFailed, PartAbsent, PeerFault, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.envelopes import read_update_value
from walrusd.market.fetch import Fetcher
from walrusd.runtime.pool import run_heavy
from walrusd.workers.files import check_opened

SUMMED_PIECES = (UPDATE, OPENINGS)
"""The pieces of an opening that the publisher adds up."""


async def open_update(fetcher: Fetcher, case: Case, keys: OpeningKeys) -> tuple[Any, list[int]]:
    """Return an accepted update, int32, and its row blindings, checked against its commitments.

    Raises:
        VerificationFailed: if it does not have its committed root.
        DecryptionFailed, ContentMismatch, MalformedData, PartAbsent: as ``Fetcher.opening_of``.
    """
    assert case.submission.commitment is not None
    opening = await fetcher.opening_of(case, keys, SUMMED_PIECES)
    opened = await trio.to_thread.run_sync(opening.read_update)
    openings = await trio.to_thread.run_sync(opening.read_openings)
    root = await trio.to_thread.run_sync(compute_number_root, opened)
    if root != case.submission.commitment.update_root:
        raise VerificationFailed("an accepted update does not have its committed root")
    file = await fetcher.file_of(case.task, case.submission)
    await run_heavy(check_opened, file, opened, openings)
    update = np.frombuffer(opened, "<i4").astype(np.int32)
    return update, [int.from_bytes(blinding, "big") for blinding in openings]


async def check_left_out(fetcher: Fetcher, case: Case, value: bytes) -> None:
    """Check that a part that a publisher left out cannot be read.

    ``value`` is ``s·H_update`` of its opening, empty where nothing is there to read with it.

    Raises:
        VerificationFailed: if it can be read, or the value is another one.
        WorldFault: if that cannot be checked now.
    """
    keys = OpeningKeys(None, None)
    if value:
        keys = OpeningKeys(None, read_update_value(case, value).derive_key(), value)
    try:
        if case.task.terms.scheme == Scheme.PAILLIER:
            await fetcher.file_of(case.task, case.submission)
        elif value:
            await open_update(fetcher, case, keys)
        else:
            await fetcher.opening_of(case, keys, ())
    except DecryptionFailed:
        if value:
            return
        # The manifest is there: who has its key must show what is wrong with it.
    except (PartAbsent, PeerFault):
        return
    raise VerificationFailed(
        f"submission {case.submission.id} was left out of the sum, though it may be read"
    )
