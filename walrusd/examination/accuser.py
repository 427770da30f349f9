"""Accuse a submission before a jury: one bond, one commitment to our finding."""

from collections.abc import Sequence

import trio

from walrusd.core.faults import Charge
from walrusd.core.lifecycle import CaseKind, is_disputed
from walrusd.core.protocol import VERDICT_FAULT, compute_challenge_id, compute_jury_commitment
from walrusd.core.secrets import derive_jury_salt
from walrusd.crypto.merkle import Tree
from walrusd.engine.tools import Tools
from walrusd.errors import NotAllowed
from walrusd.market.case import Case, read_cases
from walrusd.state.protection import Begun
from walrusd.training.run.replayed import Replayed, make_answer_without_replay
from walrusd.units import address_bytes


class Accuser:
    """Sends challenges, at most as many at once as the owner allows."""

    def __init__(self, tools: Tools, name: str) -> None:
        """Take the collaborators; ``name`` is the service's, for the journal."""
        self._tools = tools
        self._name = name
        self._turn = trio.Lock()

    async def accuse_of_segment(
        self, case: Case, replayed: Replayed, place: int, leaves: Sequence[bytes]
    ) -> None:
        """Accuse of a forged segment; ``place`` is where it was dealt to us.

        Raises:
            NotAllowed: if too many of our bonds are bound.
        """
        i = replayed.segment
        committee = case.task.terms.committee
        await self._accuse(
            case,
            Charge(CaseKind.SEGMENT, i),
            replayed,
            "the replay does not give the committed leaf",
            place=place,
            leaf=leaves[i],
            path=Tree(leaves).path(i),
            committed=leaves[i].hex(),
            replayed=replayed.leaf(case.ctx, committee).hex(),
            abort=replayed.abort,
        )

    async def accuse(self, case: Case, charge: Charge, reason: str) -> None:
        """Bring any other charge. Errors as ``accuse_of_segment``."""
        value = make_answer_without_replay(charge.index, VERDICT_FAULT)
        await self._accuse(case, charge, value, reason, place=0, leaf=b"", path=[])

    async def _accuse(
        self,
        case: Case,
        charge: Charge,
        value: Replayed,
        reason: str,
        *,
        place: int,
        leaf: bytes,
        path: list[bytes],
        **facts: object,
    ) -> None:
        tools, submission, terms = self._tools, case.submission, case.task.terms
        name = compute_challenge_id(
            address_bytes(submission.id), charge.kind, charge.index, round_=0
        )
        commitment = compute_jury_commitment(
            name,
            address_bytes(tools.address),
            value.chain,
            value.state_root,
            derive_jury_salt(tools.keys, name),
        )
        action = f"verdict:{submission.id}:{charge.index}"
        if charge.kind != CaseKind.SEGMENT:
            action = f"verdict:{submission.id}:{charge.identity}"
        # Counted and bound in one turn: two challenges at once would pass the same count.
        async with self._turn:
            await self._check_bonds(submission.id)
            with tools.database.transaction():
                tools.work.put("jury", name.hex(), value.to_json())
                if tools.protection.begin(action, b"forged" + commitment) is Begun.FRESH:
                    tools.journal.record(
                        submission.id,
                        self._name,
                        "challenged",
                        reason,
                        charge=str(charge),
                        bond=terms.accuser_bond,
                        **facts,
                    )
            await tools.contract.challenge(
                case.task.id,
                submission.id,
                kind=charge.kind,
                index=charge.index,
                place=place,
                leaf=leaf,
                path=path,
                commitment=commitment,
                bond=terms.accuser_bond,
            )
            tools.protection.done(action)

    async def _check_bonds(self, submission: str) -> None:
        tools = self._tools
        bound = [
            case.submission.id
            for case in await read_cases(tools)
            if is_disputed(case.submission.state)
            and case.submission.dispute is not None
            and case.submission.dispute.accuser == tools.address
            and case.submission.id != submission
        ]
        limit = tools.settings.verifier.max_bonds
        if len(bound) >= limit:
            raise NotAllowed(
                f"{len(bound)} bonds are already bound, and at most {limit} are allowed",
                hint="raise verifier.max_bonds, or wait until a jury has decided",
            )
