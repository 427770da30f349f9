"""Runs tests in a process of its own, forked from one that has imported the libraries.

Nothing of the program is imported before the fork: the child imports the module as it is then. What
the child leaves behind, programs that it has started too, is ended with it.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants.chosen import Chosen

COLLECT_S = 180.0
"""Real seconds that importing the tests may take."""

STALL_S = 60.0
"""Real seconds that any test may take, besides many times what it took when it was recorded."""

SLOWER = 20.0
_MEMORY_BYTES = 16 << 30
_FILE_BYTES = 4 << 30
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
_NO_TESTS, _PASSED = 5, 0
_IMPORTED = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
"""Plugins that were imported before the fork are as good."""


@dataclass(frozen=True)
class Verdict:
    """How tests ended: ``passed``, ``failed``, ``import`` (nothing could be run), ``timeout``."""

    outcome: str
    test: str = ""


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def end_with_parent() -> None:
    """Let this process be killed when its parent ends, however that ends."""
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of whatever the children of this process leave behind."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def run_tests(tests: Sequence[str], seconds: Mapping[str, float], scratch: Path) -> Verdict:
    """Run tests in a new process until one fails; ``scratch`` is for their files and output."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(tests, writing, scratch)
    os.close(writing)
    try:
        return _watch(child, reading, seconds)
    finally:
        os.close(reading)
        _end_descendants()


def _be_child(tests: Sequence[str], writing: int, scratch: Path) -> None:
    code = 70
    try:
        end_with_parent()
        os.setsid()
        _limit(resource.RLIMIT_AS, _MEMORY_BYTES)
        _limit(resource.RLIMIT_FSIZE, _FILE_BYTES)
        _limit(resource.RLIMIT_CORE, 0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(scratch / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, target)
        modules = dict.fromkeys(test.partition("::")[0] for test in tests)
        options = ["-x", "-p", "no:cacheprovider", "--basetemp", str(scratch / "t"), *_IMPORTED]
        code = pytest.main([*options, *modules], plugins=[Chosen(tests, writing)])
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def _limit(kind: int, least: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (least if hard == resource.RLIM_INFINITY else min(least, hard), hard))


def _watch(child: int, reading: int, seconds: Mapping[str, float]) -> Verdict:
    """Follow what the child tells until it ends, or a test takes too long."""
    test, failed, told = "", "", b""
    deadline = time.monotonic() + COLLECT_S
    while True:
        if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return Verdict("timeout", test)
        data = os.read(reading, 1 << 16)
        if not data:
            break
        *lines, told = (told + data).split(b"\n")
        for line in lines:
            what, _, name = line.decode().partition(" ")
            if what == "failed":
                failed = failed or name
            else:
                test = name
                deadline = time.monotonic() + STALL_S + SLOWER * seconds.get(name, 0.0)
    _, status = os.waitpid(child, 0)
    if failed:
        return Verdict("failed", failed)
    code = os.waitstatus_to_exitcode(status)
    if code in {_PASSED, _NO_TESTS}:
        return Verdict("passed")
    return Verdict("failed", test) if test else Verdict("import")


def _end_descendants() -> None:
    """Kill every process below this one, those too whose parents have ended."""
    while children := _list_children(os.getpid()):
        for process in children:
            for descendant in [*_list_children(process), process]:
                try:
                    os.kill(descendant, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        for process in children:
            try:
                os.waitpid(process, 0)
            except ChildProcessError:
                continue


def _list_children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text("ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]
