"""Contributors whose services bend what they commit to or open; plugged in by ``substitute``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import trio

from tests.attacks.plug import meddle, substitute
from tests.support.openings import DraftOpening, collect, list_sources
from tests.support.verification_files import build_verification_file
from walrusd.chain.calls.delivery import OpeningAttempt
from walrusd.chain.layouts import objects as ob
from walrusd.compose import BuildParts
from walrusd.core.duties import Party
from walrusd.core.lifecycle import is_disputed
from walrusd.core.pieces.layouts import OpenedRow
from walrusd.core.secrets import derive_cost_blinding, derive_cost_key
from walrusd.crypto.merkle import Tree
from walrusd.crypto.number_tree import compute_update_root
from walrusd.crypto.pedersen import pedersen
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.engine.service import Attempt
from walrusd.market.case import Case
from walrusd.market.results import read_update
from walrusd.market.schemes import CostProof, commit_update, derive_openings
from walrusd.services.contributor.committer import Committer, cost_function, trace_leaves
from walrusd.services.contributor.opener import Made, Opener
from walrusd.services.upkeep.cranker import Cranker
from walrusd.services.upkeep.key_sharer import KeySharer
from walrusd.units import BlobId, address_bytes

# --- openings -----------------------------------------------------------------------------------


class Withholder(Opener):
    """Commits, sees who sits on its committee, and does not open."""

    async def _open(self, case: Case) -> None:
        return


class LateOpener(Opener):
    """Opens only after the window, in the grace."""

    async def _open(self, case: Case) -> None:
        due = case.submission.window_ms + case.task.terms.open_ms
        if self.tools.clock.now_ms() > due + 60_000:
            await super()._open(case)


def withhold() -> BuildParts:
    """Return a contributor that never opens."""
    return substitute({Opener: lambda tools, parts: Withholder(tools, parts.fetcher)})


def open_late() -> BuildParts:
    """Return a contributor that opens late."""
    return substitute({Opener: lambda tools, parts: LateOpener(tools, parts.fetcher)})


class SelectiveSharer(KeySharer):
    """Delivers the key to the first place of the committee alone."""

    def _list_due_about(self, case: Case) -> Iterator[Attempt]:
        for due in super()._list_due_about(case):
            if not due.part.startswith(":place:") or due.part.endswith(":0"):
                yield due


class UpdateKeeper(KeySharer):
    """Gives the committee the key of the work, and its publisher nothing."""

    def _is_our_turn(self, case: Case, party: Party, *, is_update: bool = False) -> bool:
        return not is_update and super()._is_our_turn(case, party)


def deliver_selectively() -> BuildParts:
    """Return a contributor that gives one seat the key, and the other none."""
    return substitute({KeySharer: lambda tools, parts: SelectiveSharer(tools, parts.fetcher)})


def keep_update() -> BuildParts:
    """Return a contributor that does not give its publisher the update's key."""
    return substitute({KeySharer: lambda tools, parts: UpdateKeeper(tools, parts.fetcher)})


def open_with(bend: Callable[[DraftOpening], DraftOpening]) -> BuildParts:
    """Return a contributor that seals another opening than an honest one."""

    class Bent(Opener):
        async def _make_pieces(self, case: Case, trained: dict[str, Any], folder: Path) -> Made:
            honest = await collect(super()._make_pieces(case, trained, folder))
            for piece in list_sources(bend(honest)):
                yield piece

    return substitute({Opener: lambda tools, parts: Bent(tools, parts.fetcher)})


def break_path(opening: DraftOpening) -> DraftOpening:
    """Give one row of each segment a path that leads elsewhere."""

    def change(rows: tuple[OpenedRow, ...]) -> tuple[OpenedRow, ...]:
        path = (bytes(32), *rows[0].proof.path[1:])
        broken = OpenedRow(rows[0].data, replace(rows[0].proof, path=path))
        return (broken, *rows[1:])

    return opening.change_rows(change)


def drop_state(opening: DraftOpening) -> DraftOpening:
    """Leave out the start state of a dealt segment, so that it cannot be replayed."""
    return replace(opening, states={b: s for b, s in opening.states.items() if b != 1})


def lower_cost(opening: DraftOpening) -> DraftOpening:
    """Tell the committee a lower cost than the committed one."""
    assert opening.cost is not None
    return replace(opening, cost=replace(opening.cost, final=opening.cost.final - 1))


def swap_leaves(opening: DraftOpening) -> DraftOpening:
    """Give the roots of the trace in another order."""
    first, second, *others = opening.slot_roots
    return replace(opening, slot_roots=(second, first, *others))


