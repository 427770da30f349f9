"""What walrusd's own commands print: file names, headers and error texts are strangers' too."""

import json
import logging
import sys

import click
import pytest
import structlog
from click.testing import CliRunner

from tests.walrusctl.strangers import EVIL, assert_harmless
from walrusd.__main__ import main, typed_errors
from walrusd.cli.options import EXIT_NEEDS_OWNER, run_command
from walrusd.cli.report import ProgressLine, open_checklist, print_report
from walrusd.crypto.checklist import FAILED, Item
from walrusd.devnet.cli import devnet
from walrusd.errors import ChainUnreachable
from walrusd.verify.checklist_text import PROVES, describe_item
from walrusd.verify.dispute_text import format_dispute

TYPED = EVIL.replace("\ud800", "\udc9b")
"""As a command line has it: bytes that are no UTF-8 come as these surrogates."""


@pytest.fixture(autouse=True)
def process(monkeypatch):
    """Undo what a command does to the process that is its own."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_typed_error_is_printed_escaped(as_json: bool) -> None:
    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    @typed_errors
    def command(*, as_json: bool) -> None:
        raise ChainUnreachable(f"the node said {EVIL}", hint=EVIL, detail=EVIL)

    done = CliRunner().invoke(command, ["--json"] if as_json else [])
    assert done.exit_code == 1
    assert_harmless(done.stdout + done.stderr)
    if as_json:
        assert json.loads(done.stdout)["error"]["detail"] == EVIL
    else:
        assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("arguments", [
    (TYPED,), ("run", "--" + TYPED), ("run", "--config", TYPED), ("config", "check", TYPED),
    ("config", "check", "--config", TYPED), ("verify", TYPED), ("verify", "segment", TYPED),
    ("verify", "dispute", TYPED, TYPED), ("verify", "aggregate", TYPED, "--network", TYPED),
    ("verify", "aggregate", "0x1", "--config", TYPED), ("model", "import", TYPED),
    ("model", "export", "--plan", TYPED, "--weights", TYPED, "--out", "x"),
    ("contract", "verify", "--network", TYPED), ("contract", "use", TYPED),
    ("contract", "publish", "--name", TYPED, "--tip", TYPED),
    ("init", "--dir", "x", "--network", TYPED), ("init", "--dir", "x", "--set", TYPED),
    ("init", "--dir", "x", "--role", TYPED), ("init", "--dir", "x", "--key-file", TYPED),
    ("devnet", "--dir", "x", "--" + TYPED), ("devnet", "--dir", "x", "--sui-port", TYPED),
])  # fmt: skip
def test_what_was_typed_is_echoed_escaped(
    arguments: tuple[str, ...], monkeypatch, capsys, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["walrusd", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in {1, 2, EXIT_NEEDS_OWNER}
    shown = capsys.readouterr()
    assert shown.err
    assert_harmless(shown.out + shown.err)


def test_the_devnets_complaints_are_escaped(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("walrusd.devnet.cli.serve_devnet", _refuse)
    with pytest.raises(SystemExit):
        run_command(devnet, ["--dir", str(tmp_path)], "walrusd devnet")
    assert_harmless(capsys.readouterr().err)


async def _refuse(*_arguments: object, **_named: object) -> None:
    raise ChainUnreachable(EVIL, hint=EVIL)


def test_a_mistake_of_ours_is_traced_escaped(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["walrusd", "--help"])
    with pytest.raises(SystemExit):
        main()
    error = ExceptionGroup(EVIL, [RuntimeError(EVIL)])
    sys.excepthook(ExceptionGroup, error, None)
    shown = capsys.readouterr().err
    assert "RuntimeError" in shown
    assert_harmless(shown)


def test_warnings_of_a_command_are_escaped(monkeypatch, capsys) -> None:
    """Without a daemon nobody else sets up logs, and Python's last resort writes them raw."""
    monkeypatch.setattr(sys, "argv", ["walrusd", "--help"])
    with pytest.raises(SystemExit):
        main()
    logging.getLogger("walrusd.chain.calls.reads").warning("object %s is left out: %s", "0x1", EVIL)
    structlog.get_logger().warning(EVIL, reason=EVIL)
    structlog.get_logger().info("not of interest")
    shown = capsys.readouterr()
    assert "left out" in shown.err
    assert "not of interest" not in shown.out + shown.err
    assert_harmless(shown.out + shown.err)


def test_a_detail_cannot_add_a_line_to_a_checklist(capsys) -> None:
    (name, *_) = PROVES
    lines = describe_item(Item(name, FAILED, f"x\npassed  {name}: {EVIL}", subject=EVIL))
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    checks = open_checklist(ProgressLine(), as_json=False)
    checks.passed(name, EVIL, subject=EVIL)
    print_report({"file": EVIL, EVIL: EVIL}, checks, as_json=False)
    assert_harmless(capsys.readouterr().out)


def test_a_dispute_is_told_escaped(capsys) -> None:
    given = [{"name": EVIL, "source": EVIL, "number": 1, "of": EVIL, "digest": EVIL,
              "numbers": [EVIL]}, {"name": EVIL, "source": EVIL, "of": EVIL}]  # fmt: skip
    leaf = {"index": 0, "count": 1, "first_number": 0, "numbers": 4, "place": [EVIL],
            "differing": 2, "at": {"A": EVIL}}  # fmt: skip
    record = dict.fromkeys(("losses", "folds", "chain", "state_root"), EVIL)
    report = {
        "segment": 1, "task": EVIL, "agree": False, "step": 3, "parts": [EVIL],
        "told": {"A": {"step": 3, "error": EVIL, "means": EVIL}, "B": record},
        "operation": {"number": 1, "count": 2, "name": EVIL, "form": EVIL, "inputs": given,
                      "leaf": leaf, "digests": {"A": EVIL, "B": None}},
        "right": "A", "both_wrong_from_step": None, "computed_steps": 1,
        "accounts": {"A": {"first_wrong_operation": EVIL}},
    }  # fmt: skip
    lines = list(format_dispute(report))
    assert all(line.isprintable() for line in lines)
    ProgressLine().print(*lines)
    assert_harmless(capsys.readouterr().out)


def test_progress_stays_on_its_line(monkeypatch, capsys) -> None:
    progress = ProgressLine()
    progress._watched = True
    monkeypatch.setenv("COLUMNS", "40")
    progress.show(EVIL)
    shown = capsys.readouterr().err.removeprefix("\r").removeprefix("\x1b[K")
    assert shown.isprintable()
    assert len(shown) < 40
