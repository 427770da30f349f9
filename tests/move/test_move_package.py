"""The Move package: it compiles clean, its tests pass, and it is what the Python side believes."""

import itertools
import json
import re

import pytest

from walrusd.chain.layouts import events, objects
from walrusd.chain.values.bcs import Layout
from walrusd.core import aborts, lifecycle
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.tags import Tag
from walrusd.devnet.contract.dispute import Finding

from . import vectors
from .builder import BYTECODE, PACKAGE
from .sources import move_name, parse_errors, parse_functions, parse_structs, read_modules

MODULES = read_modules()
STRUCTS = {
    (s.module, s.name): s for name, text in MODULES.items() for s in parse_structs(name, text)
}
LAYOUTS = {
    cls.__name__: cls
    for cls in [*vars(objects).values(), *events.EVENTS.values()]
    if isinstance(cls, type) and issubclass(cls, Layout) and hasattr(cls, "MODULE")
}
PREIMAGES = {"envelope", "merkle", "protocol"}
"""Modules whose structs are hashed and dropped; vectors compare the hashes."""
PARTS_OF_OBJECTS = {("submission", "Source"), ("submission", "Verification"), ("task", "Counts")}
"""Structs that only keep another under ``MAX_FIELDS``: their bytes are those of their fields in its
place, so the layouts do not have them."""
MAX_FIELDS = 32
"""A Sui network refuses structs with more."""


def test_compiles_without_errors_or_warnings(built):
    assert built.get("error") is None
    assert built["warnings"] == ""


def test_committed_bytecode_is_what_the_sources_compile_to(built):
    committed = json.loads(BYTECODE.read_text())
    hint = "run: node tests/move/build.mjs write walrusd/move"
    assert committed["digest"] == built["digest"], hint
    assert committed["modules"] == built["modules"], hint
    assert committed["dependencies"] == built["dependencies"]


@pytest.mark.parametrize("module", sorted(vectors.generate_modules()))
def test_both_sides_compute_the_same_bytes(generated_tests, module):
    names = re.findall(r"#\[test[^\]]*\]\nfun (\w+)", vectors.generate_modules()[module])
    assert names
    found = {generated_tests.results.get(f"{module}::{n}") for n in names}
    assert found == {"PASS"}, generated_tests.output


@pytest.mark.parametrize("module", sorted(MODULES))
def test_errors_are_those_of_the_abort_table(module):
    table = [
        (abort.name, abort.code, abort.sentence)
        for abort in aborts.ABORTS.values()
        if abort.module == module
    ]
    assert parse_errors(MODULES[module]) == table


def test_every_module_of_the_abort_table_exists():
    assert {module for module, _ in aborts.ABORTS} <= set(MODULES)


def list_fields(struct):
    """Yield the fields of a struct, those of its parts in their places."""
    for name, kind in struct.fields.items():
        if (struct.module, kind) in PARTS_OF_OBJECTS:
            yield from list_fields(STRUCTS[struct.module, kind])
        else:
            yield name, kind


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_struct_has_the_fields_of_its_layout(name):
    layout = LAYOUTS[name]
    struct = STRUCTS[layout.MODULE, name]
    expected = {field: move_name(codec) for field, codec in layout.codecs().items()}
    assert list(list_fields(struct)) == list(expected.items())


def test_every_struct_has_a_layout():
    stored = {key for key in STRUCTS if key[0] not in PREIMAGES} - PARTS_OF_OBJECTS
    assert {(cls.MODULE, name) for name, cls in LAYOUTS.items()} == stored


def test_what_has_no_layout_can_be_neither_stored_nor_copied():
    found = [s for key, s in STRUCTS.items() if key[0] in PREIMAGES]
    assert found
    assert all(struct.abilities == {"drop"} for struct in found)


def test_no_struct_has_more_fields_than_a_network_takes():
    assert max(len(struct.fields) for struct in STRUCTS.values()) <= MAX_FIELDS


