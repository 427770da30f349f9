"""Reasons hold for the code as it is."""

import dataclasses
from pathlib import Path

import pytest

from tests.mutants.equivalents import Equivalent, find_stale, read_equivalents

ROOT = Path(__file__).resolve().parents[2]
ENTRY = Equivalent("walrusd/core/x.py", "return a < b", "return a <= b", "they are never equal")


@pytest.fixture
def tree(tmp_path):
    module = tmp_path / ENTRY.file
    module.parent.mkdir(parents=True)
    module.write_text("def f(a, b):\n    return  a < b\n", "utf-8")
    return tmp_path


def test_an_entry_that_fits_a_mutant_stands(tree):
    assert find_stale([ENTRY], tree) == []
    assert find_stale([dataclasses.replace(ENTRY, becomes="*")], tree) == []


@pytest.mark.parametrize(
    "change",
    [{"line": "return a > b"}, {"becomes": "return a == b"}, {"file": "walrusd/core/y.py"}],
)
def test_an_entry_that_fits_none_is_stale(tree, change):
    entry = dataclasses.replace(ENTRY, **change)
    assert find_stale([entry], tree) == [entry]


def test_an_entry_means_one_line(tree):
    module = tree / ENTRY.file
    module.write_text(module.read_text("utf-8") * 2, "utf-8")
    assert find_stale([ENTRY], tree) == [ENTRY]


def test_an_entry_needs_a_reason(tmp_path):
    path = tmp_path / "equivalents.toml"
    path.write_text(
        '[[equivalent]]\nfile = "a"\nline = "b"\nbecomes = "c"\nreason = "equal"\n', "utf-8"
    )
    with pytest.raises(ValueError, match="no reason"):
        read_equivalents(path)


def test_every_entry_fits_the_tree():
    assert find_stale(read_equivalents(ROOT / "tests" / "mutants" / "equivalents.toml"), ROOT) == []
