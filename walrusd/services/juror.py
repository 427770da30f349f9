"""Sit on juries, and see our own challenges through.

A juror replays the challenged segment without knowing anybody else's value, commits to what it
found, and reveals. The contract compares. Silence costs stake, so a juror that cannot replay in
time, for whatever reason, abstains: it commits to a value that nobody else can have, which
neither convicts nor acquits.
"""

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import ChallengeKind, DisputePhase, SubmissionState
from walrusd.core.protocol import compute_challenge_id, compute_jury_commitment
from walrusd.errors import VerificationFailed
from walrusd.services.derive import derive_abstention, derive_jury_salt
from walrusd.services.facts import Case, is_audit, read_cases
from walrusd.services.fetcher import Fetcher
from walrusd.services.holdings import find_opening_key, reseal_to, resealed_to
from walrusd.services.replayer import Replayed, Replayer, sweep_replays
from walrusd.services.service import Service
from walrusd.services.tools import Tools
from walrusd.state.protection import Begun
from walrusd.units import address_bytes

SHORTEST_RESERVE_MS = 10_000


def compute_reserve_ms(window_ms: int) -> int:
    """Return how long before the end of the commit window a juror without a value abstains."""
    return max(window_ms // 10, min(SHORTEST_RESERVE_MS, window_ms // 4))


class Juror(Service):
    """Serves jury seats, and reveals as the accuser."""

    name = "juror"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._replayer = Replayer(tools, fetcher, self.name)

    async def start(self) -> None:
        """Remove what a killed run has left."""
        sweep_replays(self.tools.work_dir, self.name)

    async def reconcile(self) -> None:
        """Look at every dispute that we have a part in."""
        for case in await read_cases(self.tools):
            dispute = case.submission.dispute
            if case.submission.state == SubmissionState.DISPUTED and dispute is not None:
                await self._serve(case, dispute)

    async def _serve(self, case: Case, dispute: ob.Dispute) -> None:
        """Take up every duty apart: what fails or takes long must not delay a reveal."""
        me, subject = self.tools.address, case.submission.id
        challenge = dispute.challenge.hex()
        if dispute.accuser == me and not dispute.accuser_chain and self._revealing(case, dispute):

            async def reveal_as_accuser() -> None:
                await self._reveal_as_accuser(case, dispute)

            await self.undertake(subject, reveal_as_accuser, part=f":accuser:{challenge}")
        for number, juror in enumerate(dispute.jurors):
            if juror.verifier == me:
                await self._serve_seat(case, dispute, number, juror)
            elif not juror.commitment and self._may_pass_on(case, dispute, juror):

                async def pass_on(juror: ob.Juror = juror) -> None:
                    await self._pass_on_key(case, juror)

                await self.undertake(subject, pass_on, part=f":reseal:{juror.verifier}")

    def _revealing(self, case: Case, dispute: ob.Dispute) -> bool:
        """Say whether the reveal window is open; the first reveal after the deadline opens it."""
        end = dispute.phase_ms + case.task.terms.jury_commit_ms
        return dispute.phase == DisputePhase.REVEALING or (
            dispute.phase == DisputePhase.COMMITTING and self.tools.clock.now_ms() >= end
        )

    # --- the opening's key ----------------------------------------------------------------------

    def _may_pass_on(self, case: Case, dispute: ob.Dispute, juror: ob.Juror) -> bool:
        """Say whether it is our turn to let a juror read the opening.

        The accuser's at once, or of an audit, which nobody has asked for, the contributor's. Other
        holders wait for a grace, and if that one has posted something, for half the window: it may
        be garbage, which only the juror can tell.
        """
        first = case.submission.contributor if is_audit(dispute) else dispute.accuser
        tools = self.tools
        if dispute.phase != DisputePhase.COMMITTING:
            return False
        if first == tools.address:
            return True
        grace_ms = round(tools.settings.timing.crank_grace_s * 1000)
        if first in resealed_to(tools, case.submission.id, juror.verifier):
            grace_ms = max(grace_ms, case.task.terms.jury_commit_ms // 2)
        return tools.clock.now_ms() >= dispute.phase_ms + grace_ms

    async def _pass_on_key(self, case: Case, juror: ob.Juror) -> None:
        key = find_opening_key(self.tools, case)
        if key is not None:
            await reseal_to(self.tools, case, juror.verifier, juror.key, key)

    # --- our seat -------------------------------------------------------------------------------

    async def _serve_seat(
        self, case: Case, dispute: ob.Dispute, number: int, juror: ob.Juror
    ) -> None:
        subject, part = case.submission.id, f":{dispute.challenge.hex()}:{number}"

        async def commit() -> None:
            await self._commit(case, dispute, number)

        async def abstain() -> None:
            await self._abstain(case, dispute, number)

        async def reveal() -> None:
            await self._reveal(case, dispute, number, juror)

        if not juror.commitment and dispute.phase == DisputePhase.COMMITTING:
            await self.undertake(subject, commit, part=f":commit{part}")
            window = case.task.terms.jury_commit_ms
            last = dispute.phase_ms + window - compute_reserve_ms(window)
            if self.tools.clock.now_ms() >= last:
                await self.undertake(subject, abstain, part=f":abstain{part}")
        elif juror.commitment and not juror.chain and self._revealing(case, dispute):
            await self.undertake(subject, reveal, part=f":reveal{part}")

    async def _commit(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        value = self._saved(dispute.challenge, dispute.index)
        if value is None:
            value = await self._replay(case, dispute)
            if value is None:
                return  # nobody has sealed it to us yet; the bell rings when somebody does
        # Meanwhile we may have abstained; what is said is said.
        value = self._saved(dispute.challenge, dispute.index) or value
        reason = "replayed the challenged segment as a juror"
        await self._send_commitment(case, dispute, number, value, reason)

    async def _abstain(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        value = self._saved(dispute.challenge, dispute.index)
        reason = "replayed the challenged segment as a juror"
        if value is None:
            chain, root = derive_abstention(self.tools.keys, dispute.challenge)
            value = Replayed(dispute.index, chain, root, ())
            reason = "abstained: no replay was possible in time, and silence costs stake"
        await self._send_commitment(case, dispute, number, value, reason)

    async def _send_commitment(
        self, case: Case, dispute: ob.Dispute, number: int, value: Replayed, reason: str
    ) -> None:
        tools, challenge = self.tools, dispute.challenge
        commitment = self._compute_commitment(challenge, value)
        with tools.database.transaction():
            begun = tools.protection.begin(f"jury:{challenge.hex()}", commitment)
            tools.work.put("jury", challenge.hex(), value.to_json())
            if begun is Begun.FRESH:
                tools.journal.record(
                    case.submission.id, self.name, "committed", reason, segment=dispute.index
                )
        await tools.contract.jury_commit(
            case.task.id,
            case.submission.id,
            juror=number,
            challenge=challenge,
            commitment=commitment,
        )

    async def _reveal(self, case: Case, dispute: ob.Dispute, number: int, juror: ob.Juror) -> None:
        value = await self._recall(case, dispute, dispute.challenge, juror.commitment)
        await self.tools.contract.jury_reveal(
            case.task.id,
            case.submission.id,
            juror=number,
            challenge=dispute.challenge,
            chain=value.chain,
            state_root=value.state_root,
            salt=derive_jury_salt(self.tools.keys, dispute.challenge),
        )

    async def _reveal_as_accuser(self, case: Case, dispute: ob.Dispute) -> None:
        submission = address_bytes(case.submission.id)
        # The accuser committed once, in round 0; a second jury changes nothing about that.
        name = compute_challenge_id(
            submission, ChallengeKind(dispute.kind), dispute.index, round_=0
        )
        value = await self._recall(case, dispute, name, dispute.accuser_commitment)
        await self.tools.contract.accuser_reveal(
            case.task.id,
            case.submission.id,
            challenge=name,
            chain=value.chain,
            state_root=value.state_root,
            salt=derive_jury_salt(self.tools.keys, name),
        )

    # --- values ---------------------------------------------------------------------------------

    def _saved(self, challenge: bytes, segment: int) -> Replayed | None:
        item = self.tools.work.get("jury", challenge.hex())
        return None if item is None else Replayed.from_json(segment, item)

    def _compute_commitment(self, challenge: bytes, value: Replayed) -> bytes:
        return compute_jury_commitment(
            challenge,
            address_bytes(self.tools.address),
            value.chain,
            value.state_root,
            derive_jury_salt(self.tools.keys, challenge),
        )

    async def _replay(self, case: Case, dispute: ob.Dispute) -> Replayed | None:
        """Replay the challenged segment; None if we do not hold the opening's key.

        Raises:
            VerificationFailed: if the opening does not hold what the replay takes, for instance
                because nobody was dealt the segment.
        """
        key = find_opening_key(self.tools, case)
        if key is None:
            return None
        async with self._replayer.turn:
            verified = await self._replayer.open(case, key)
            found = await self._replayer.replay(case, verified.opening, [dispute.index])
        return found[dispute.index]

    async def _recall(
        self, case: Case, dispute: ob.Dispute, challenge: bytes, commitment: bytes
    ) -> Replayed:
        """Return the value that we have committed to, found again if local state was lost.

        Raises:
            VerificationFailed: if no value of ours fits the commitment.
        """
        chain, root = derive_abstention(self.tools.keys, challenge)
        candidates = [
            self._saved(challenge, dispute.index),
            Replayed(dispute.index, chain, root, ()),
        ]
        for value in candidates:
            if value is not None and self._compute_commitment(challenge, value) == commitment:
                return value
        value = await self._replay(case, dispute)
        if value is not None and self._compute_commitment(challenge, value) == commitment:
            self.tools.work.put("jury", challenge.hex(), value.to_json())
            return value
        raise VerificationFailed(
            "our commitment before the jury cannot be opened with any value of ours",
            hint="local state was lost and the replay gives no such value",
        )