# --- commits ------------------------------------------------------------------------------------


class NeverCommitter(Committer):
    """Stakes, trains, and says nothing."""

    async def _commit(self, case: Case, trained: dict[str, Any]) -> None:
        return


def never_commit() -> BuildParts:
    """Return a contributor that never commits."""
    return substitute({Committer: lambda tools, parts: NeverCommitter(tools, parts.fetcher)})


class BentCommitter(Committer):
    """Commits with parts that do not belong together; the body is the honest one's."""

    def bend_vector(self, update: bytes) -> bytes:
        """Return what the update root is over."""
        return update

    def bend_rows(self, update: bytes) -> bytes:
        """Return what the rows commit to."""
        return update

    async def _prepare(self, case: Case, trained: dict[str, Any]) -> dict[str, Any]:
        tools = self.tools
        verified = await self._fetcher.plan_of(case.task)
        plan, scheme = verified.plan, verified.scheme
        honest = await read_update(tools, case, plan, trained)
        update = self.bend_vector(honest)
        update_root = root_of(update)
        leaves = trace_leaves(trained)
        tree, name = Tree(leaves), address_bytes(case.submission.id)
        blinding = derive_cost_blinding(tools.keys, name, trained["cost"])
        context = pedersen.compute_pok_context(case.ctx, tree.root, update_root)
        cost = CostProof(
            context,
            commitment=pedersen.commit(trained["cost"], blinding),
            proof=pedersen.prove_opening(context, trained["cost"], blinding),
        )
        # Blindings that the opener, which knows the honest root only, will derive again.
        openings = await derive_openings(tools, case, scheme, root_of(honest))
        block, committed = await commit_update(
            tools, case.submission.id, scheme, self.bend_rows(update), openings=openings, cost=cost
        )
        data = build_verification_file(
            case.subject,
            verified.quantisation,
            update_root=update_root,
            trace_leaves=leaves,
            scheme=block,
            committed=committed().read(),
            cost=cost_function(trained, plan),
            cost_key=derive_cost_key(tools.keys, name),
        )
        stored = await tools.store.put(data, epochs=tools.settings.walrus.epochs)
        return {
            "trace_root": tree.root.hex(),
            "update_root": update_root.hex(),
            "scheme_root": block.root.hex(),
            "scheme_rows": block.count,
            "leaf_zero_path": [h.hex() for h in tree.path(0)],
            "cost_commitment": cost.commitment.hex(),
            "cost_proof": cost.proof.hex(),
            "file_digest": read_verification_file(data).digest.hex(),
            "file_blob": str(stored.blob_id),
        }


def root_of(update: bytes) -> bytes:
    """Return the root of an update, int32 little-endian."""
    return compute_update_root(np.frombuffer(update, "<i4").astype(np.int32))


def shift(update: bytes) -> bytes:
    """Return an update with its first entry changed."""
    vector = np.frombuffer(update, "<i4").astype(np.int32)
    vector[0] += 1000
    return vector.astype("<i4").tobytes()


class OtherUpdate(BentCommitter):
    """Commits to another update than the difference of the weights: a planted one."""

    def bend_vector(self, update: bytes) -> bytes:
        return shift(update)


class OtherUpdateOpener(Opener):
    """Opens the update that ``OtherUpdate`` has committed to."""

    async def _make_pieces(self, case: Case, trained: dict[str, Any], folder: Path) -> Made:
        assert case.submission.commitment is not None
        honest = root_of(await trio.Path(trained["update"]).read_bytes())
        commitment = replace(case.submission.commitment, update_root=honest)
        known = replace(case, submission=replace(case.submission, commitment=commitment))
        opening = await collect(super()._make_pieces(known, trained, folder))
        for piece in list_sources(replace(opening, update=shift(opening.update))):
            yield piece


class ForgedRow(BentCommitter):
    """Commits to rows of another update than the one with the committed root."""

    def bend_rows(self, update: bytes) -> bytes:
        return shift(update)


class ForgedFile(Committer):
    """Stores a verification file in which a byte is wrong, and anchors that."""

    async def _prepare(self, case: Case, trained: dict[str, Any]) -> dict[str, Any]:
        item = await super()._prepare(case, trained)
        store, epochs = self.tools.store, self.tools.settings.walrus.epochs
        data = bytearray(await store.get(BlobId(int(item["file_blob"])), 1 << 24))
        data[len(data) // 2] ^= 1
        stored = await store.put(bytes(data), epochs=epochs)
        return {**item, "file_blob": str(stored.blob_id)}


@dataclass
class Overheard:
    """What an honest contributor has sent to the contract, where everybody can read it."""

    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)
    there: trio.Event = field(default_factory=trio.Event)

    async def note(self, honest: Any, *arguments: Any, **named: Any) -> Any:
        """Send, and note what was sent."""
        done = await honest(*arguments, **named)
        self.arguments, self.named = arguments, named
        self.there.set()
        return done


