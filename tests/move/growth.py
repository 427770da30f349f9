"""Finds what may grow, or run long, in Move sources: loops, vectors in structs, collections.

Each function takes sources by module name, and overlooks nothing that it cannot read: a macro that
is not known to be harmless counts as a loop.
"""

import re
from collections.abc import Mapping

from .sources import parse_structs, split_functions, strip_comments

HARMLESS_MACROS = {"assert"}
_LOOP = re.compile(r"\b(?:while|loop)\b")
_MACRO = re.compile(r"\b(\w+)!\s*[(<]")
_COLLECTION = re.compile(
    r"\b(?:\w*Table|TableVec|\w*Bag|VecMap|VecSet|PriorityQueue|enum"
    r"|(?:table|object_table|linked_table|table_vec|bag|object_bag|priority_queue)(?=\s*::|;)"
    r"|vec_map|vec_set|dynamic_\w+|derived_object)\b"
)


def find_loops(modules: Mapping[str, str]) -> set[str]:
    """Return every function with a loop, as ``module::function``; none that is only for tests."""
    return {
        f"{module}::{name}"
        for module, text in modules.items()
        for name, body in split_functions(text)
        if _LOOP.search(body) or set(_MACRO.findall(body)) - HARMLESS_MACROS
    }


def find_vectors(modules: Mapping[str, str]) -> set[str]:
    """Return every field with a vector of anything but bytes, as ``module::Struct.field``."""
    return {
        f"{module}::{struct.name}.{field}"
        for module, text in modules.items()
        for struct in parse_structs(module, text)
        for field, kind in struct.fields.items()
        if "vector<" in re.sub(r"\s", "", kind).replace("vector<u8>", "")
    }


def find_collections(modules: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return module and name of each growing collection; enums too, which nothing here reads."""
    return {
        (module, name)
        for module, text in modules.items()
        for name in _COLLECTION.findall(strip_comments(text))
    }
