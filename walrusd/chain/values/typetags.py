"""Move type names as pysui's BCS type tags.

pysui's own parser drops nested type parameters and misreads some primitive types, so names are
parsed here and only the result is pysui's. Its table also declares a vector's element as a list
of tags, which adds a length byte that no node expects: this module corrects the entry before
anything is written or read.
"""

from walrusd.chain.values.pysui_parts import bcs
from walrusd.units import normalize_address

bcs.TypeTag.update_value_at(bcs.TypeTag.get_index("Vector"), bcs.TypeTag)

_PRIMITIVES = {
    "bool": "Bool",
    "u8": "U8",
    "u16": "U16",
    "u32": "U32",
    "u64": "U64",
    "u128": "U128",
    "u256": "U256",
    "address": "Address",
    "signer": "Signer",
}


def parse_type_tag(text: str) -> bcs.TypeTag:
    """Return the tag of a type such as ``0x2::table::Table<u64, vector<address>>``.

    Raises:
        ValueError: if ``text`` is not a Move type.
    """
    compact = "".join(text.split())
    tag, rest = _parse(compact)
    if rest:
        raise ValueError(f"not a Move type: {text!r}")
    return tag


def _parse(text: str) -> tuple[bcs.TypeTag, str]:
    end = next((i for i, char in enumerate(text) if char in "<>,"), len(text))
    name, rest = text[:end], text[end:]
    parameters: list[bcs.TypeTag] = []
    if rest.startswith("<"):
        while not parameters or rest.startswith(","):
            parameter, rest = _parse(rest[1:])
            parameters.append(parameter)
        if not rest.startswith(">"):
            raise ValueError(f"unbalanced type parameters near {text!r}")
        rest = rest[1:]
    return _tag(name, parameters), rest


def _tag(name: str, parameters: list[bcs.TypeTag]) -> bcs.TypeTag:
    if name in _PRIMITIVES and not parameters:
        return bcs.TypeTag(_PRIMITIVES[name])
    if name == "vector" and len(parameters) == 1:
        return bcs.TypeTag("Vector", parameters[0])
    parts = name.split("::")
    if len(parts) != 3 or not all(part.isidentifier() for part in parts[1:]):
        raise ValueError(f"not a Move type: {name!r}")
    address = bcs.Address.from_str(normalize_address(parts[0]))
    return bcs.TypeTag("Struct", bcs.StructTag(address, parts[1], parts[2], parameters))


def normalize_type(text: str) -> str:
    """Return a type name with every address in its full 64 digits, as nodes write it.

    Raises:
        ValueError: if ``text`` is not a Move type.
    """
    return render_type_tag(parse_type_tag(text))


def render_type_tag(tag: bcs.TypeTag) -> str:
    """Return the canonical name of a type tag."""
    if tag.enum_name == "Vector":
        return f"vector<{render_type_tag(tag.value)}>"
    if tag.enum_name != "Struct":
        return str(tag.enum_name).lower()
    struct = tag.value
    base = f"{struct.address.to_address_str()}::{struct.module}::{struct.name}"
    if not struct.type_parameters:
        return base
    return f"{base}<{','.join(render_type_tag(inner) for inner in struct.type_parameters)}>"
