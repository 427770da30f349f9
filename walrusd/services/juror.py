"""Sit on juries, and see our own challenges through.

A juror replays the challenged segment without knowing anybody else's value, commits to what it
found, and reveals. The contract compares.
"""

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import DisputePhase, SubmissionState
from walrusd.core.protocol import compute_challenge_id, compute_jury_commitment
from walrusd.services.derive import derive_jury_salt
from walrusd.services.facts import Case, read_cases
from walrusd.services.fetcher import Fetcher
from walrusd.services.holdings import find_opening_key, reseal_to
from walrusd.services.replayer import Replayer
from walrusd.services.service import Service
from walrusd.services.tools import Tools
from walrusd.units import address_bytes


class Juror(Service):
    """Serves jury seats, and reveals as the accuser."""

    name = "juror"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._replayer = Replayer(tools, fetcher)

    async def reconcile(self) -> None:
        """Look at every dispute that we have a part in."""
        for case in await read_cases(self.tools):
            dispute = case.submission.dispute
            if case.submission.state == SubmissionState.DISPUTED and dispute is not None:

                async def serve(case: Case = case, dispute: ob.Dispute = dispute) -> None:
                    await self._serve(case, dispute)

                await self.attempt(case.submission.id, serve)

    async def _serve(self, case: Case, dispute: ob.Dispute) -> None:
        me = self.tools.address
        if dispute.phase >= DisputePhase.COMMITTING:
            await self._pass_on_key(case, dispute)
        if dispute.accuser == me and not dispute.accuser_chain:
            await self._reveal_as_accuser(case, dispute)
        for number, juror in enumerate(dispute.jurors):
            if juror.verifier == me:
                await self._serve_seat(case, dispute, number, juror)

    async def _pass_on_key(self, case: Case, dispute: ob.Dispute) -> None:
        """Let the jurors read the opening: the accuser at once, other holders after a grace."""
        tools = self.tools
        grace_ms = round(tools.settings.timing.crank_grace_s * 1000)
        mine = dispute.accuser == tools.address
        if not mine and tools.clock.now_ms() < dispute.phase_ms + grace_ms:
            return
        key = find_opening_key(tools, case)
        if key is None:
            return
        for juror in dispute.jurors:
            if juror.verifier != tools.address:
                await reseal_to(tools, case, juror.verifier, juror.key, key)

    def _revealing(self, case: Case, dispute: ob.Dispute) -> bool:
        """Say whether the reveal window is open; the first reveal after the deadline opens it."""
        end = dispute.phase_ms + case.task.terms.jury_commit_ms
        return dispute.phase == DisputePhase.REVEALING or (
            dispute.phase == DisputePhase.COMMITTING and self.tools.clock.now_ms() >= end
        )

    async def _reveal_as_accuser(self, case: Case, dispute: ob.Dispute) -> None:
        if not self._revealing(case, dispute):
            return
        submission = address_bytes(case.submission.id)
        name = compute_challenge_id(submission, dispute.kind, dispute.index, round_=0)
        item = self.tools.work.get("jury", name.hex())
        if item is None:
            raise AssertionError("we accused without a value")
        await self.tools.contract.accuser_reveal(
            case.task.id,
            case.submission.id,
            challenge=name,
            chain=bytes.fromhex(item["chain"]),
            state_root=bytes.fromhex(item["state_root"]),
            salt=derive_jury_salt(self.tools.keys, name),
        )

    async def _serve_seat(
        self, case: Case, dispute: ob.Dispute, number: int, juror: ob.Juror
    ) -> None:
        if not juror.commitment and dispute.phase == DisputePhase.COMMITTING:
            await self._commit(case, dispute, number)
        elif juror.commitment and not juror.chain and self._revealing(case, dispute):
            await self._reveal(case, dispute, number)

    async def _commit(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        tools, challenge = self.tools, dispute.challenge
        item = tools.work.get("jury", challenge.hex())
        if item is None:
            key = find_opening_key(tools, case)
            if key is None:
                return  # nobody has sealed it to us yet; the bell rings when somebody does
            verified = await self._replayer.open(case, key)
            found = await self._replayer.replay(case, verified.opening, [dispute.index])
            value = found[dispute.index]
            item = {"chain": value.chain.hex(), "state_root": value.state_root.hex()}
        commitment = compute_jury_commitment(
            challenge,
            address_bytes(tools.address),
            bytes.fromhex(item["chain"]),
            bytes.fromhex(item["state_root"]),
            derive_jury_salt(tools.keys, challenge),
        )
        with tools.database.transaction():
            tools.protection.begin(f"jury:{challenge.hex()}", commitment)
            tools.work.put("jury", challenge.hex(), item)
            tools.journal.record(
                case.submission.id,
                self.name,
                "committed",
                "replayed the challenged segment as a juror",
                segment=dispute.index,
            )
        await tools.contract.jury_commit(
            case.task.id,
            case.submission.id,
            juror=number,
            challenge=challenge,
            commitment=commitment,
        )

    async def _reveal(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        item = self.tools.work.get("jury", dispute.challenge.hex())
        if item is None:
            raise AssertionError("we committed without a value")
        await self.tools.contract.jury_reveal(
            case.task.id,
            case.submission.id,
            juror=number,
            challenge=dispute.challenge,
            chain=bytes.fromhex(item["chain"]),
            state_root=bytes.fromhex(item["state_root"]),
            salt=derive_jury_salt(self.tools.keys, dispute.challenge),
        )
        self.tools.protection.done(f"jury:{dispute.challenge.hex()}")
