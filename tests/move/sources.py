"""Reads what the tests compare out of Move sources: constants, structs, functions."""

import re
from dataclasses import dataclass

from walrusd.chain.values.bcs import StructCodec
from walrusd.chain.values.codecs import BalanceCodec, Codec, Optional, Vector

from .builder import PACKAGE

_ERROR = re.compile(r"((?:^///[^\n]*\n)+)^const (E\w+): u64 = (\d+);", re.M)
_STRUCT = re.compile(
    r"(?P<test>#\[test[^\]]*\]\s*)?(?:public\s+)?struct\s+(?P<name>\w+)\s*(?:<[^{(]*?>)?\s*"
    r"(?:has\s+(?P<before>[\w,\s]+?))?\s*(?:\{(?P<named>[^}]*)\}|\((?P<positional>[^;]*?)\))"
    r"\s*(?:has\s+(?P<after>[\w,\s]+?)\s*;)?"
)
_SILENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.S)
_HEAD = re.compile(
    r"((?:#\[[^\]]*\]\s*)*)"
    r"(?:(?:public(?:\s*\(\s*\w+\s*\))?|entry|native|macro)\s+)*\bfun\s+(\w+)"
)
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


def strip_comments(text: str) -> str:
    """Return the source without comments and without what strings say."""
    return _SILENT.sub(lambda match: '""' if match[0].startswith('"') else " ", text)


def split_top(text: str) -> list[str]:
    """Split at the commas that no bracket encloses."""
    parts, depth, current = [], 0, ""
    for char in text:
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current] if current.strip() else parts


def parse_structs(module: str, text: str) -> list[Struct]:
    """Every struct that is not only for tests; fields without names are numbered."""
    found = []
    for match in _STRUCT.finditer(strip_comments(text)):
        if match["test"]:
            continue
        abilities = re.findall(r"\w+", match["before"] or match["after"] or "")
        if match["named"] is None:
            pairs = [(str(at), kind) for at, kind in enumerate(split_top(match["positional"]))]
        else:
            pairs = [tuple(field.split(":", 1)) for field in split_top(match["named"])]
        fields = {name.strip().strip("`"): " ".join(kind.split()) for name, kind in pairs}
        found.append(Struct(module, match["name"], frozenset(abilities), fields))
    return found


def split_functions(text: str) -> list[tuple[str, str]]:
    """Name and text of every function, macros too; those that are only for tests left out."""
    code = strip_comments(text)
    heads = list(_HEAD.finditer(code))
    ends = [head.start() for head in heads[1:]] + [len(code)]
    return [
        (head[2], code[head.end() : end])
        for head, end in zip(heads, ends, strict=True)
        if not re.search(r"\btest", head[1])
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
