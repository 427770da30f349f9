"""Canonical CBOR (RFC 8949) in the narrow form that walrusd signs, hashes, and stores.

Allowed: unsigned and negative integers of 64 bits, byte and text strings, booleans, null, arrays,
and maps whose keys are all unsigned integers or all text. With such keys the orderings of RFC 7049
and RFC 8949 agree. No floats, tags, or indefinite lengths: one value has exactly one encoding.
"""

from typing import Any

import cbor2

from walrusd.errors import MalformedCbor

_INTEGERS = range(-(1 << 63), 1 << 64)
MAX_DEPTH = 16


def _check_map_keys(value: dict[Any, Any]) -> None:
    kinds = {type(key) for key in value}
    if kinds and kinds not in ({str}, {int}):
        raise MalformedCbor("the keys of a CBOR map must be all integers or all text")
    if kinds == {int} and min(value) < 0:
        raise MalformedCbor("an integer key of a CBOR map must not be negative")


def _check(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise MalformedCbor(f"CBOR nests deeper than {MAX_DEPTH} levels")
    match value:
        case None | bool() | bytes() | str():
            return
        case int():
            if value not in _INTEGERS:
                raise MalformedCbor("a CBOR integer must have at most 64 bits")
        case list():
            for item in value:
                _check(item, depth + 1)
        case dict():
            _check_map_keys(value)
            for item in value.values():
                _check(item, depth + 1)
        case _:
            raise MalformedCbor(f"CBOR of type {type(value).__name__} is not allowed")


def encode_canonical(value: Any) -> bytes:
    """Return the canonical encoding of ``value`` (RFC 8949, section 4.2).

    Raises:
        MalformedCbor: if the value is outside the narrow form.
    """
    _check(value)
    return cbor2.dumps(value, canonical=True)


def decode_canonical(raw: bytes) -> Any:
    """Return the value that ``raw`` encodes, refusing every encoding but the canonical one.

    Re-encoding and comparing catches what the decoder accepts: repeated keys, integers longer than
    needed, indefinite lengths, another key order, trailing bytes.

    Raises:
        MalformedCbor: if the bytes are not canonical CBOR in the narrow form.
    """
    try:
        value = cbor2.loads(raw)
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedCbor("the bytes are not CBOR") from error
    _check(value)
    if cbor2.dumps(value, canonical=True) != raw:
        raise MalformedCbor("the CBOR is not in its canonical encoding")
    return value
