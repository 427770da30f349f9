"""Reads what the tests compare out of Move sources: constants, structs, functions."""

import re
from dataclasses import dataclass

from walrusd.chain.bcs import BalanceCodec, Codec, Optional, StructCodec, Vector

from .builder import PACKAGE

_ERROR = re.compile(r"((?:^///[^\n]*\n)+)^const (E\w+): u64 = (\d+);", re.M)
_STRUCT = re.compile(r"^public struct (\w+) has ([\w, ]+) \{\n(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"^    `?(\w+)`?: (.+),$", re.M)
_FUNCTION = re.compile(
    r"^(#\[[^\n]*\]\n)?(?:///[^\n]*\n)*(public |entry )fun (\w+)\((.*?)\)(?:: ([^{]+?))? \{",
    re.M | re.S,
)


@dataclass(frozen=True)
class Struct:
    module: str
    name: str
    abilities: frozenset[str]
    fields: dict[str, str]


@dataclass(frozen=True)
class Function:
    module: str
    name: str
    is_entry: bool
    params: tuple[str, ...]
    returns: str


def read_modules() -> dict[str, str]:
    """Every module's source text by its name."""
    return {path.stem: path.read_text() for path in sorted((PACKAGE / "sources").glob("*.move"))}


def move_name(codec: Codec) -> str:
    """The type of a field that ``codec`` reads, as sources write it."""
    match codec:
        case BalanceCodec():
            return "Balance<SUI>"
        case Vector(item=item):
            return f"vector<{move_name(item)}>"
        case Optional(item=item):
            return f"Option<{move_name(item)}>"
        case StructCodec(cls=cls):
            return cls.__name__
    return codec.move_type.removeprefix("0x2::object::")


def read_constant(name: str) -> int:
    """The value of a constant like ``node::MAX_SEATS``."""
    module, _, constant = name.partition("::")
    (value,) = re.findall(rf"^const {constant}: u\d+ = ([\d_]+);", read_modules()[module], re.M)
    return int(value)


def parse_errors(text: str) -> list[tuple[str, int, str]]:
    """Name, code and sentence of every error constant, in order."""
    return [
        (name, int(code), " ".join(line.removeprefix("///").strip() for line in doc.splitlines()))
        for doc, name, code in _ERROR.findall(text)
    ]


def parse_structs(module: str, text: str) -> list[Struct]:
    return [
        Struct(
            module,
            name,
            frozenset(abilities.split(", ")),
            dict(_FIELD.findall(body)),
        )
        for name, abilities, body in _STRUCT.findall(text)
    ]


def parse_functions(module: str, text: str) -> list[Function]:
    """Public and private-entry functions; nothing of the package's own, nothing for tests."""
    found = []
    for attribute, kind, name, params, returns in _FUNCTION.findall(text):
        if "test" in attribute:
            continue
        types = tuple(
            p.split(":", 1)[1].strip() for p in params.replace("\n", " ").split(",") if ":" in p
        )
        found.append(Function(module, name, kind == "entry ", types, returns))
    return found
