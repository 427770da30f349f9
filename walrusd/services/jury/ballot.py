"""Find a juror's answer, from the opening's bytes on.

An answer is what a replay gives, or a word with a digest of the bytes judged: that nothing is
wrong, that there is a fault, or that what should be judged cannot be had. An opening that shows
nothing is a fault in a case of any kind.
"""

import hashlib

from walrusd.chain.layouts import objects as ob
from walrusd.core.faults import Charge
from walrusd.core.judging import ABSENT, Answer, list_judged_bytes, make_answer
from walrusd.core.lifecycle import CaseKind
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.core.pieces.names import list_segment_pieces
from walrusd.core.protocol import Word, compute_jury_commitment
from walrusd.core.secrets import derive_abstention, derive_jury_salt
from walrusd.engine.tools import Tools
from walrusd.errors import (
    FraudFound,
    OpeningUnusable,
    PartAbsent,
    SeatKeyLost,
    VerificationFailed,
)
from walrusd.examination.absence import can_read, check_complete
from walrusd.examination.examine import examine_charge, read_opening, read_task_plan, replay_opened
from walrusd.examination.replay import KeptReplays, Replayer
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import find_opening_keys
from walrusd.units import address_bytes


def charge_of_dispute(dispute: ob.Dispute) -> Charge:
    """Return what the jury of a case is asked."""
    return Charge(CaseKind(dispute.kind), dispute.index)


class Ballot:
    """Finds answers, keeps committed ones, and finds them again if local state was lost."""

    def __init__(self, tools: Tools, fetcher: Fetcher, user: str) -> None:
        """Take the collaborators; ``user`` names the service, whose files are separate."""
        self._tools = tools
        self._fetcher = fetcher
        self._replayer = Replayer(tools, user)
        self._replays = KeptReplays(tools, self._replayer, user)

    # --- answers --------------------------------------------------------------------------------

    async def find(self, case: Case, dispute: ob.Dispute) -> Answer:
        """Return our answer.

        Raises:
            PartAbsent: if something that must be judged is not there.
            SeatKeyLost: if our keystore does not open our envelope.
        """
        charge, keys = charge_of_dispute(dispute), find_opening_keys(self._tools, case)
        if keys is None and not charge.is_public:
            raise SeatKeyLost("the keystore does not open our envelope as a juror")
        async with self._replayer.turn:
            try:
                replayed = await self._judge(case, charge, keys)
            except (FraudFound, OpeningUnusable):
                return await self._say(Word.FAULT, case, dispute, keys)
            if replayed is not None:
                return replayed
            return await self._say(Word.SOUND, case, dispute, keys)

    async def _judge(self, case: Case, charge: Charge, keys: OpeningKeys | None) -> Answer | None:
        """Return what a replay gives, if the case is about a segment, else None if all is well.

        Raises:
            FraudFound, OpeningUnusable: if anything is wrong.
            PartAbsent: if something is not there.
        """
        if keys is not None and charge.kind == CaseKind.SEGMENT:
            plan = await read_task_plan(case, self._fetcher)
            wanted = list_segment_pieces([charge.index])
            opening = await read_opening(case, keys, self._fetcher, wanted)
            replayed = await replay_opened(
                case, plan, opening, charge.index, parts=self._fetcher, replays=self._replays
            )
            return Answer(replayed.chain, replayed.state_root)
        if keys is not None and charge.kind in (CaseKind.OPENING, CaseKind.ABSENCE):
            await check_complete(case, keys, self._fetcher)
            return None
        await examine_charge(case, charge, keys, self._fetcher, self._replays)
        return None

    async def _say(
        self, word: Word, case: Case, dispute: ob.Dispute, keys: OpeningKeys | None
    ) -> Answer:
        """Return a word about the bytes judged, all of which are read.

        Raises:
            PartAbsent: if some of them are not there: who has not read them does not judge.
        """
        judged = list_judged_bytes(
            CaseKind(dispute.kind),
            dispute.index,
            dealt=case.dealt_segments(),
            segments=case.segment_count,
            is_abort=case.submission.abort is not None,
        )
        state = hashlib.sha256(dispute.beacon)
        if judged.has_manifest:
            assert keys is not None, "only a verification file is judged without the opening"
            await self._fetcher.hash_opening(case, keys, judged.pieces, state)
        if judged.has_file:
            await self._fetcher.hash_file(case.task, case.submission, state)
        return make_answer(word, dispute.beacon, state.digest())

    async def find_late(self, case: Case, dispute: ob.Dispute) -> Answer:
        """Return our answer after waiting long enough: ABSENT if there is something missing.

        Raises:
            PartAbsent: if other blobs cannot be read either: then our network is at fault.
            SeatKeyLost: as ``find``.
        """
        try:
            return await self.find(case, dispute)
        except PartAbsent:
            if not await can_read(self._tools, case.task):
                raise
            return ABSENT

    # --- committed answers ----------------------------------------------------------------------

    def saved(self, challenge: bytes) -> Answer | None:
        """Return the answer that we have committed to, if it was not lost."""
        item = self._tools.work.get("jury", challenge.hex())
        return None if item is None else Answer.from_json(item)

    def save(self, challenge: bytes, answer: Answer) -> None:
        """Save the answer that we commit to."""
        self._tools.work.put("jury", challenge.hex(), answer.to_json())

    def abstention(self, challenge: bytes) -> Answer:
        """Return the answer that no one else can have."""
        return Answer(*derive_abstention(self._tools.keys, challenge))

    def compute_commitment(self, challenge: bytes, answer: Answer) -> bytes:
        """Return the commitment to an answer; its salt follows from the keystore."""
        return compute_jury_commitment(
            challenge,
            address_bytes(self._tools.address),
            answer.compute_value(challenge),
            derive_jury_salt(self._tools.keys, challenge),
        )

    async def recall(self, case: Case, dispute: ob.Dispute, commitment: bytes) -> Answer:
        """Return the answer that we have committed to, found again if local state was lost.

        Raises:
            VerificationFailed: if none of our answers fits the commitment.
            PartAbsent, SeatKeyLost: as ``find``.
        """
        challenge = dispute.challenge
        for answer in (self.saved(challenge), self.abstention(challenge), ABSENT):
            if answer is not None and self.compute_commitment(challenge, answer) == commitment:
                return answer
        answer = await self.find(case, dispute)
        if self.compute_commitment(challenge, answer) == commitment:
            self.save(challenge, answer)
            return answer
        raise VerificationFailed(
            "none of our answers opens our commitment before the jury",
            hint="local state was lost and the opening gives no such answer",
        )
