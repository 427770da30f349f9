"""Contributors whose services bend what they commit to or open; plugged in by ``substitute``."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.attacks.plug import meddle, substitute
from walrusd.app import BuildServices
from walrusd.chain.layouts import objects as ob
from walrusd.core.opening import OpenedRow, Opening
from walrusd.services.committer import Committer
from walrusd.services.facts import Case
from walrusd.services.opener import Opener

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


def withhold() -> BuildServices:
    """Return a contributor that never opens."""
    return substitute({Opener: lambda tools, api: Withholder(tools, api.fetcher)})


def open_late() -> BuildServices:
    """Return a contributor that opens late."""
    return substitute({Opener: lambda tools, api: LateOpener(tools, api.fetcher)})


def open_with_envelopes(bend: Callable[[list[bytes]], list[bytes]]) -> BuildServices:
    """Return a contributor that gives its seats other envelopes than they need."""

    async def how(honest: Any, task: str, submission: str, opening: ob.Opening, **named: Any):
        bent = replace(opening, envelopes=bend(opening.envelopes))
        return await honest(task, submission, bent, **named)

    return substitute({Opener: lambda tools, api: Opener(meddle(tools, "open", how), api.fetcher)})


def open_with(bend: Callable[[Opening], Opening]) -> BuildServices:
    """Return a contributor that seals another opening than an honest one."""

    class Bent(Opener):
        async def _build(self, case: Case, trained: dict[str, Any]) -> Opening:
            return bend(await super()._build(case, trained))

    return substitute({Opener: lambda tools, api: Bent(tools, api.fetcher)})


def break_path(opening: Opening) -> Opening:
    """Give one row a path that leads elsewhere."""
    first = opening.rows[0]
    path = (bytes(32), *first.proof.path[1:])
    broken = OpenedRow(first.data, replace(first.proof, path=path))
    return replace(opening, rows=(broken, *opening.rows[1:]))


def drop_state(opening: Opening) -> Opening:
    """Leave out the start state of a dealt segment, so that it cannot be replayed."""
    return replace(opening, states={b: s for b, s in opening.states.items() if b != 1})


def swap_leaves(opening: Opening) -> Opening:
    """Give the roots of the trace in another order."""
    first, second, *others = opening.slot_roots
    return replace(opening, slot_roots=(second, first, *others))


# --- commits ------------------------------------------------------------------------------------


class NeverCommitter(Committer):
    """Stakes, trains, and says nothing."""

    async def _commit(self, case: Case, trained: dict[str, Any]) -> None:
        return


def never_commit() -> BuildServices:
    """Return a contributor that never commits."""
    return substitute({Committer: lambda tools, api: NeverCommitter(tools, api.fetcher)})
