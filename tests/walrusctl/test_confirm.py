"""Whoever moves money is asked: on a terminal, by no program, and never without either."""

import io
import json
import sys
from pathlib import Path

import pytest

from tests.walrusctl.conftest import ANSWERS
from walrusctl.__main__ import cli

TASK = "0x" + "ab" * 32
COSTS = {
    "title": "digits", "already_open": None, "locked_mist": 8_234_000_000, "bond_mist": 10**9,
    "storage_mist": 0, "gas_most_mist": 3 * 10**8, "spent_most_mist": 7_534_000_000,
    "lost_most_mist": 8_534_000_000, "missing_mist": 0, "longest_life_duration_ms": 5_400_000,
    "deposits": [
        {"deposit": "rewards", "places": 8, "place_mist": 10**9, "amount_mist": 8 * 10**9,
         "ends": "comes back"},
    ],
    "durations": [{"stage": "joining", "duration_ms": 90_000, "when": "always"}],
    "warnings": [{"rule": "bribery", "sentence": "Forging pays.", "advice": "set audit_bps"}],
}  # fmt: skip


class Terminal(io.StringIO):
    """Standard input on a terminal, with what a person types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def asks(tmp_path: Path) -> dict[str, list[str]]:
    """Every command that binds or spends more than gas, by its method."""
    file = tmp_path / "task.toml"
    file.write_text('title = "digits"')
    return {
        "task.publish": ["task", "publish", str(file)],
        "task.join": ["task", "join", TASK],
        "node.register": ["node", "register", "--max-stake", "10 SUI"],
        "node.renew": ["node", "renew"],
        "node.top_up": ["node", "top-up"],
        "task.cancel": ["task", "cancel", TASK],
        "dataset.add": ["dataset", "add", str(file), "--title", "t"],
    }


METHODS = (
    "task.publish", "task.join", "task.cancel", "node.register", "node.renew", "node.top_up",
    "dataset.add",
)  # fmt: skip
JOINED = {"task": TASK, "stake_mist": 2 * 10**9, "joined": 3, "cancel_fee_mist": 10**8}
SEAT = {
    "pool": "0x9", "stake_mist": 32 * 10**9, "fee_mist": 10**7, "rate": 10**9, "memory_bytes": 8,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _answers(monkeypatch) -> None:
    monkeypatch.setitem(ANSWERS, "task.preview", COSTS)
    monkeypatch.setitem(ANSWERS, "task.show", JOINED)
    monkeypatch.setitem(ANSWERS, "node.preview", SEAT)


def sent(daemon) -> list[str]:
    return [method for method, _ in daemon.api.calls]


@pytest.mark.parametrize("method", METHODS)
async def test_without_a_terminal_nothing_moves_unless_it_is_said(daemon, asks, method) -> None:
    done = await daemon.ctl(*asks[method])
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error local.unconfirmed: ")
    assert "hint: add --yes; nothing was sent" in done.err
    assert sent(daemon) == []
    for word in ("--yes", "--json"):
        daemon.api.calls.clear()
        assert (await daemon.ctl(*asks[method], word)).status == 0
        assert sent(daemon) == [method]


@pytest.mark.parametrize("method", METHODS)
async def test_a_terminal_asks_and_only_yes_moves_money(daemon, asks, method, monkeypatch) -> None:
    for answer in ("n\n", "\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        done = await daemon.ctl(*asks[method])
        assert done.status == 1
        assert "nothing was sent" in done.err
        assert method not in sent(daemon)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert (await daemon.ctl(*asks[method])).status == 0
    assert sent(daemon)[-1] == method


async def test_the_question_names_what_is_bound(daemon, asks, monkeypatch) -> None:
    for method, amounts in (
        ("task.publish", ["8.234 SUI"]),
        ("task.join", ["2 SUI"]),
        ("task.cancel", ["0.3 SUI"]),
        ("node.register", ["32 SUI", "0.01 SUI"]),
    ):
        monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
        asked = (await daemon.ctl(*asks[method])).err
        assert all(amount in asked for amount in amounts)


async def test_a_task_that_is_open_already_locks_nothing_and_is_not_asked_about(
    daemon, asks, monkeypatch
) -> None:
    monkeypatch.setitem(ANSWERS, "task.preview", COSTS | {"already_open": TASK})
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert (await daemon.ctl(*asks["task.publish"])).status == 0
    assert sent(daemon) == ["task.preview", "task.publish"]


async def test_a_dry_run_shows_amounts_and_durations_and_sends_nothing(daemon, asks) -> None:
    out = (await daemon.ctl(*asks["task.publish"], "--dry-run")).out
    assert sent(daemon) == ["task.preview"]
    for word in ("8.234 SUI", "8.534 SUI", "1h30m", "1m30s", "rewards", "Forging pays."):
        assert word in out
    assert "8234000000" not in out
    printed = (await daemon.ctl(*asks["task.publish"], "--dry-run", "--json")).out
    assert json.loads(printed) == COSTS


def test_every_command_says_whether_it_asks() -> None:
    """A new command that has ``--yes`` is one of those above, and they all have it."""
    having = {
        f"{group}.{name}".replace("-", "_")
        for group, found in cli.commands.items()
        for name, command in getattr(found, "commands", {}).items()
        if any("--yes" in param.opts for param in command.params)
    }
    assert having == set(METHODS)
