"""What docs/architecture.md and the pages beside it say of the tree is so."""

import dataclasses
import re

import pytest

from tests.docs.references import (
    CODE,
    DOCS,
    list_names,
    list_paths,
    list_spans,
    locate,
    names_of,
    read_prose,
)
from tests.structure.test_import_direction import ALLOWED, FOUNDATION
from walrusd.settings.model import Settings

PAGE = DOCS / "architecture.md"
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGES = [PAGE, DOCS / "glossary.md", DOCS / "security.md", *DECISIONS]
MACHINE = {"core", "crypto", "settings", "runtime"}
SHORT = {"machine": MACHINE, "adapters": MACHINE | {"training", "chain", "storage", "state"}}
SECTIONS = {
    section.name: {field.name for field in dataclasses.fields(section.type)}
    for section in dataclasses.fields(Settings)
    if dataclasses.is_dataclass(section.type)
}
ROW = re.compile(r"^\| ((?:`\w+` ?)+) \| [^|]+ \| ([^|]*)\|$", re.MULTILINE)


def read_rooms() -> dict[str, set[str]]:
    """Return what the table of rooms says that each imports."""
    rooms = {}
    for names, imports in ROW.findall(PAGE.read_text("utf-8").partition("## Rules")[0]):
        words = {word.strip() for word in imports.split(",")} - {""}
        expanded = set().union(*(SHORT.get(word, {word}) for word in words))
        rooms |= dict.fromkeys(re.findall(r"\w+", names), expanded)
    return rooms


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_exists(page):
    for span in list_spans(read_prose(page)):
        for path in list_paths(span):
            assert locate(path).exists(), f"{page.name}: `{span}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_is_defined_where_the_page_says(page):
    for span in list_spans(read_prose(page)):
        found = list_names(span)
        if found is not None:
            path, names = found
            assert set(names) <= names_of(locate(path)), f"{page.name}: `{span}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_exists(page):
    for span in list_spans(read_prose(page)):
        section, dot, key = span.partition(".")
        if dot and section in SECTIONS and re.fullmatch(r"[a-z_]+", key):
            assert key in SECTIONS[section], f"{page.name}: `{span}`"


def test_every_room_is_described():
    folders = {p.name for p in CODE.iterdir() if (p / "__init__.py").exists()}
    modules = {p.stem for p in CODE.glob("*.py")} - {"__init__"}
    assert set(read_rooms()) == folders | modules


def test_rooms_import_what_the_page_says():
    wanted = {room: set() for room in FOUNDATION} | ALLOWED
    assert read_rooms() == wanted


def test_pages_are_short_enough_to_be_read():
    assert len(PAGE.read_text("utf-8").splitlines()) <= 250
    for decision in DECISIONS:
        assert len(decision.read_text("utf-8").splitlines()) <= 60, decision.name
