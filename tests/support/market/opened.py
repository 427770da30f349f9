"""A contributor's opened work before a verifier, without a network, and what may be wrong in it."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.support.market.bench import SUBMISSION, Network
from tests.support.openings import DraftOpening, list_sources
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import CaseKind, DisputePhase, SubmissionState
from walrusd.core.pieces.keys import OpeningKeys, make_opening_keys
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.openings import LabelValue
from walrusd.examination.examine import list_needed_pieces
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import derive_own_secret
from walrusd.market.opened import OpenedPieces
from walrusd.market.sealing import OpeningWriter
from walrusd.market.verified import make_opening_shape
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.trainer import Trainer
from walrusd.services.jury.juror import Juror


class Bench:
    """A contributor's opened work, and a verifier."""

    def __init__(self, tmp_path: Path, stack: ExitStack) -> None:
        self.net = Network()
        self._path, self._stack = tmp_path, stack

    def daemon(self, name: str, training=None):
        return self._stack.enter_context(self.net.daemon(self._path, name, training))

    async def open_work(self, training=None, edit=None):
        """Train, commit and open; ``edit`` changes the opening before it is sealed."""
        net = self.net
        self.contributor = contributor = self.daemon("contributor", training)
        self.verifier = verifier = self.daemon("verifier")
        net.join(contributor.address)
        net.grant(contributor.address, contributor.keys.encryption_key)
        fetcher = Fetcher(contributor)
        await Trainer(contributor, fetcher).run_once()
        await Committer(contributor, fetcher).run_once()
        net.submission.commitment = contributor.contract.arguments("commit")[0][2]
        net.seat(verifier.address, verifier.keys)
        await Opener(contributor, fetcher).run_once()
        self.let_read()
        if edit is not None:
            await self._replace_opening(edit)

    def let_read(self) -> None:
        """Let the last opening be on chain, and the verifier have its envelope."""
        net = self.net
        opened = self.contributor.contract.arguments("open")[-1][2]
        net.submission.opening = ob.Opening(
            opened.blob, opened.digest, opened.p2, was_complete=True, cost=opened.cost
        )
        net.seal_to(net.submission.committee[0], self.value())
        net.submission.state = SubmissionState.OPENED

    async def _replace_opening(self, edit) -> None:
        """Let the contributor have sealed another opening than an honest one."""
        tools, case = self.contributor, self.case(self.contributor)
        plan, keys = self.net.plan, self.keys()
        shape = make_opening_shape(case.task.terms, plan, case.submission.dataset_rows)
        wanted = list_needed_pieces(case, case.dealt_segments())
        honest = await OpenedPieces(tools, case, keys, shape).read(wanted)
        folder = tools.files.sealing(SUBMISSION)
        folder.mkdir(parents=True)
        writer = OpeningWriter(tools, folder, keys, case.opening_aad, 1 << 20)
        for name, source in list_sources(edit(DraftOpening.of(honest))):
            await writer.add(name, source)
        stored, opened = await writer.finish(), self.net.submission.opening
        opened.blob, opened.digest = stored.blob, stored.digest

    def case(self, tools):
        return Case(self.net.market, self.net.task, self.net.submission)

    def value(self, label: Label = Label.WORK) -> LabelValue:
        """Return what seats, or the publisher, find in their envelopes."""
        secret = derive_own_secret(self.contributor, self.case(self.contributor))
        return secret.compute_value(label)

    def keys(self) -> OpeningKeys:
        return make_opening_keys(derive_own_secret(self.contributor, self.case(self.contributor)))

    def summon(
        self, tools, *others: ob.Juror, kind: int = CaseKind.SEGMENT, index: int | None = None
    ) -> ob.Dispute:
        juror = self.net.juror(tools.address, tools.keys)
        if index is None:
            index = 2 if kind == CaseKind.SEGMENT else 0
        return self.net.dispute(self.verifier.address, index, [juror, *others], kind)

    def brief(self, dispute: ob.Dispute) -> None:
        """Give every juror its envelope."""
        for juror in dispute.jurors:
            self.net.seal_to(juror, self.value())

    async def reveal(self, tools, dispute: ob.Dispute) -> bytes:
        """Let a juror reveal what it has committed to, and return the value."""
        dispute.jurors[0].commitment = tools.contract.calls("jury_commit")[-1]["commitment"]
        dispute.phase = DisputePhase.REVEALING
        await Juror(tools, Fetcher(tools)).run_once()
        return tools.contract.calls("jury_reveal")[-1]["value"]


def without_a_row(opening):
    first = min(row.proof.index for rows in opening.rows.values() for row in rows)
    return opening.change_rows(lambda rows: [row for row in rows if row.proof.index != first])


def with_rows_twice(opening):
    return opening.change_rows(lambda rows: (rows[0], *rows))


def without_a_state(opening):
    return replace(opening, states={4: opening.states[4]})


def with_another_state(opening):
    return replace(opening, states={**opening.states, 0: opening.states[1]})


def with_another_row(opening):
    return opening.change_rows(lambda rows: (replace(rows[0], data=rows[1].data), *rows[1:]))


def with_another_update(opening):
    return replace(opening, update=bytes(len(opening.update)))


def with_another_cost_key(opening):
    return replace(opening, cost=replace(opening.cost, key=bytes(32)))


def with_another_cost(opening):
    return replace(opening, cost=replace(opening.cost, final=opening.cost.final + 1))


def with_another_blinding(opening):
    return replace(opening, cost=replace(opening.cost, blinding=bytes(32)))


def with_no_scalar(opening):
    return replace(opening, cost=replace(opening.cost, blinding=b"\xff" * 32))


def without_an_opening(opening):
    return replace(opening, openings=(*opening.openings, bytes(32)))


UNUSABLE_OPENINGS = [
    without_a_row,
    with_rows_twice,
    without_a_state,
    with_another_state,
    with_another_row,
    with_another_update,
    with_another_cost_key,
    with_another_cost,
    with_another_blinding,
    with_no_scalar,
    without_an_opening,
]
