"""Field masks: copies of messages with only the requested fields."""

import dataclasses
from typing import Any, TypeVar

from walrusd.chain.values.pysui_parts import protobuf
from walrusd.devnet.rpc.request_fields import refuse_field

M = TypeVar("M")
_Tree = dict[str, Any]


def apply_mask(message: M, mask: protobuf.FieldMask | None, default: tuple[str, ...] = ("*",)) -> M:
    """Return ``message`` with the fields of ``mask``; ``*`` stands for all of them.

    Raises:
        GRPCError: INVALID_ARGUMENT, for a path that the message does not have.
    """
    paths = list(mask.paths) if mask is not None and mask.paths else list(default)
    if "*" in paths:
        return message
    tree: _Tree = {}
    for path in sorted(paths, key=len, reverse=True):
        node = tree
        *parents, leaf = path.split(".")
        for part in parents:
            node = node.setdefault(part, {})
        node[leaf] = {}  # a parent, being shorter, comes last and replaces its children
    picked: M = _pick(message, type(message), tree)
    return picked


def _pick(message: Any, cls: Any, tree: _Tree) -> Any:
    fields = {f.name for f in dataclasses.fields(cls)}
    out = cls()
    for name, below in tree.items():
        if name not in fields:
            raise refuse_field("read_mask", f"no path {name}")
        value = getattr(message, name)
        setattr(out, name, _pick_value(value, below))
    return out


def _pick_value(value: Any, below: _Tree) -> Any:
    if not below or value is None or isinstance(value, protobuf.Value):
        return value
    if isinstance(value, list):
        return [_pick_value(item, below) for item in value]
    if not dataclasses.is_dataclass(value):
        raise refuse_field("read_mask", f"a plain field has no {', '.join(sorted(below))}")
    return _pick(value, type(value), below)
