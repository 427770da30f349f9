"""What we know of the framework has the signatures and layouts of the published one.

That is the subset that the contract is compiled with, the framework's objects that walrusd reads as
bytes, and its functions that the devnet has. sui-sandbox carries the framework's bytecode: modules
are cut out of its library, their interfaces extracted, and everything is looked up there.
"""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from walrusd.chain.packages import publish
from walrusd.chain.send import gas
from walrusd.chain.values.types import ObjectData, Owner, OwnerKind
from walrusd.devnet.move import context, framework, packages
from walrusd.devnet.move.framework import bind_framework
from walrusd.devnet.move.signatures import Mode, ParamKind, PureKind, StructKind

from .builder import HERE
from .bytecode import MAGIC, read_tables, read_uleb
from .sources import move_name, split_top

sandbox = pytest.importorskip(
    "sui_sandbox", reason="SUI-SANDBOX IS MISSING: the framework subset is compared with nothing"
)

MODULE_HANDLES, IDENTIFIERS, ADDRESSES = 1, 7, 8
PACKAGES = {"std": 1, "sui": 2}
VISIBILITY = {None: "private", "public": "public", "public(package)": "friend"}
# The compiler's own instructions; they are no functions in the bytecode.
BUILT_IN = {"vector"}

LAYOUTS = {
    "walrusd/chain/packages/publish.py": [publish.UpgradeCap],
    "walrusd/devnet/move/framework.py": [framework.UpgradeTicket, framework.UpgradeReceipt],
    "walrusd/devnet/move/context.py": [context.Coin],
    "walrusd/devnet/move/packages.py": [packages.UpgradeCap],
}
"""Layouts of structs that the framework defines, by the file that has them."""

_FUNCTION = re.compile(
    r"(#\[[^\n]*?\] ?)?(?:(public(?:\(package\))?) )?(native )?(?<!macro )fun (\w+)"
    r"(<[^(]*>)?\(([^)]*)\)\s*(?::\s*(\([^)]*\)|[^{;]+?))?\s*[{;]"
)
_STRUCT = re.compile(
    r"(#\[test_only\] )?public struct (\w+)(<[^{]*?>)?\s*(?:has [^{]*)?\{([^}]*)\}"
)


def cut_module(library: bytes, at: int) -> tuple[int, str, bytes] | None:
    """Return package number, name and bytes of the module at ``at``; None if there is none."""
    try:
        tables, end = read_tables(library[at : at + 400])
        own, length = read_uleb(library, at + end)
    except (ValueError, IndexError):
        return None
    module = library[at:length]
    if not {MODULE_HANDLES, IDENTIFIERS, ADDRESSES} <= tables.keys():
        return None

    names, (cursor, size) = [], tables[IDENTIFIERS]
    stop = cursor + size
    while cursor < stop:
        count, start = read_uleb(module, cursor)
        cursor = start + count
        names.append(module[start:cursor].decode("ascii", "replace"))
    cursor = tables[MODULE_HANDLES][0]
    for _ in range(own + 1):
        address, cursor = read_uleb(module, cursor)
        name, cursor = read_uleb(module, cursor)
    start = tables[ADDRESSES][0] + 32 * address
    return int.from_bytes(module[start : start + 32], "big"), names[name], module


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """The interface of every module of each framework package."""
    folder = tmp_path_factory.mktemp("framework")
    location = Path(importlib.util.find_spec("sui_sandbox").origin).parent
    (library,) = (path.read_bytes() for path in location.glob("*.so"))
    for match in re.finditer(re.escape(MAGIC), library):
        cut = cut_module(library, match.start())
        if cut is not None and cut[0] in PACKAGES.values():
            target = folder / str(cut[0]) / "bytecode_modules" / f"{cut[1]}.mv"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(cut[2])
    return {
        package: sandbox.extract_interface(bytecode_dir=str(folder / str(number)))["modules"]
        for package, number in PACKAGES.items()
    }


def plain(text: str, generics: str | None) -> str:
    """A source type without paths and spaces, with numbered type parameters."""
    names = [
        g.split(":")[0].replace("phantom", "").strip() for g in split_top((generics or "<>")[1:-1])
    ]
    for number, name in enumerate(names):
        text = re.sub(rf"\b{name}\b", f"T{number}", text)
    return re.sub(r"\s+", "", re.sub(r"\b(?:[a-z_0-9]+::)+", "", text))


