"""Sit on juries.

A juror examines what is accused without knowing any other answer, commits to what it found,
reveals, and tells what the majority's value hides. The contract compares. Silence costs stake, so a
juror that cannot tell in time, for whatever reason, abstains: it commits to a value that no one
else can have, which neither convicts nor acquits.
"""

from collections.abc import Iterator
from functools import partial

from walrusd.chain.layouts import objects as ob
from walrusd.core.aborts import is_abort
from walrusd.core.duties import Duty, Party
from walrusd.core.judging import ABSENT, Answer
from walrusd.core.lifecycle import CaseKind, is_disputed
from walrusd.core.secrets import derive_jury_salt
from walrusd.engine.service import Action, Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import MoveAborted
from walrusd.examination.checks import check_program
from walrusd.examination.replay import sweep_replays
from walrusd.market.case import Case, find_majority, find_resolvable_ms, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.services.jury.ballot import Ballot, charge_of_dispute
from walrusd.state.protection import Begun

SHORTEST_RESERVE_MS = 10_000
TELLING_PARTS = 2
"""All jurors of the majority have had their turn to tell within one part in so many of the time."""


def compute_reserve_ms(window_ms: int) -> int:
    """Return how long before the end of the commit window a juror without an answer abstains."""
    return max(window_ms // 10, min(SHORTEST_RESERVE_MS, window_ms // 4))


def compute_wait_ms(window_ms: int) -> int:
    """Return how long a juror waits for an opening before it votes that there is none.

    Three quarters of the window, but long enough before abstaining to check once more.
    """
    return min(3 * window_ms // 4, window_ms - 2 * compute_reserve_ms(window_ms))


class Juror(Service):
    """Serves our places in juries."""

    name = "juror"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._ballot = Ballot(tools, fetcher, self.name)

    async def start(self) -> None:
        """Remove the files of a killed run."""
        sweep_replays(self.tools.files, self.name)

    async def list_due(self) -> Attempts:
        """Serve every case whose jury we are of."""
        for case in await read_cases(self.tools):
            dispute = case.submission.dispute
            if is_disputed(case.submission.state) and dispute is not None:
                for number, juror in enumerate(dispute.jurors):
                    if juror.verifier == self.tools.address:
                        for due in self._list_due_of(case, dispute, number, juror):
                            yield due

    def _list_due_of(
        self, case: Case, dispute: ob.Dispute, number: int, juror: ob.Juror
    ) -> Iterator[Attempt]:
        """Yield every duty separately: a slow or failing one must not delay a reveal."""

        def attempt(what: str, action: Action) -> Attempt:
            part = f":{what}:{dispute.challenge.hex()}:{number}"
            return Attempt(case.submission.id, action, part, in_background=True)

        now_ms = self.tools.clock.now_ms()
        due = case.list_duties(Party.JUROR, now_ms)
        if not juror.commitment and Duty.VOTE in due:
            yield attempt("commit", partial(self._commit, case, dispute, number))
            window, waited = case.task.terms.jury_commit_ms, now_ms - dispute.phase_ms
            if waited >= compute_wait_ms(window):
                # Separate from earlier attempts, whose next retry may come too late.
                yield attempt("miss", partial(self._commit_late, case, dispute, number))
            if waited >= window - compute_reserve_ms(window):
                yield attempt("abstain", partial(self._abstain, case, dispute, number))
        elif juror.commitment and not juror.value and Duty.REVEAL in due:
            yield attempt("reveal", partial(self._reveal, case, dispute, number, juror))
        elif juror.value and Duty.TELL in due and self._is_our_turn_to_tell(case, dispute, juror):
            yield attempt("tell", partial(self._tell, case, dispute, juror))

    # --- committing -----------------------------------------------------------------------------

    async def _commit(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        answer = self._ballot.saved(dispute.challenge)
        if answer is None:
            check_program(case)
            answer = await self._ballot.find(case, dispute)
        await self._send(case, dispute, number, answer)

    async def _commit_late(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        """Look a last time, and vote that something is absent if it still is."""
        answer = self._ballot.saved(dispute.challenge)
        if answer is None:
            check_program(case)
            answer = await self._ballot.find_late(case, dispute)
        await self._send(case, dispute, number, answer)

    async def _abstain(self, case: Case, dispute: ob.Dispute, number: int) -> None:
        answer = self._ballot.abstention(dispute.challenge)
        await self._send(case, dispute, number, answer)

    async def _send(self, case: Case, dispute: ob.Dispute, number: int, answer: Answer) -> None:
        tools, challenge = self.tools, dispute.challenge
        # Meanwhile another attempt may have committed, and a juror commits once.
        answer = self._ballot.saved(challenge) or answer
        commitment = self._ballot.compute_commitment(challenge, answer)
        with tools.database.transaction():
            begun = tools.protection.begin(f"jury:{challenge.hex()}", commitment)
            self._ballot.save(challenge, answer)
            if begun is Begun.FRESH:
                tools.journal.record(
                    case.submission.id,
                    self.name,
                    "committed",
                    self._explain(dispute, answer),
                    charge=str(charge_of_dispute(dispute)),
                )
        await tools.contract.jury_commit(
            case.task.id, case.submission, juror=number, commitment=commitment
        )

    def _explain(self, dispute: ob.Dispute, answer: Answer) -> str:
        charge = charge_of_dispute(dispute)
        if answer == self._ballot.abstention(dispute.challenge):
            return "abstained: no answer was found in time, and silence costs stake"
        if answer == ABSENT:
            return f"what should be judged about {charge} cannot be had"
        if charge.kind == CaseKind.SEGMENT:
            return f"replayed segment {charge.index} as a juror"
        return f"examined {charge} as a juror"

    # --- revealing and telling ------------------------------------------------------------------

    async def _reveal(self, case: Case, dispute: ob.Dispute, number: int, juror: ob.Juror) -> None:
        answer = await self._ballot.recall(case, dispute, juror.commitment)
        await self.tools.contract.jury_reveal(
            case.task.id,
            case.submission,
            juror=number,
            value=answer.compute_value(dispute.challenge),
            salt=derive_jury_salt(self.tools.keys, dispute.challenge),
        )

    def _is_our_turn_to_tell(self, case: Case, dispute: ob.Dispute, juror: ob.Juror) -> bool:
        """Return whether our value is the majority's, and those before us had their time.

        All are told the same, so one transaction is enough; the others follow if it does not come.
        """
        majority = find_majority(dispute, case.task.terms.jury)
        if juror.value != majority:
            return False
        holders = [each.verifier for each in dispute.jurors if each.value == majority]
        since_ms = find_resolvable_ms(case, self.tools.clock.now_ms())
        assert since_ms is not None, "telling is due"
        most_ms = case.task.terms.jury_reveal_ms // (TELLING_PARTS * len(holders))
        grace_ms = min(round(self.tools.settings.timing.crank_grace_s * 1000), most_ms)
        turn_ms = since_ms + holders.index(self.tools.address) * grace_ms
        return self.tools.clock.now_ms() >= turn_ms

    async def _tell(self, case: Case, dispute: ob.Dispute, juror: ob.Juror) -> None:
        answer = await self._ballot.recall(case, dispute, juror.commitment)
        try:
            await self.tools.contract.resolve(
                case.task.id, case.submission.id, chain=answer.chain, state_root=answer.state_root
            )
        except MoveAborted as error:
            if not is_abort(error, "jury", "ENoDispute"):
                raise
            self.log.info("verdict_lost_race", subject=case.submission.id, error=error.message)
            self.tools.contract.forget(case.submission.id)
            return
        self.tools.journal.record_once(
            case.submission.id,
            self.name,
            "told",
            "told what the value of the jury's majority hides",
            case=dispute.challenge.hex(),
        )
