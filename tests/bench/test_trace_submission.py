"""The trace of a submission: how it counts, and that no two services call each other."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.trace_submission import Counts, Tracer, is_loop_edge, trace_submission

FILES = {
    "core/rule": "def double(number):\n    return 2 * number\n",
    "market/case": (
        "from tracedapp.core import rule\n"
        "def read(numbers):\n"
        "    return sum(map(rule.double, numbers)) + rule.double(1)\n"
        "def call_back(function):\n"
        "    return function()\n"
    ),
    "services/service": (
        "from tracedapp.market import case\n"
        "def serve():\n"
        "    return case.read(range(3))\n"
        "def serve_and_answer():\n"
        "    return case.call_back(answer)\n"
        "def answer():\n"
        "    return 1\n"
    ),
}
CASE, RULE, SERVICE = (
    f"tracedapp/{name}.py" for name in ("market/case", "core/rule", "services/service")
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """Write a program with two service files and one other."""
    for name, text in FILES.items():
        path = tmp_path / "tracedapp" / f"{name}.py"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "tracedapp"]:
        del sys.modules[name]


def trace(root: Path, function: str) -> Tracer:
    service = importlib.import_module("tracedapp.services.service")
    tracer = Tracer(root, "tracedapp")
    with tracer.tracing():
        getattr(service, function)()
    return tracer


def test_direct_calls_between_files_are_counted(root: Path) -> None:
    tracer = trace(root, "serve")
    assert {name for _file, name, _line in tracer.functions} == {"serve", "read", "double"}
    assert tracer.edges == {(SERVICE, CASE), (CASE, RULE)}
    assert tracer.count() == Counts(3, 3, 2, 2, 1, 0, 0)


def test_a_pair_that_goes_back_and_forth_is_found(root: Path) -> None:
    assert trace(root, "serve_and_answer").back_and_forth == [(CASE, SERVICE)]


def test_the_loop_that_calls_a_service_is_told_apart() -> None:
    loop = "walrusd/engine/service.py"
    assert is_loop_edge((loop, "walrusd/services/jury/juror.py"))
    assert not is_loop_edge((loop, "walrusd/market/case.py"))
    assert not is_loop_edge(("walrusd/engine/jobs.py", "walrusd/services/jury/juror.py"))


def test_no_two_service_files_call_each_other(tmp_path: Path) -> None:
    assert trace_submission(tmp_path).back_and_forth == []
