"""Accusations: how many of ours may be open at once."""

import copy
from dataclasses import replace
from pathlib import Path

import trio

from tests.support.market.bench import TASK, Network
from walrusd.core.faults import Charge
from walrusd.core.lifecycle import CaseKind, SubmissionState
from walrusd.errors import NotAllowed
from walrusd.examination.accuser import Accuser
from walrusd.examination.examine import Examination
from walrusd.market.case import Case
from walrusd.units import normalize_address

SECOND = normalize_address("0x5")


async def test_no_more_accusations_are_open_at_once_than_allowed(
    tmp_path: Path, autojump_clock
) -> None:
    net = Network()
    with net.daemon(tmp_path, "verifier") as opened:
        verifier = replace(opened.settings.verifier, max_bonds=1)
        tools = replace(opened, settings=replace(opened.settings, verifier=verifier))
        first = net.join("0x77", SubmissionState.OPENED)
        net.objects[SECOND] = second = replace(copy.deepcopy(first), id=SECOND)
        tools.chain_log.note("submission", SECOND, TASK)
        sent = []

        async def accept(_task, submission, _accused, **_claim):
            await trio.sleep(1)
            net.submission = net.objects[submission.id]
            net.dispute(tools.address, 0, [], CaseKind.FILE)
            sent.append(submission.id)

        tools.contract.accuse = accept
        accuser = Accuser(tools, "verifier")
        refused = []

        async def accuse(submission) -> None:
            case = Case(net.market, net.task, submission)
            try:
                await accuser.accuse(case, 0, Charge(CaseKind.FILE), Examination(), "it is bad")
            except NotAllowed as error:
                refused.append(error.message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accuse, copy.deepcopy(first))
            nursery.start_soon(accuse, copy.deepcopy(second))

    assert len(sent) == 1
    assert refused == ["1 of our accusations are open, and at most 1 are allowed"]
