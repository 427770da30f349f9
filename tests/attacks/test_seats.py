"""Seats of a committee that do not replay, or say what is not true."""

from pathlib import Path

import pytest

from tests.attacks import seats
from tests.attacks.stage import open_stage
from walrusd.chain.layouts import events as ev


@pytest.mark.slow
async def test_seats_that_do_not_replay_are_replaced(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.add_contributor("lazy-verifier", seats={0: seats.attest_unseen})
        await stage.add_contributor("copycat-verifier", seats={1: seats.copy_digests})
        # Three segments a seat: two of them are dealt to both seats.
        await stage.open_task(segments_per_seat=3, audit_bps=25)
        await stage.play()
        await stage.check()
        for name in ("lazy-verifier", "copycat-verifier"):
            submission = stage.submission_of(name)
            tried = [why for refused, why in stage.casting.refused if refused == submission]
            assert len(tried) >= 2
            assert all("EWrongDigest" in why for why in tried)
            assert len(stage.events(ev.SeatReplaced, submission=submission)) == 1