def render(kind: Any) -> str:
    """A type of the published interface in the same form."""
    match kind["kind"]:
        case "datatype":
            arguments = ",".join(map(render, kind["type_args"]))
            return kind["name"] + (f"<{arguments}>" if arguments else "")
        case "ref":
            return ("&mut" if kind["mutable"] else "&") + render(kind["to"])
        case "vector":
            return f"vector<{render(kind['type'])}>"
        case "type_param":
            return f"T{kind['index']}"
    return str(kind["kind"])


def subset_modules():
    for path in sorted((HERE / "framework").glob("*/sources/*.move")):
        for text in re.split(r"(?m)^(?=(?:#\[[^\n]*\]\n)?module )(?<!\]\n)", path.read_text()):
            head = re.match(r"(#\[.*\]\n)?module (std|sui)::(\w+)", text)
            if head and "test_only" not in (head[1] or ""):
                yield head[2], head[3], text


def test_functions_are_the_published_ones(published):
    checked = 0
    for package, module, text in subset_modules():
        for attribute, visibility, native, name, generics, params, returns in _FUNCTION.findall(
            text
        ):
            if "test_only" in attribute or module in BUILT_IN:
                continue
            real = published[package][module]["functions"][name]
            listed = returns[1:-1] if returns.startswith("(") else returns
            mine = (
                [plain(p.split(":", 1)[1], generics) for p in split_top(params)],
                [plain(r, generics) for r in split_top(listed)],
                VISIBILITY[visibility or None],
                bool(native),
            )
            theirs = (
                [render(p) for p in real["params"]],
                [render(r) for r in real["returns"]],
                real["visibility"],
                real["is_native"],
            )
            assert mine == theirs, f"{module}::{name}"
            checked += 1
    assert checked > 80


def test_structs_are_the_published_ones(published):
    checked = 0
    for package, module, text in subset_modules():
        for attribute, name, generics, body in _STRUCT.findall(text):
            if attribute:
                continue
            fields = [f.split(":", 1) for f in split_top(body)]
            mine = [(f.strip(), plain(t, generics)) for f, t in fields] or [("dummy_field", "bool")]
            real = published[package][module]["structs"][name]["fields"]
            assert mine == [(f["name"], render(f["type"])) for f in real], f"{module}::{name}"
            checked += 1
    assert checked >= 15


def test_layouts_of_framework_structs_are_the_published_ones(published):
    for layout in (layout for found in LAYOUTS.values() for layout in found):
        real = published["sui"][layout.MODULE]["structs"][layout.__name__]
        mine = [(name, move_name(codec)) for name, codec in layout.codecs().items()]
        # The only coins are those of SUI.
        assert mine == [
            (f["name"], render(f["type"]).replace("<T0>", "<SUI>")) for f in real["fields"]
        ], layout.__name__


def test_no_other_layout_is_of_a_framework_struct():
    """Those of the contract are compared with its sources."""
    root = HERE.parents[1]
    found = {
        str(path.relative_to(root)): names
        for path in (root / "walrusd").rglob("*.py")
        if path.parent.name != "layouts"
        and (names := re.findall(r"^class (\w+)\(Layout, module=", path.read_text(), re.M))
    }
    assert found == {file: [cls.__name__ for cls in listed] for file, listed in LAYOUTS.items()}


def test_a_coin_is_read_where_its_balance_lies():
    coin = context.Coin("0x" + "c0" * 32, 0x0123_4567_89AB_CDEF)
    owner = Owner(OwnerKind.ADDRESS, "0x1")
    data = ObjectData(coin.id, 1, "digest", owner, "0x2::coin::Coin", coin.to_bcs())
    assert gas.Coin.read(data).balance == coin.balance


def render_kind(kind: ParamKind) -> str:
    """A type of the devnet's functions in the form of ``render``."""
    if isinstance(kind, PureKind):
        return kind.move_type
    assert isinstance(kind, StructKind)
    return {Mode.VALUE: "", Mode.REF: "&", Mode.MUT: "&mut"}[kind.mode] + kind.layout.__name__


def test_framework_functions_of_the_devnet_are_the_published_ones(published):
    functions = bind_framework().functions
    for (module, name), function in functions.items():
        real = published["sui"][module]["functions"][name]
        assert real["visibility"] == "public"
        assert [render_kind(k) for k in function.params] == [render(p) for p in real["params"]]
        assert [render_kind(k) for k in function.returns] == [render(r) for r in real["returns"]]
    called = set(re.findall(r"::package::(\w+_upgrade)\b", Path(publish.__file__).read_text()))
    assert called
    assert called == {name for _, name in functions}
