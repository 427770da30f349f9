"""One run: prepares copies, records tests that are not recorded, and tries mutants in workers."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.mutants.copies import make_equal
from tests.mutants.mutant import Mutant
from tests.mutants.recordings import (
    list_test_modules,
    path_of,
    read_recordings,
    write_nothing,
)
from tests.mutants.results import SURVIVED, UNTESTED, Journal, Result
from tests.mutants.selection import Index
from tests.mutants.source import Source
from walrusd.training.run.threads import WAITING

_PASSED, _FAILED, _NO_TESTS = 0, 1, 5
"""How pytest may end when it records."""


class BrokenTests(Exception):
    """Raised when tests fail that nothing was changed for: no mutant can be judged by them."""


class AlreadyRunning(Exception):
    """Raised when another run has the copies."""


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keep every other run out of ``folder``.

    Raises:
        AlreadyRunning: if one is in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"another run uses {folder}") from error
        yield


def _environment(copy: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process in a copy: it, and all it starts, imports the copy."""
    return {**os.environ, **WAITING, "PYTHONPATH": str(copy), "WALRUSD_TEST_NODE": "no", **more}


def record_tests(base: Path, folder: Path, workers: int) -> Index:
    """Return which tests execute what; run those of which that is not known.

    Raises:
        BrokenTests: if some fail.
    """
    folder.mkdir(parents=True, exist_ok=True)
    modules = list_test_modules(base)
    found, missing = read_recordings(folder, base, modules)
    print(f"recorded before: {len(found)} of {len(modules)} test modules", flush=True)
    if missing:
        options = ["-m", "not slow", "-p", "no:cacheprovider", "-p", "tests.mutants.recorder"]
        spread = ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
        spread = spread if workers > 1 else []
        status = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *spread, *missing],
            cwd=base,
            env=_environment(base, WALRUSD_MUTANTS_RECORD=str(folder)),
            check=False,
        ).returncode
        found, missing = read_recordings(folder, base, modules)
        if status not in {_PASSED, _FAILED, _NO_TESTS}:
            raise BrokenTests(f"pytest ended with status {status}")
        for module in missing:  # all their tests are slow
            write_nothing(folder, base, module)
    failed = [t for r in found for t, test in r["tests"].items() if test["failed"]]
    if failed:
        for module in {test.partition("::")[0] for test in failed}:
            path_of(folder, base, module).unlink()
        raise BrokenTests("these fail without any mutation: " + ", ".join(sorted(failed)))
    index = Index()
    for recorded in found:
        index.add(recorded)
    return index


class Worker:
    """A process in a copy of its own that tries one mutant after the other."""

    def __init__(self, base: Path, copy: Path, scratch: Path) -> None:
        make_equal(base, copy, derived=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.worker", str(scratch)],
            cwd=copy,
            env=_environment(copy, PYTHONDONTWRITEBYTECODE="1", TMPDIR=str(scratch)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return the worker's answer.

        Raises:
            BrokenTests: if it has ended, or a test fails without any mutation.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BrokenTests(f"a worker ended, status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if answer["outcome"] == "error":
            raise BrokenTests(f"this fails without any mutation: {answer['test']}")
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def try_mutants(
    mutants: Sequence[Mutant],
    index: Index,
    sources: Mapping[str, Source],
    folder: Path,
    journal: Journal,
    tell: Callable[[Mutant, Result], None],
    *,
    workers: int,
) -> list[Result]:
    """Return what became of each mutant, and write it to ``journal`` as soon as it is known."""
    known = journal.read()
    journal.begin(known.values())
    waiting = [(at, mutant) for at, mutant in enumerate(mutants) if mutant.name not in known]
    lock = threading.Lock()
    idle: SimpleQueue[Worker] = SimpleQueue()

    def try_one(at: int, mutant: Mutant) -> None:
        worker = idle.get()
        try:
            result = _try_one(worker, at, mutant, index, sources[mutant.file])
        finally:
            idle.put(worker)
        with lock:
            journal.add(result)
            known[mutant.name] = result
            tell(mutant, result)

    with ExitStack() as stack:
        count = min(workers, len(waiting))
        for number in range(count):
            # Sockets lie there too, whose names must be short.
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
            worker = Worker(folder / "base", folder / f"worker-{number}", scratch)
            stack.callback(worker.close)
            idle.put(worker)
        with ThreadPoolExecutor(max(1, count)) as pool:
            futures = [pool.submit(try_one, *pair) for pair in waiting]
            try:
                for future in futures:
                    future.result()
            finally:
                pool.shutdown(cancel_futures=True)
    return [known[mutant.name] for mutant in mutants]


def _try_one(worker: Worker, at: int, mutant: Mutant, index: Index, source: Source) -> Result:
    chosen = index.select(mutant, source)
    if not chosen.batches:
        return Result(mutant.name, UNTESTED)
    began = time.monotonic()
    tests = [test for batch in chosen.batches for test in batch]
    answer = worker.ask(
        {
            "at": at,
            "file": mutant.file,
            "start": mutant.start,
            "end": mutant.end,
            "text": mutant.text,
            "batches": chosen.batches,
            "seconds": {test: index.seconds[test] for test in tests},
        }
    )
    survived = answer["outcome"] == "passed"
    return Result(
        name=mutant.name,
        outcome=SURVIVED if survived else answer["outcome"],
        test=answer["test"],
        ran=answer["ran"],
        left_out=chosen.left_out if survived else 0,
        seconds=round(time.monotonic() - began, 2),
    )


def prepare_base(root: Path, folder: Path) -> Path:
    """Return a copy of the tree that is equal to it, and has the compiled kernels."""
    base = folder / "base"
    make_equal(root, base)
    shutil.rmtree(base / ".hypothesis", ignore_errors=True)
    return base
