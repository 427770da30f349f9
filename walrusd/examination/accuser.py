"""Accuse a submission before a jury, as a seat of its committee: its stake is the bond."""

import trio

from walrusd.chain.calls.jury import Accused
from walrusd.core.faults import Charge
from walrusd.core.lifecycle import CaseKind, is_disputed
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.crypto.merkle import Tree
from walrusd.engine.tools import Tools
from walrusd.errors import NotAllowed
from walrusd.examination.examine import Examination
from walrusd.market.case import Case, read_cases
from walrusd.state.protection import Begun


class Accuser:
    """Sends accusations, at most as many at once as the owner allows."""

    def __init__(self, tools: Tools, name: str) -> None:
        """Take the collaborators; ``name`` is the service's, for the journal."""
        self._tools = tools
        self._name = name
        self._turn = trio.Lock()

    async def accuse(
        self, case: Case, place: int, charge: Charge, found: Examination, reason: str
    ) -> None:
        """Accuse as the seat at ``place``; a segment is one that was dealt to it.

        Raises:
            NotAllowed: if too many of our accusations are open.
        """
        tools, submission = self._tools, case.submission
        accused = _describe(case, place, charge, found)
        # An attested segment and an accused one are of one record: a seat says only one of both.
        named = str(charge.index) if charge.kind == CaseKind.SEGMENT else charge.identity
        action = f"verdict:{submission.id}:{named}"
        # Counted and opened in one turn: two accusations at once would pass the same count.
        async with self._turn:
            await self._check_open_cases(submission.id)
            with tools.database.transaction():
                if tools.protection.begin(action, b"forged") is Begun.FRESH:
                    tools.journal.record(
                        submission.id,
                        self._name,
                        "accused",
                        reason,
                        charge=str(charge),
                        leaf=accused.leaf.hex(),
                    )
            await tools.contract.accuse(
                case.task.id, submission, accused, seat=place, program_root=PROGRAM_ROOT
            )
            tools.protection.done(action)

    async def _check_open_cases(self, submission: str) -> None:
        tools = self._tools
        opened = [
            case.submission.id
            for case in await read_cases(tools)
            if is_disputed(case.submission.state)
            and case.submission.dispute is not None
            and case.submission.dispute.accuser == tools.address
            and case.submission.id != submission
        ]
        limit = tools.settings.verifier.max_bonds
        if len(opened) >= limit:
            raise NotAllowed(
                f"{len(opened)} of our accusations are open, and at most {limit} are allowed",
                hint="raise verifier.max_bonds, or wait until a jury has decided",
            )


def _describe(case: Case, place: int, charge: Charge, found: Examination) -> Accused:
    if charge.kind != CaseKind.SEGMENT:
        return Accused(charge.kind, charge.index)
    assert found.opening is not None, "a forged segment was compared with its leaf"
    leaves = found.opening.leaves
    return Accused(
        charge.kind,
        charge.index,
        position=case.segments_of(place).index(charge.index),
        leaf=leaves[charge.index],
        path=tuple(Tree(leaves).path(charge.index)),
    )
