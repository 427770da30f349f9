"""What digests alone do not show, the audit does: at its stated rate, and not by chance alone."""

from pathlib import Path

import pytest

from tests.attacks import contributors as co
from tests.attacks import seats
from tests.attacks import trainings as tr
from tests.attacks.stage import open_stage
from tests.contract.market import Bazaar
from tests.contract.world import aborts
from walrusd.chain.layouts import events as ev
from walrusd.core.lifecycle import CaseOutcome
from walrusd.core.protocol import compute_audit_sample
from walrusd.crypto.tags import Tag, hash_tagged, u64


@pytest.mark.slow
async def test_bribed_seats_are_found_by_the_audit(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        loot = tr.Loot()
        await stage.add_contributor(
            "bribed-seats",
            training=lambda: tr.Sharing(loot, tr.SkipTraining()),
            seats={0: seats.attest_for_money(loot), 1: seats.attest_for_money(loot)},
        )
        await stage.open_task(audit_bps=10_000)
        await stage.play()
        await stage.check()
        flows = stage.flows[stage.submission_of("bribed-seats")]
        ((task, _submissions),) = await stage.look()
        assert sorted(flows.penalties.values()) == [task.terms.verifier_stake]
        (resolved,) = stage.events(ev.CaseResolved)
        assert resolved.outcome == CaseOutcome.CONFIRMED


@pytest.mark.slow
async def test_an_audit_that_is_shunned_counts_as_lost(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        loot = tr.Loot()
        await stage.add_contributor(
            "withheld-leaf",
            training=lambda: tr.Sharing(loot, tr.SkipTraining()),
            build=co.shun_audit(),
            seats={0: seats.attest_for_money(loot), 1: seats.attest_for_money(loot)},
        )
        await stage.open_task(audit_bps=10_000)
        await stage.play()
        await stage.check()
        assert not stage.events(ev.CaseOpened)


@pytest.mark.slow
async def test_an_audit_without_a_key_counts_as_lost(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        loot = tr.Loot()
        ring = await stage.add_contributor(
            "withheld-audit",
            training=lambda: tr.Sharing(loot, tr.SkipTraining()),
            build=co.keep_key(),
            seats={0: seats.attest_for_money(loot), 1: seats.attest_for_money(loot)},
        )
        stage.casting.keepers.add(ring.address)
        task = await stage.open_task(audit_bps=10_000)
        await stage.play()
        await stage.check()
        submission = stage.submission_of("withheld-audit")
        penalties = stage.flows[submission].penalties
        silence = 10 * (await stage.observer.task(task))[0].terms.verifier_fee
        (seated,) = stage.events(ev.CommitteeSeated, submission=submission)
        # Once for each jury: both seats held the key that no juror got.
        assert penalties == dict.fromkeys(seated.verifiers[:2], 2 * silence)
        assert len(stage.events(ev.CaseDropped, submission=submission)) == 2
        assert len(stage.events(ev.SubmissionOpened, submission=submission)) == 2


def test_the_lot_of_an_audit_falls_once() -> None:
    m = Bazaar()
    (submission,) = m.opened(1)
    m.attest_all(submission)
    m.draw_audit(submission, selected=False)
    with aborts("submission.EWrongState"):
        m.draw_audit(submission)


@pytest.mark.parametrize("bps", [0, 101, 1_000, 5_000, 10_000])
def test_the_lot_falls_at_its_stated_rate_and_evenly(bps: int) -> None:
    trials, places = 20_000, 6
    lots = [
        compute_audit_sample(hash_tagged(Tag.SEED, u64(n)), bytes(32), 0, bps, places)
        for n in range(trials)
    ]
    selected = [lot.place for lot in lots if lot.is_selected]
    rate = bps / 10_000
    # Six standard deviations: a fair lot fails one such test in a billion.
    assert abs(len(selected) - trials * rate) <= 6 * (trials * rate * (1 - rate)) ** 0.5
    share = len(selected) / places
    for place in range(places):
        assert abs(selected.count(place) - share) <= 6 * max(share, 1) ** 0.5
