"""The table of functions and the abort codes."""

import inspect
import re
from pathlib import Path

import pytest

from walrusd.core.aborts import ABORTS
from walrusd.devnet import contract
from walrusd.devnet.contract import FUNCTIONS, LAYOUTS, NOT_TRANSFERABLE
from walrusd.devnet.contract.functions import require
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.packages import Package
from walrusd.devnet.move.signatures import RANDOM, RandomKind, StructKind

NAMES = {f"{abort.module}.{abort.name}" for abort in ABORTS.values()}
UNREACHABLE = {
    "merkle.EBadPath",  # a bad path is reported by the module that asked
    "merkle.EBadIndex",
    "envelope.EBadLabel",  # every call names its own label
    "envelope.EBadValue",  # no call takes a revealed value yet
}
QUOTED = re.compile(r'"([a-z]+\.E[A-Z][A-Za-z]+)"')


def quoted_in(folder):
    files = [f for f in Path(folder).rglob("*.py") if f.name != Path(__file__).name]
    return {name for file in files for name in QUOTED.findall(file.read_text())}


def test_every_abort_exists_and_is_used():
    used = quoted_in(Path(contract.__file__).parent)
    raised_by_name = {
        "pedersen.EBadProof",
        "pedersen.EBadOpening",
        *(name for name in NAMES if name.startswith("envelope.")),
    }
    assert used <= NAMES
    assert (used | raised_by_name) - UNREACHABLE == NAMES - UNREACHABLE


def test_every_abort_that_can_happen_is_tested():
    # Those of the envelopes have vectors of their own, each equation and each binding.
    elsewhere = {name for name in NAMES if name.startswith("envelope.")}
    quoted = quoted_in(Path(__file__).parent)
    assert quoted | elsewhere == (NAMES - UNREACHABLE) | elsewhere


def test_an_abort_names_module_code_and_function():
    with pytest.raises(MoveAbort) as caught:
        require(False, "task.ETooLate")
    abort = caught.value
    assert (abort.module, abort.code) == ("task", 2)
    assert abort.function == "test_an_abort_names_module_code_and_function"


def test_functions_are_the_entry_points():
    names = [f"{f.module}::{f.name}" for f in FUNCTIONS]
    assert len(set(names)) == len(names)
    private = {f.name for f in FUNCTIONS if f.entry}
    assert private == {"close_joining", "draw_audit", "draw_committee", "draw_jury"}
    assert private == {f.name for f in FUNCTIONS if RANDOM in f.params}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f"{f.module}::{f.name}")
def test_parameters_match_the_implementation(function):
    parameters = list(inspect.signature(function.impl).parameters.values())
    assert parameters[0].name.lstrip("_") == "ctx"
    assert function.impl.__name__ == function.name
    if parameters[1].kind is not inspect.Parameter.VAR_POSITIONAL:
        assert len(parameters) - 1 == len(function.params)
    for kind in (*function.params, *function.returns):
        if isinstance(kind, StructKind):
            assert kind.layout in LAYOUTS
    assert not any(isinstance(kind, RandomKind) for kind in function.returns)


def test_a_package_can_be_bound():
    package = Package.bind("0x1", FUNCTIONS, LAYOUTS, NOT_TRANSFERABLE)
    assert len(package.functions) == len(FUNCTIONS)
    assert "task::PublisherCap" in package.layouts
    assert "events::TaskOpened" in package.layouts
    assert "submission::Submission" in package.layouts
