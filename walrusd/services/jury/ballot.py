"""Find a juror's value, from the opening's bytes on.

A value is what a replay gives, or a word: that there is a fault, or that nothing is wrong. A
missing opening is a fault only where the one who withholds it would gain by it: in a claim that it
is unavailable, and in an audit, whose jury can get the key from no one else.
"""

from contextlib import suppress

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.faults import Charge, charge_of, is_audit, may_find_withheld
from walrusd.core.lifecycle import CaseKind
from walrusd.core.pieces.names import list_segment_pieces
from walrusd.core.protocol import VERDICT_FAULT, VERDICT_SOUND, compute_jury_commitment
from walrusd.core.secrets import derive_abstention, derive_jury_salt
from walrusd.engine.tools import Tools
from walrusd.errors import (
    FraudFound,
    MalformedData,
    OpeningUnusable,
    PartAbsent,
    VerificationFailed,
)
from walrusd.examination.absence import can_read, check_complete
from walrusd.examination.checks import check_inputs
from walrusd.examination.examine import examine_charge, read_opening, read_task_plan, replay_opened
from walrusd.examination.replay import Replayer
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import (
    check_seat_key,
    find_opening_key,
    find_opening_keys,
    share_opening_key,
)
from walrusd.training.run.replayed import Replayed, make_answer_without_replay
from walrusd.units import address_bytes


def charge_of_dispute(dispute: ob.Dispute) -> Charge:
    """Return the charge of a dispute."""
    return Charge(CaseKind(dispute.kind), dispute.index)


def may_be_withheld(dispute: ob.Dispute) -> bool:
    """Return whether a jury may find that the opening was withheld."""
    return may_find_withheld(CaseKind(dispute.kind), has_accuser=not is_audit(dispute.accuser))


class Ballot:
    """Finds values, stores committed ones, and finds them again if local state was lost."""

    def __init__(self, tools: Tools, fetcher: Fetcher, user: str) -> None:
        """Take the collaborators; ``user`` names the service, whose files are separate."""
        self._tools = tools
        self._fetcher = fetcher
        self._replayer = Replayer(tools, user)
        self._read: set[bytes] = set()

    # --- values ---------------------------------------------------------------------------------

    async def find(self, case: Case, dispute: ob.Dispute) -> Replayed | None:
        """Return our value; None if it needs the opening's key and we do not hold it.

        Raises:
            OpeningUnusable: if the opening does not show it.
            PartAbsent: if the opening or the verification file is not there.
        """
        charge, keys = charge_of_dispute(dispute), find_opening_keys(self._tools, case)
        if keys is None and not charge.is_public:
            return None
        async with self._replayer.turn:
            if keys is not None and charge.kind == CaseKind.SEGMENT:
                plan = await read_task_plan(case, self._fetcher)
                wanted = list_segment_pieces([charge.index])
                opening = await read_opening(case, keys, self._fetcher, wanted)
                return await replay_opened(
                    case, plan, opening, charge.index, parts=self._fetcher, replays=self._replayer
                )
            if keys is not None and charge.kind == CaseKind.ABSENCE:
                await check_complete(case, keys, self._fetcher)
                await self._let_accuser_read(case, dispute)
                return make_answer_without_replay(charge.index, VERDICT_SOUND)
            try:
                await examine_charge(case, charge, keys, self._fetcher, self._replayer)
            except FraudFound as error:
                if charge_of(error) != charge:
                    raise  # another fraud prevents an answer to the charge
                return make_answer_without_replay(charge.index, VERDICT_FAULT)
            return make_answer_without_replay(charge.index, VERDICT_SOUND)

    async def check_once_more(
        self, case: Case, dispute: ob.Dispute, registered: bytes
    ) -> Replayed | None:
        """Return our value after waiting long enough: a fault if the opening is unavailable.

        None if the segment can be replayed: then only the replay decides. ``registered`` is the
        encryption key that our seat has.

        Raises:
            PartAbsent: if other blobs cannot be read either: then our network is at fault.
            SeatKeyLost: if we could not have opened any envelope.
        """
        check_seat_key(self._tools, registered)
        fault = make_answer_without_replay(dispute.index, VERDICT_FAULT)
        try:
            if dispute.kind != CaseKind.SEGMENT:
                return await self.find(case, dispute) or fault
            return None if await self._can_replay(case, dispute) else fault
        except OpeningUnusable:
            return fault
        except PartAbsent:
            if not await can_read(self._tools, case.task):
                raise
            return fault

    async def _can_replay(self, case: Case, dispute: ob.Dispute) -> bool:
        """Return whether we hold the key; the opening must have all that the replay reads."""
        keys = find_opening_keys(self._tools, case)
        if keys is None:
            return False
        if dispute.challenge not in self._read:
            async with self._replayer.turn:
                plan = await read_task_plan(case, self._fetcher)
                wanted = list_segment_pieces([dispute.index])
                opening = await read_opening(case, keys, self._fetcher, wanted)
                await trio.to_thread.run_sync(check_inputs, case, plan, opening, [dispute.index])
            self._read.add(dispute.challenge)
        return True

    async def _let_accuser_read(self, case: Case, dispute: ob.Dispute) -> None:
        """Send the key to a seat that says it cannot read what we can.

        A contributor that serves jurors and not its committee would make honest seats look silent.
        """
        seat, key = case.seat_of(dispute.accuser), find_opening_key(self._tools, case)
        if seat is not None and key is not None:
            public_key = case.submission.committee[seat].key
            with suppress(MalformedData):  # its encryption key is unusable: its own fault
                await share_opening_key(self._tools, case, dispute.accuser, public_key, key)

    # --- committed values -----------------------------------------------------------------------

    def saved(self, challenge: bytes, index: int) -> Replayed | None:
        """Return the value that we have committed to, if it was not lost."""
        item = self._tools.work.get("jury", challenge.hex())
        return None if item is None else Replayed.from_json(index, item)

    def save(self, challenge: bytes, value: Replayed) -> None:
        """Save the value that we commit to."""
        self._tools.work.put("jury", challenge.hex(), value.to_json())

    def abstention(self, dispute: ob.Dispute) -> Replayed:
        """Return the value that no one else can have."""
        chain, root = derive_abstention(self._tools.keys, dispute.challenge)
        return Replayed(dispute.index, chain, root, None)

    def compute_commitment(self, challenge: bytes, value: Replayed) -> bytes:
        """Return the commitment to a value."""
        return compute_jury_commitment(
            challenge,
            address_bytes(self._tools.address),
            value.chain,
            value.state_root,
            derive_jury_salt(self._tools.keys, challenge),
        )

    async def recall(
        self, case: Case, dispute: ob.Dispute, challenge: bytes, commitment: bytes
    ) -> Replayed:
        """Return the value that we have committed to, found again if local state was lost.

        Raises:
            VerificationFailed: if none of our values fits the commitment.
        """
        chain, root = derive_abstention(self._tools.keys, challenge)
        candidates = [
            self.saved(challenge, dispute.index),
            Replayed(dispute.index, chain, root, None),
            make_answer_without_replay(dispute.index, VERDICT_FAULT),
            make_answer_without_replay(dispute.index, VERDICT_SOUND),
        ]
        for value in candidates:
            if value is not None and self.compute_commitment(challenge, value) == commitment:
                return value
        value = await self.find(case, dispute)
        if value is not None and self.compute_commitment(challenge, value) == commitment:
            self.save(challenge, value)
            return value
        raise VerificationFailed(
            "none of our values opens our commitment before the jury",
            hint="local state was lost and the replay gives no such value",
        )
