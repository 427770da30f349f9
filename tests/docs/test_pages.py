"""Commands in pages exist, and the pages about the devnet and the control interface are right."""

import re
from pathlib import Path

import pytest

from tests.docs import tables
from tests.docs.commands import check_command, list_commands
from tests.docs.guide import ROOT, list_tested
from walrusd.devnet_market.layout import MEMBERS
from walrusd.devnet_market.state import DEFAULT_PORTS
from walrusd.rpc import schema
from walrusd.settings.profile import load_profile

DOCS = ROOT / "docs"
SHELL = re.compile(r"^```(?:sh|console)[ \w]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:walrusd|walrusctl) [^`]+)`")
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
RPC, DEVNET = (page.read_text("utf-8") for page in tables.PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_and_option_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    for block in SHELL.findall(text):
        for words in list_commands(block):
            check_command(words)
    prose = SHELL.sub("", text)
    for span in SPAN.findall(prose):
        for words in list_commands(" ".join(span.split())):
            check_command(words)


@pytest.mark.parametrize(
    "command",
    [
        "walrusd develop",
        "walrusd devnet upp",
        "walrusd devnet up --port 1",
        "walrusctl task shows",
        "walrusctl contract publish --config a --nam b",
        "until walrusctl task show $TASK --jsn | grep x; do",
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str) -> None:
    (words,) = list_commands(command)
    with pytest.raises(AssertionError):
        check_command(words)


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.name)
def test_tables_are_those_of_the_code(page: Path) -> None:
    text = page.read_text("utf-8")
    assert "made by python" in text
    assert text == tables.put_tables(text), "run: python -m tests.docs.tables"


def test_every_number_of_an_error_is_explained() -> None:
    numbers = {n for n, v in vars(schema).items() if n.isupper() and type(v) is int and v < 0}
    assert numbers == tables.ERRORS.keys()


def test_the_limits_of_requests_are_right() -> None:
    assert f"at most {schema.MAX_BATCH} requests" in RPC
    assert f"at most {schema.MAX_BODY_BYTES} bytes" in RPC


def test_the_ports_are_right() -> None:
    told = dict(re.findall(r"^\| `--(\w+)-port` \| (\d+) \|", DEVNET, re.MULTILINE))
    assert told == {name: str(port) for name, port in vars(DEFAULT_PORTS).items()}
    assert all(str(port) in (ROOT / "README.md").read_text("utf-8") for port in told.values())


def test_every_daemon_of_the_market_is_described() -> None:
    for member in MEMBERS:
        number = member.name.removeprefix("verifier")
        assert f"`{member.name}`" in DEVNET or number in set("234567")


@pytest.mark.parametrize(("page", "most"), [(RPC, 0), (DEVNET, 3)])
def test_examples_are_tested(page: str, most: int) -> None:
    """All but those that start and stop networks, or name a request that the reader has."""
    assert len(list_tested(page)) >= 4
    assert len(re.findall(r"^```sh$", page, re.MULTILINE)) == most


def test_the_profile_of_the_devnet_has_its_default_ports() -> None:
    profile = load_profile(ROOT / "config" / "networks" / "devnet.toml")
    assert profile.urls == (f"http://127.0.0.1:{DEFAULT_PORTS.sui}",)
    assert (
        profile.aggregators == profile.publishers == (f"http://127.0.0.1:{DEFAULT_PORTS.walrus}",)
    )
