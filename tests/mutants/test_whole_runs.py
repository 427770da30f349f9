"""Whole runs on a small tree: a weakened test is found, and nothing but copies is changed."""

import json
import shutil
from pathlib import Path

import pytest

from tests.mutants.__main__ import main
from tests.mutants.campaign import hold_folder
from tests.mutants.copies import digest_tree, make_equal

ROOT = Path(__file__).resolve().parents[2]
RULE = """\
def may_join(stake, limit):
    if stake <= 0:
        raise ValueError(stake)
    return stake <= limit
"""
STRONG = """\
import pytest
from walrusd.{room}.rule import may_join

@pytest.mark.parametrize(("stake", "may"), [(1, True), (2, True), (3, False)])
def test_stakes(stake, may):
    assert may_join(stake, 2) is may

@pytest.mark.parametrize("stake", [0, -1])
def test_nothing(stake):
    with pytest.raises(ValueError):
        may_join(stake, 2)
"""
WEAK = STRONG.replace("(2, True), ", "").replace("[0, -1]", "[-1]")
CONFIG = """\
[tool.pytest.ini_options]
addopts = "--import-mode=importlib -q"
filterwarnings = ["error"]
markers = ["slow"]
"""
LIMITS = "[most_survivors_percent]\ncore = 0\nstate = 0\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(
        ROOT / "tests" / "mutants",
        root / "tests" / "mutants",
        ignore=shutil.ignore_patterns("test_*", "__pycache__"),
    )
    write(root / "pyproject.toml", CONFIG)
    write(root / "tests" / "__init__.py", "")
    write(root / "tests" / "mutants" / "limits.toml", LIMITS)
    write(root / "tests" / "mutants" / "equivalents.toml", "")
    # The libraries that the real tests need would take longer to import than all of this.
    worker = root / "tests" / "mutants" / "worker.py"
    text = worker.read_text("utf-8")
    write(worker, text.replace("for library in LIBRARIES:", 'for library in ("pytest",):'))
    write(root / "walrusd" / "__init__.py", "")
    for room, tests in (("core", STRONG), ("state", WEAK)):
        write(root / "walrusd" / room / "__init__.py", "")
        write(root / "walrusd" / room / "rule.py", RULE)
        write(root / "tests" / room / "test_rule.py", tests.format(room=room))
    return root


def run(root, *, sample=2):
    return main(["--workers", "1", "--sample", str(sample), "--seed", "5"], root)


def read_report(root):
    return json.loads((root / "build" / "mutants" / "report.json").read_text("utf-8"))


def test_a_weakened_test_lets_mutants_survive(tree, capfd):
    before = digest_tree(tree)
    assert run(tree, sample=3) == 1
    rooms = {room["room"]: room for room in read_report(tree)["rooms"]}
    assert (rooms["core"]["tried"], rooms["core"]["killed"]) == (3, 3)
    assert (rooms["state"]["killed"], rooms["state"]["survived"]) == (1, 2)
    assert digest_tree(tree) == before
    assert digest_tree(tree / "build" / "mutants" / "worker-0") == before
    capfd.readouterr()
    assert run(tree, sample=3) == 1
    told = capfd.readouterr().out
    assert "going on, 6 are tried already" in told
    assert "recorded before: 2 of 2" in told


def test_tests_that_fail_anyway_judge_nothing(tree, capfd):
    write(tree / "tests" / "core" / "test_wrong.py", "def test_it():\n    assert False\n")
    assert run(tree) == 2
    assert "tests/core/test_wrong.py::test_it" in capfd.readouterr().err


def test_a_test_that_fails_beside_mutants_only_is_no_judge(tree, capfd):
    """It passes when it is recorded, and fails in a copy, whatever is changed there."""
    only_here = "import pathlib\ndef test_it():\n    import walrusd.core.rule as rule\n"
    only_here += "    rule.may_join(1, 2)\n    assert 'worker' not in rule.__file__\n"
    write(tree / "tests" / "core" / "test_rule.py", only_here)
    assert run(tree) == 2
    assert "without any mutation" in capfd.readouterr().err


def test_a_stale_reason_stops_the_run(tree, capfd):
    stale = '[[equivalent]]\nfile = "walrusd/core/rule.py"\nline = "return stake < limit"\n'
    stale += 'becomes = "*"\nreason = "it was like that once"\n'
    write(tree / "tests" / "mutants" / "equivalents.toml", stale)
    assert run(tree) == 2
    assert "walrusd/core/rule.py" in capfd.readouterr().out


def test_two_runs_do_not_share_a_folder(tree, capfd):
    with hold_folder(tree / "build" / "mutants"):
        assert run(tree) == 2
    assert "another run" in capfd.readouterr().err


def test_what_a_killed_run_has_left_is_mended(tree, tmp_path):
    copy = tmp_path / "copy"
    make_equal(tree, copy)
    write(copy / "walrusd" / "core" / "rule.py", RULE.replace("<=", "< "))
    write(copy / "walrusd" / "core" / "more.py", "")
    (copy / "tests" / "core" / "test_rule.py").unlink()
    make_equal(tree, copy)
    assert digest_tree(copy) == digest_tree(tree)
