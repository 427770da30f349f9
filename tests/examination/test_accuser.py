"""Challenges: how many bonds of ours may be bound at once."""

import copy
from dataclasses import replace
from pathlib import Path

import trio

from tests.support.market.bench import TASK, Network
from walrusd.core.faults import Charge
from walrusd.core.lifecycle import ChallengeKind, SubmissionState
from walrusd.errors import NotAllowed
from walrusd.examination.accuser import Accuser
from walrusd.market.case import Case
from walrusd.units import normalize_address

SECOND = normalize_address("0x5")


async def test_two_challenges_at_once_do_not_bind_more_bonds_than_allowed(
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

        async def bind(_task, submission, **_claim):
            await trio.sleep(1)
            net.submission = net.objects[submission]
            net.dispute(tools.address, 0, [], ChallengeKind.FILE)
            sent.append(submission)

        tools.contract.challenge = bind
        accuser = Accuser(tools, "verifier")
        refused = []

        async def accuse(submission) -> None:
            case = Case(net.market, net.task, submission)
            try:
                await accuser.accuse(case, Charge(ChallengeKind.FILE), "it does not hold")
            except NotAllowed as error:
                refused.append(error.message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accuse, copy.deepcopy(first))
            nursery.start_soon(accuse, copy.deepcopy(second))

    assert len(sent) == 1
    assert refused == ["1 bonds are already bound, and at most 1 are allowed"]
