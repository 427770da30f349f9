"""No test fails because the machine is slow."""

import re
import tomllib
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.support.guards import GUARD_S, PLAY_S

ROOT = Path(__file__).parents[2]
LIMITS = re.compile(
    r"(?<!grpc-)\b(?:timeout=|wait\(|settimeout\(|mark\.timeout\()(\d+(?:\.\d+)?)\b"
)
"""A number of real seconds for something that a machine does."""


def test_examples_take_as_long_as_they_take() -> None:
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


def test_pytest_waits_longer_than_any_guard() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert options["timeout"] > PLAY_S + GUARD_S
    assert PLAY_S > GUARD_S >= 600


def test_real_time_is_limited_by_guards_only() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if "node_modules" not in path.parts
        for match in LIMITS.finditer(path.read_text(encoding="utf-8"))
        if float(match[1]) < GUARD_S
    ]
    assert not found, "use tests.support.guards"
