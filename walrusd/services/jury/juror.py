"""Sit on juries, and see our own challenges through.

A juror examines what is challenged without knowing any other value, commits to what it found,
and reveals. The contract compares. Silence costs stake, so a juror that cannot tell in time, for
whatever reason, abstains: it commits to a value that no one else can have, which neither convicts
nor acquits.
"""

from collections.abc import Iterator
from functools import partial

from walrusd.chain.layouts import objects as ob
from walrusd.core.duties import Duty, Party
from walrusd.core.lifecycle import CaseKind, is_disputed
from walrusd.core.protocol import VERDICT_FAULT, compute_challenge_id
from walrusd.core.secrets import derive_jury_salt
from walrusd.engine.service import Action, Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.examination.replay import sweep_replays
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.services.jury.ballot import Ballot, charge_of_dispute, may_be_withheld
from walrusd.state.protection import Begun
from walrusd.training.run.replayed import Replayed
from walrusd.units import address_bytes

SHORTEST_RESERVE_MS = 10_000


def compute_reserve_ms(window_ms: int) -> int:
    """Return how long before the end of the commit window a juror without a value abstains."""
    return max(window_ms // 10, min(SHORTEST_RESERVE_MS, window_ms // 4))


def compute_wait_ms(window_ms: int) -> int:
    """Return how long a juror waits for an opening before it votes that there is none.

    Three quarters of the window, but long enough before abstaining to check once more.
    """
    return min(3 * window_ms // 4, window_ms - 2 * compute_reserve_ms(window_ms))


class Juror(Service):
    """Serves jury seats, and reveals as the accuser."""

    name = "juror"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._ballot = Ballot(tools, fetcher, self.name)

    async def start(self) -> None:
        """Remove the files of a killed run."""
        sweep_replays(self.tools.files, self.name)

    async def list_due(self) -> Attempts:
        """Serve every dispute that we have a part in."""
        for case in await read_cases(self.tools):
            dispute = case.submission.dispute
            if is_disputed(case.submission.state) and dispute is not None:
                for due in self._list_due_about(case, dispute):
                    yield due

    def _list_due_about(self, case: Case, dispute: ob.Dispute) -> Iterator[Attempt]:
        """Yield every duty separately: a slow or failing one must not delay a reveal."""
        me, subject = self.tools.address, case.submission.id
        challenge = dispute.challenge.hex()
        due = case.list_duties(Party.ACCUSER, self.tools.clock.now_ms())
        if dispute.accuser == me and not dispute.accuser_chain and Duty.REVEAL in due:
            reveal = partial(self._reveal_as_accuser, case, dispute)
            yield Attempt(subject, reveal, f":accuser:{challenge}", in_background=True)
        for number, juror in enumerate(dispute.jurors):
            if juror.verifier == me:
                yield from self._list_due_of_seat(case, dispute, number, juror)

    # --- our seat -------------------------------------------------------------------------------

    def _list_due_of_seat(
        self, case: Case, dispute: ob.Dispute, number: int, juror: ob.Juror
    ) -> Iterator[Attempt]:
        def attempt(what: str, action: Action) -> Attempt:
            part = f":{what}:{dispute.challenge.hex()}:{number}"
            return Attempt(case.submission.id, action, part, in_background=True)

        due = case.list_duties(Party.JUROR, self.tools.clock.now_ms())
        if not juror.commitment and Duty.VOTE in due:
            yield attempt("commit", partial(self._commit, case, dispute, number))
            window, waited = case.task.terms.jury_commit_ms, self._waited_ms(dispute)
            if may_be_withheld(dispute) and waited >= compute_wait_ms(window):
                # Separate from earlier attempts, whose next retry may come too late.
                yield attempt("miss", partial(self._vote_unavailable, case, dispute, number))
            if waited >= window - compute_reserve_ms(window):
                yield attempt("abstain", partial(self._abstain, case, dispute, number))
        elif juror.commitment and not juror.chain and Duty.REVEAL in due:
            yield attempt("reveal", partial(self._reveal, case, dispute, number, juror))

    def _waited_ms(self, dispute: ob.Dispute) -> int:
        return self.tools.clock.now_ms() - dispute.phase_ms

    async def _commit(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        value = self._ballot.saved(dispute.challenge, dispute.index)
        if value is None:
            value = await self._ballot.find(case, dispute)
            if value is None:
                return  # no one has sent us the key yet; its event will wake us
        await self._commit_value(case, dispute, number, value)

    async def _vote_unavailable(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        """Check the opening a last time, and vote that it is unavailable if it is."""
        value = self._ballot.saved(dispute.challenge, dispute.index)
        if value is None:
            key = dispute.jurors[number].key
            value = await self._ballot.check_once_more(case, dispute, key)
            if value is None:
                return  # it can be replayed, so the replay decides
        await self._commit_value(case, dispute, number, value)

    async def _abstain(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        value = self._ballot.saved(dispute.challenge, dispute.index)
        if value is not None:
            await self._commit_value(case, dispute, number, value)
            return
        await self._send_commitment(
            case,
            dispute,
            number,
            self._ballot.abstention(dispute),
            "abstained: no value was found in time, and silence costs stake",
        )

    async def _commit_value(
        self, case: Case, dispute: ob.Dispute, number: int, value: Replayed
    ) -> None:
        # Meanwhile we may have abstained, and a juror commits once.
        value = self._ballot.saved(dispute.challenge, dispute.index) or value
        charge = charge_of_dispute(dispute)
        reason = f"examined {charge} as a juror"
        if charge.kind == CaseKind.SEGMENT:
            reason = f"replayed segment {charge.index} as a juror"
            if value.chain == VERDICT_FAULT:
                reason = f"the opening was withheld from the audit of segment {charge.index}"
        await self._send_commitment(case, dispute, number, value, reason)

    async def _send_commitment(
        self, case: Case, dispute: ob.Dispute, number: int, value: Replayed, reason: str
    ) -> None:
        tools, challenge = self.tools, dispute.challenge
        commitment = self._ballot.compute_commitment(challenge, value)
        with tools.database.transaction():
            begun = tools.protection.begin(f"jury:{challenge.hex()}", commitment)
            self._ballot.save(challenge, value)
            if begun is Begun.FRESH:
                tools.journal.record(
                    case.submission.id,
                    self.name,
                    "committed",
                    reason,
                    charge=str(charge_of_dispute(dispute)),
                )
        await tools.contract.jury_commit(
            case.task.id,
            case.submission.id,
            juror=number,
            challenge=challenge,
            commitment=commitment,
        )

    async def _reveal(self, case: Case, dispute: ob.Dispute, number: int, juror: ob.Juror) -> None:
        value = await self._ballot.recall(case, dispute, dispute.challenge, juror.commitment)
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
            submission, CaseKind(dispute.kind), dispute.index, round_=0
        )
        value = await self._ballot.recall(case, dispute, name, dispute.accuser_commitment)
        await self.tools.contract.accuser_reveal(
            case.task.id,
            case.submission.id,
            challenge=name,
            chain=value.chain,
            state_root=value.state_root,
            salt=derive_jury_salt(self.tools.keys, name),
        )
