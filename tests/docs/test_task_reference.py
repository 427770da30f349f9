"""The reference of the task file names every key and term, with the default that the code has."""

import re
from pathlib import Path

from tests.support.market.world import make_plan
from walrusd.chain.layouts.objects import Terms
from walrusd.core.lifecycle import CostRule, Scheme, WeightsRule
from walrusd.durations import format_duration, parse_duration
from walrusd.services.publisher.task_request import PARAMETERS
from walrusd.services.publisher.terms import read_terms
from walrusd.settings.amounts import parse_amount
from walrusd.training.plan.plan import read_plan

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "task.md").read_text()
FROM_THE_PLAN = {"segments", "state_bytes", "segment_work"}
NAMES = {"weights_rule": "weights", "cost_rule": "cost"}


def rows(part: str) -> list[list[str]]:
    """Return the cells of the rows that begin with a name in code."""
    found = re.findall(r"^\| `(\w+)` \|(.*)\|$", part, re.MULTILINE)
    return [[name, *(cell.strip() for cell in rest.split(" | "))] for name, rest in found]


def read_default(name: str, shown: str) -> int:
    """Return the number that a default stands for in the terms."""
    text = shown.strip('"')
    for rule in (Scheme, WeightsRule, CostRule):
        if text.upper() in rule.__members__:
            return rule[text.upper()]
    if name.endswith("_ms"):
        assert shown == f'"{format_duration(parse_duration(text))}"', "as it is printed"
        return parse_duration(text)
    return parse_amount(text) if shown.startswith('"') else int(text)


def test_every_key_is_described_and_no_other() -> None:
    keys, _, _terms = PAGE.partition("## Terms")
    assert {row[0] for row in rows(keys)} == PARAMETERS


def test_every_term_is_described_with_its_default() -> None:
    defaults = read_terms(None, read_plan(make_plan()))
    told = {row[0]: row[1] for row in rows(PAGE.partition("## Terms")[2])}
    fields = {name for name in Terms.codecs() if name not in FROM_THE_PLAN}
    assert set(told) == {NAMES.get(name, name.removesuffix("_ms")) for name in fields}
    for name in fields:
        shown = told[NAMES.get(name, name.removesuffix("_ms"))]
        assert read_default(name, shown) == getattr(defaults, name), name
