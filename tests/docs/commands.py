"""Reads the commands of walrusd in a text, and holds them against the programs themselves."""

import re
import shlex
from collections.abc import Iterator

import click

from walrusctl.__main__ import cli as walrusctl
from walrusd.__main__ import cli as walrusd
from walrusd.devnet.cli import devnet
from walrusd.devnet_market.cli import down, up

PASSED_ON = {"init", "verify", "model", "config", "contract"}
"""Commands of ``walrusctl`` that run ``walrusd``."""

_PROGRAM = re.compile(r"(?<![\w./=-])(walrusd|walrusctl)((?: [^|;&\n]*)?)")
_UNKNOWN = re.compile(r"…|\$|\d")
"""What stands for any command, or follows the program's name in a sentence."""


def list_commands(text: str) -> Iterator[list[str]]:
    """Yield each call of ``walrusd`` or ``walrusctl`` in a shell's text, as words."""
    joined = re.sub(r"\\\n\s*", " ", text)
    # Comments, and what a substitution or a quotation around the command closes.
    for line in joined.splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line)
        for program, rest in _PROGRAM.findall(bare):
            cut = re.split(r"\s[0-9]?[<>]|\)(?:\s|$)", rest)[0]
            yield [program, *_split(cut)]


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation that goes on in the next line
        return text.split()


def check_command(words: list[str]) -> None:
    """Raise ``AssertionError`` if a command, subcommand or option of the words does not exist."""
    program, *rest = words
    if rest and _UNKNOWN.match(rest[0]):
        return
    group: click.Command = walrusd
    if program == "walrusctl" and not (rest and rest[0] in PASSED_ON):
        group = walrusctl
    while isinstance(group, click.Group) and rest and not rest[0].startswith("-"):
        known = {**group.commands, **({"devnet": grow_devnet()} if group is walrusd else {})}
        if rest[0] not in known:
            assert "file" in known, f"{' '.join(words)}: there is no {rest[0]}"
            group = known["file"]  # `verify FILE` is `verify file FILE`
            break
        group, rest = known[rest[0]], rest[1:]
    names = {option for param in group.params for option in param.opts} | {"-h", "--help"}
    for word in rest:
        if word.startswith("-") and len(word) > 1:
            assert word.partition("=")[0] in names, f"{' '.join(words)}: there is no {word}"


def grow_devnet() -> click.Group:
    """Return ``walrusd devnet`` with its subcommands, as the program puts them together."""
    for command in (up, down):
        devnet.add_command(command)
    return devnet
