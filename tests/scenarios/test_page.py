"""``docs/scenarios.md`` says what there is, its example works, and every known loss is played."""

import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.scenarios.document import DOCUMENT, put_losses
from tests.scenarios.known_losses import KNOWN_LOSSES
from tests.support.scenario.cases import KINDS, SAYS
from tests.support.scenario.plugin import STAGES
from tests.support.scenario.scenario import Scenario
from tests.support.scenario.terms import DEFAULTS, PRICES, WINDOWS, UnknownTermError, make_terms
from walrusd.core.aborts import ABORTS
from walrusd.services.publisher import terms as task_file

PAGE = DOCUMENT.read_text("utf-8")
_VERBS = PAGE.partition("## The verbs")[2].partition("## Known losses")[0]
ROWS = [line.split("|")[1:-1] for line in _VERBS.splitlines() if line.startswith("| `")]
NOT_VERBS = {"stage", "world"}
"""For the interface itself."""

(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_lists_every_verb() -> None:
    listed = Counter(
        name
        for cells in ROWS
        for name, called in re.findall(r"`(\w+)(\([^`]*\))?`", cells[0])
        if called or name in ("now", "task", "dataset")
    )
    there = {name for name in dir(Scenario) if not name.startswith("_")} | {"dataset"}
    assert set(listed) == there - NOT_VERBS
    assert max(listed.values()) == 1


def test_the_page_names_arguments_that_verbs_have() -> None:
    for cells in ROWS:
        verb, arguments = re.match(r" `(\w+)(?:\(([^)`]*)\))?`", cells[0]).groups()
        if not arguments:
            continue
        there = set(inspect.signature(getattr(Scenario, verb)).parameters)
        named = {each.split("=")[0].strip() for each in arguments.split(",")} - {"…"}
        named |= set(re.findall(r"`(\w+)`", cells[1])) - {*dir(Scenario), "dataset"}
        assert named <= there | set(DEFAULTS), f"{verb} has no {named - there}"


def test_the_page_names_refusals_that_there_are() -> None:
    known = {abort.name for abort in ABORTS.values()}
    assert set(re.findall(r"`(E[A-Z]\w+)`", PAGE)) <= known


@pytest.mark.parametrize("words", [STAGES, KINDS, SAYS, PRICES, WINDOWS])
def test_the_page_has_every_word(words) -> None:
    assert all(f'"{word}"' in PAGE or f"| `{word}`" in PAGE for word in words)


def test_terms_have_the_names_of_the_task_file() -> None:
    names = {*task_file._AMOUNTS, *task_file._NUMBERS, *task_file._WINDOWS}
    names |= {"weights", "scheme", "cost"}
    assert set(DEFAULTS) == names | {"segments", "state_bytes", "segment_work"}
    with pytest.raises(UnknownTermError, match="bribe"):
        make_terms(bribe=1)


def test_the_example_works(scenario: Scenario) -> None:
    names: dict[str, object] = {}
    exec(EXAMPLE, names)
    names["test_a_forger_is_caught"](scenario)


def test_every_known_loss_is_played_and_listed() -> None:
    folder = Path(__file__).parent
    modules = [importlib.import_module(f"tests.scenarios.{p.stem}") for p in folder.glob("test_*")]
    plays = [
        each.known_loss
        for module in modules
        for each in vars(module).values()
        if inspect.isfunction(each) and hasattr(each, "known_loss")
    ]
    assert sorted(plays) == sorted(KNOWN_LOSSES)
    assert put_losses(PAGE) == PAGE, "run: python -m tests.scenarios.document"
