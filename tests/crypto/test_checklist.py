"""A list of checks: what each found, and what failed."""

import pytest

from walrusd.crypto.checklist import FAILED, NOT_CHECKED, PASSED, Checklist, Item
from walrusd.errors import ConfigError, VerificationFailed


def fail() -> str:
    raise VerificationFailed("another root")


def test_every_check_is_a_line_with_what_it_found() -> None:
    seen: list[Item] = []
    checks = Checklist(seen.append)
    assert checks.run("digest", lambda: None)
    assert not checks.run("root", fail, subject="of 3")
    assert checks.find("size", lambda: 8, lambda size: f"{size} bytes") == 8
    assert checks.find("rows", fail) is None
    checks.skipped("replay", "no model")
    assert [(item.name, item.status, item.detail, item.ok) for item in checks.items] == [
        ("digest", PASSED, "", True),
        ("root", FAILED, "another root [proof.invalid]", False),
        ("size", PASSED, "8 bytes", True),
        ("rows", FAILED, "another root [proof.invalid]", False),
        ("replay", NOT_CHECKED, "no model", None),
    ]
    assert [item.name for item in checks.failures] == ["root", "rows"]
    assert checks.items[1].subject == "of 3"
    assert seen == checks.items


def test_only_a_peers_fault_fails_a_check() -> None:
    checks = Checklist()

    def break_off() -> None:
        raise ConfigError("ours")

    with pytest.raises(ConfigError):
        checks.run("x", break_off)
    with pytest.raises(ConfigError):
        checks.find("x", break_off)
    assert checks.items == []
