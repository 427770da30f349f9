"""The documentation: links lead somewhere in a checkout, and as a site; no page is lost.

mkdocs says the same of the site (``make docs``). This needs no mkdocs, and also reads Markdown that
is no page of the site.
"""

import importlib.util
import logging
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SKIPPED = {"node_modules", ".venv", "build", ".git"}
FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def load_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", DOCS / "site" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = load_hook()


def list_markdown() -> list[Path]:
    found = ROOT.rglob("*.md")
    return sorted(p for p in found if not SKIPPED & set(p.relative_to(ROOT).parts))


def read_text(path: Path) -> str:
    """Return a page without its code blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


def list_anchors(path: Path) -> set[str]:
    headings = (heading.replace("`", "") for heading in HEADING.findall(read_text(path)))
    return {pages.slugify(re.sub(r"\[(.*?)\]\(.*?\)", r"\1", h), "-") for h in headings}


@pytest.mark.parametrize("path", list_markdown(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere_in_a_checkout(path: Path) -> None:
    for link in LINK.findall(read_text(path)):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), link
        assert there.is_relative_to(ROOT), link
        if anchor:
            assert anchor in list_anchors(there), link


def test_every_page_is_in_the_navigation() -> None:
    text = (DOCS / "site" / "mkdocs.yml").read_text("utf-8").replace("!ENV", "")
    listed = set(re.findall(r"[\w/-]+\.md", str(yaml.safe_load(text)["nav"])))
    own = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert listed == own | set(pages.PAGES.values())


def test_every_page_is_reached_from_the_overview() -> None:
    reached: set[Path] = set()
    waiting = {DOCS / "README.md"}
    while waiting:
        page = waiting.pop()
        reached.add(page)
        linked = {(page.parent / link.partition("#")[0]) for link in LINK.findall(read_text(page))}
        waiting |= {p.resolve() for p in linked if p.suffix == ".md" and p.exists()} - reached
    assert {*DOCS.rglob("*.md"), *(ROOT / name for name in pages.PAGES)} <= reached


def rewrite(text: str, repository: str = "https://forge.example/w") -> str:
    return pages.rewrite(text, DOCS / "formats" / "dataset.md", "formats/dataset.md", repository)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](../task.md#terms)", "[a](../task.md#terms)"),
        ("[a](transcript.md)", "[a](transcript.md)"),
        ("[a](../../README.md)", "[a](../project.md)"),
        ("[a](../../walrusd/training/SPEC.md#9-rows)", "[a](../training.md#9-rows)"),
        ("[`a`](../../Makefile)", "[`a`](https://forge.example/w/blob/HEAD/Makefile)"),
        ("[a](#here), [b](https://x.example/y.md)", "[a](#here), [b](https://x.example/y.md)"),
        ("```\n[a](../../Makefile)\n```", "```\n[a](../../Makefile)\n```"),
        ("Two:\n- one\n- two\n", "Two:\n\n- one\n- two\n"),
        ("- one\n- two\n  more\n- three\n", "- one\n- two\n  more\n- three\n"),
        ("- one:\n\n  | a |\n  |---|\n", "- one:\n\n    | a |\n    |---|\n"),
    ],
)
def test_a_page_is_rewritten_for_the_site(text: str, expected: str) -> None:
    assert rewrite(text) == expected


def test_without_a_forge_links_to_sources_are_text() -> None:
    assert rewrite("see [`Makefile`](../../Makefile)", "") == "see `Makefile`"


@pytest.mark.parametrize("link", ["nothing.md", "../../nothing.py", "../../../elsewhere"])
def test_a_dead_link_is_a_warning_which_ends_a_strict_build(link: str, caplog) -> None:
    with caplog.at_level(logging.WARNING, "mkdocs.hooks.pages"):
        assert rewrite(f"[a]({link})") == f"[a]({link})"
    assert link in caplog.text


def test_anchors_are_those_of_forges() -> None:
    assert pages.slugify("3.1 What is hashed, and how", "-") == "31-what-is-hashed-and-how"
    assert pages.slugify("A — B", "-") == "a--b"