def test_shared_objects_cannot_be_transferred_and_owned_ones_can():
    for cls in objects.SHARED_OBJECTS:
        assert STRUCTS[cls.MODULE, cls.__name__].abilities == {"key"}
    for cls in objects.OWNED_OBJECTS:
        assert STRUCTS[cls.MODULE, cls.__name__].abilities == {"key", "store"}
    for cls in events.EVENTS.values():
        assert STRUCTS["events", cls.__name__].abilities == {"copy", "drop"}


def constants(module: str) -> dict[str, int]:
    return {n: int(v) for n, v in re.findall(r"const (\w+): u8 = (\d+);", MODULES[module])}


def test_numbers_are_those_of_the_lifecycle():
    by_module = {
        "task": [lifecycle.TaskPhase, lifecycle.EndReason],
        "ending": [lifecycle.EndReason],
        "committee": [lifecycle.EndReason],
        "settlement": [lifecycle.EndReason],
        "dispute": [lifecycle.DisputePhase, lifecycle.CaseKind, Finding],
        "outcome": [lifecycle.CaseOutcome, lifecycle.EndReason],
        "dataset": [lifecycle.RequestState, lifecycle.KeyScope],
    }
    for module, enums in by_module.items():
        known = {m.name: m.value for m in itertools.chain.from_iterable(enums)}
        found = constants(module)
        assert found
        assert found.items() <= known.items(), module
    states = {s.name: s.value for s in lifecycle.SubmissionState}
    seats = {f"SEAT_{s.name}": s.value for s in lifecycle.SeatStatus}
    labels = {label.name: label.value for label in Label}
    assert constants("submission").items() <= (states | seats | labels).items()
    weights = {f"WEIGHTS_{r.name}": r.value for r in lifecycle.WeightsRule}
    schemes = {s.name: s.value for s in lifecycle.Scheme}
    costs = {f"COST_{r.name}": r.value for r in lifecycle.CostRule}
    assert constants("terms") == weights | schemes | costs


def test_tags_are_those_of_the_table():
    pattern = r'const (\w+): vector<u8> = b"(WALRUSD[^"]*)"'
    for module in ("protocol", "envelope"):
        found = dict(re.findall(pattern, MODULES[module]))
        assert found
        assert found == {name: Tag[name].text.decode() for name in found}
    assert f'b"{Tag.PEDERSEN_H.text.decode()}"' in MODULES["pedersen"]


def test_randomness_is_only_used_in_private_entry_functions():
    pattern = r"((?:^#\[test_only\]\n)?)^(.*)\bfun (\w+)\([^)]*&Random"
    users = [
        (kind.strip(), name)
        for text in MODULES.values()
        for attribute, kind, name in re.findall(pattern, text, re.M)
        if not attribute
    ]
    assert sorted(users) == [
        ("entry", "close_joining"),
        ("entry", "draw_audit"),
        ("entry", "draw_committee"),
        ("entry", "draw_jury"),
    ]


def test_every_public_function_and_struct_is_documented():
    pattern = r"((?:^(?:///|#\[)[^\n]*\n)*)^(?:public |entry )(?:fun|struct) (\w+)"
    for name, text in MODULES.items():
        found = re.findall(pattern, text.partition("// === Test Functions ===")[0], re.M)
        assert [item for above, item in found if "///" not in above] == [], name


def test_the_documentation_names_every_function_and_every_error():
    page = (PACKAGE.parents[1] / "docs" / "contract.md").read_text()
    functions = {f.name for name, text in MODULES.items() for f in parse_functions(name, text)}
    # A library function; the page has RFC 6962 instead.
    assert {f for f in functions if f not in page} == {"verify_path"}
    errors = {abort.name for abort in aborts.ABORTS.values()}
    unused = {"EBadPath", "EBadIndex"}
    assert {e for e in errors - unused if e not in page} == set()