def overheard(commit: Overheard, opening: Overheard) -> BuildParts:
    """Return an honest contributor, to whom others listen."""
    return substitute(
        {
            Committer: lambda tools, parts: Committer(
                meddle(tools, "commit", commit.note), parts.fetcher
            ),
            Opener: lambda tools, parts: Opener(meddle(tools, "open", opening.note), parts.fetcher),
        }
    )


def copy_commitment(source: Overheard) -> BuildParts:
    """Return a contributor that commits to what another has committed to, proof and all."""

    async def how(honest: Any, task: str, submission: str, *_mine: Any, **_named: Any) -> Any:
        await source.there.wait()
        return await honest(task, submission, *source.arguments[2:], **source.named)

    return _commit_through(how)


def copy_file(source: Overheard) -> BuildParts:
    """Return a contributor that anchors another's verification file as its own."""

    async def how(
        honest: Any, task: str, submission: str, commitment: ob.Commitment, **named: Any
    ) -> Any:
        await source.there.wait()
        theirs: ob.Commitment = source.arguments[2]
        bent = replace(commitment, file_digest=theirs.file_digest, file_blob=theirs.file_blob)
        return await honest(task, submission, bent, **named)

    return _commit_through(how)


def _commit_through(how: Any) -> BuildParts:
    return substitute(
        {Committer: lambda tools, parts: Committer(meddle(tools, "commit", how), parts.fetcher)}
    )


def copy_opening(source: Overheard) -> BuildParts:
    """Return a contributor that opens with another's sealed blob."""

    async def how(
        honest: Any, task: str, submission: str, opening: OpeningAttempt, **named: Any
    ) -> Any:
        await source.there.wait()
        theirs: OpeningAttempt = source.arguments[2]
        bent = replace(opening, blob=theirs.blob, digest=theirs.digest)
        return await honest(task, submission, bent, **named)

    return substitute(
        {Opener: lambda tools, parts: Opener(meddle(tools, "open", how), parts.fetcher)}
    )


def forge_update() -> BuildParts:
    """Return a contributor whose update is not what its weights give."""
    return substitute(
        {
            Committer: lambda tools, parts: OtherUpdate(tools, parts.fetcher),
            Opener: lambda tools, parts: OtherUpdateOpener(tools, parts.fetcher),
        }
    )


def forge_row() -> BuildParts:
    """Return a contributor whose row commitments open to something else."""
    return substitute({Committer: lambda tools, parts: ForgedRow(tools, parts.fetcher)})


def forge_file() -> BuildParts:
    """Return a contributor whose verification file is none."""
    return substitute({Committer: lambda tools, parts: ForgedFile(tools, parts.fetcher)})


# --- audits -------------------------------------------------------------------------------------


class NoFile(Committer):
    """Commits to a file that it does not store, so that nobody else has the trace's leaves."""

    async def _prepare(self, case: Case, trained: dict[str, Any]) -> dict[str, Any]:
        return {**await super()._prepare(case, trained), "file_blob": str(1 << 200)}


class NoAudit(Cranker):
    """Turns every crank but the one that starts the audit of its own work."""

    async def _start_audit(self, case: Case) -> None:
        if case.submission.contributor != self.tools.address:
            await super()._start_audit(case)


class KeyKeeper(KeySharer):
    """Gives no jury the key."""

    def _is_our_turn(self, case: Case, party: Party, *, is_update: bool = False) -> bool:
        is_ours = super()._is_our_turn(case, party, is_update=is_update)
        return is_ours and not is_disputed(case.submission.state)


def keep_key() -> BuildParts:
    """Return a contributor that lets no juror have the opening's key."""
    return substitute({KeySharer: lambda tools, parts: KeyKeeper(tools, parts.fetcher)})


def shun_audit() -> BuildParts:
    """Return a contributor that lets nobody have the leaf which an audit needs."""
    return substitute(
        {
            Committer: lambda tools, parts: NoFile(tools, parts.fetcher),
            Cranker: lambda tools, parts: NoAudit(tools, parts.fetcher),
        }
    )
