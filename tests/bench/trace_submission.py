"""One submission from event to settlement: through how many files and functions does it go?

Run with ``python -m tests.bench.trace_submission``. The honest play of ``tests/support/market`` is
profiled with ``sys.setprofile``, threads included: services, databases, cryptography and training
are the real ones, while the chain client, the store, publishing and joining are stood in for.

- A *function* is one that was called, by file, name and line. Lambdas, and comprehensions before
  Python 3.12, are functions of their own; the bodies of modules and classes are none.
- A *file* counts if a function of it was called.
- An *edge* is an ordered pair of different files where a function of the first directly calls one
  of the second: the caller's frame is the one right below. A coroutine is called by whoever awaits
  it. What starts a task or a thread is no caller, and neither is a library in between.
- A *service file* lies in one of ``SERVICE_ROOMS``, the rooms that act on the market.
- A *loop edge* is a service edge from ``engine/service.py`` to a service: the loop that every
  service shares calls it. There is one for each service in the play, whatever else the layout is,
  as there were when the baseline was traced. They count among the service edges all the same.
- A *pair back and forth* is two service files with an edge in each direction.

The baseline is commit 53427fd, from before the rooms, traced by the same rules with its only room
of services; its loop was ``services/service.py``.
"""

import argparse
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from inspect import CO_NEWLOCALS
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import anyio.to_process
import trio
from rich.console import Console
from rich.table import Table
from trio.testing import MockClock

from tests.support.market.spec import Play
from walrusd.core.lifecycle import SubmissionState
from walrusd.training.process import execution

ROOT = Path(__file__).resolve().parents[2]
SERVICE_ROOMS = frozenset(
    {"engine", "workers", "market", "examination", "services", "control", "admin"}
)

Function = tuple[str, str, int]
"""The path of a file below the root, a function's qualified name, and its first line."""
Edge = tuple[str, str]


@dataclass(frozen=True)
class Counts:
    """What was counted, by the rules above."""

    files: int
    functions: int
    edges: int
    service_files: int
    service_edges: int
    loop_edges: int
    back_and_forth: int

    @property
    def ratio_without_loop(self) -> float:
        """Service edges that are no loop edges, as a share of the baseline's."""
        before = BASELINE.service_edges - BASELINE.loop_edges
        return (self.service_edges - self.loop_edges) / before


BASELINE = Counts(147, 1128, 477, 33, 77, 8, 6)


class Tracer:
    """Notes which functions below a folder are called, and from which file."""

    def __init__(self, root: Path, package: str = "walrusd") -> None:
        self._root, self._prefix = f"{root}/", f"{root}/{package}/"
        self.functions: set[Function] = set()
        self.edges: set[Edge] = set()
        self._known: dict[CodeType, str | None] = {}

    def _place(self, code: CodeType) -> str | None:
        """Return the file of a function of ours; None of anything else."""
        if code not in self._known:
            is_ours = code.co_filename.startswith(self._prefix)
            is_function = bool(code.co_flags & CO_NEWLOCALS) and code.co_name != "<module>"
            self._known[code] = (
                code.co_filename.removeprefix(self._root) if is_ours and is_function else None
            )
        return self._known[code]

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        file = self._place(code)
        if file is None:
            return
        self.functions.add((file, code.co_qualname, code.co_firstlineno))
        caller = None if frame.f_back is None else self._place(frame.f_back.f_code)
        if caller is not None and caller != file:
            self.edges.add((caller, file))

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Trace this thread, and every one that begins meanwhile."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]  # the stubs forget that None ends it

    @property
    def service_edges(self) -> set[Edge]:
        """The edges between two service files."""
        return {edge for edge in self.edges if all(map(is_service_file, edge))}

    @property
    def back_and_forth(self) -> list[Edge]:
        """The pairs of service files that call each other, each once."""
        edges = self.service_edges
        return sorted((a, b) for a, b in edges if a < b and (b, a) in edges)

    def count(self) -> Counts:
        """Return the numbers."""
        files = {file for file, _name, _line in self.functions}
        return Counts(
            len(files),
            len(self.functions),
            len(self.edges),
            len([file for file in files if is_service_file(file)]),
            len(self.service_edges),
            len([edge for edge in self.service_edges if is_loop_edge(edge)]),
            len(self.back_and_forth),
        )


def is_service_file(file: str) -> bool:
    """Return whether a file lies in one of the service rooms."""
    parts = file.split("/")
    return len(parts) > 2 and parts[1] in SERVICE_ROOMS


def is_loop_edge(edge: Edge) -> bool:
    """Return whether an edge is the services' loop calling one of them."""
    caller, callee = (file.split("/")[1:] for file in edge)
    return caller == ["engine", "service.py"] and callee[0] == "services"


async def _play(directory: Path, tracer: Tracer) -> None:
    with ExitStack() as stack:
        play = Play(directory, stack)
        with tracer.tracing():
            await play.open()
            await play.run()
            await play.run(lambda: not play.submission.credits, seconds=10)
        assert play.submission.state == SubmissionState.ACCEPTED


async def _run_in_a_thread(
    function: Callable[..., Any], *arguments: Any, cancellable: bool = False
) -> Any:
    del cancellable
    return await trio.to_thread.run_sync(function, *arguments)


def trace_submission(directory: Path) -> Tracer:
    """Return the trace of an honest submission; what runs in a worker process runs in a thread."""
    tracer = Tracer(ROOT)
    in_process, selftest = anyio.to_process.run_sync, execution.selftest
    anyio.to_process.run_sync = _run_in_a_thread  # type: ignore[assignment]  # see above
    execution.selftest = cache(selftest)  # type: ignore[assignment]  # this machine is checked once
    try:
        trio.run(_play, directory, tracer, clock=MockClock(autojump_threshold=0))
    finally:
        anyio.to_process.run_sync, execution.selftest = in_process, selftest
    return tracer


def make_table(found: Counts) -> Table:
    """Return the counts beside the baseline's."""
    table = Table()
    table.add_column("what")
    for heading in ("now", "53427fd", "ratio"):
        table.add_column(heading, justify="right")
    before = asdict(BASELINE)
    for name, value in asdict(found).items():
        ratio = f"{value / before[name]:.2f}"
        table.add_row(name.replace("_", " "), str(value), str(before[name]), ratio)
    return table


def show(console: Console, tracer: Tracer) -> None:
    """Print the counts, and the edges between service files by who calls."""
    found = tracer.count()
    console.print(make_table(found))
    console.print(f"service edges without the loop's: {found.ratio_without_loop:.2f} of 53427fd's")
    callers: dict[str, list[str]] = {}
    for caller, callee in sorted(tracer.service_edges):
        callers.setdefault(caller, []).append(callee.removeprefix("walrusd/"))
    for caller, callees in callers.items():
        console.print(f"{caller.removeprefix('walrusd/')} -> {', '.join(callees)}", soft_wrap=True)
    for one, other in tracer.back_and_forth:
        console.print(f"back and forth: {one} and {other}", soft_wrap=True)


def main() -> int:
    """Trace a submission and print what was counted."""
    argparse.ArgumentParser(
        prog="tests.bench.trace_submission",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    with tempfile.TemporaryDirectory() as directory:
        show(Console(), trace_submission(Path(directory)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
