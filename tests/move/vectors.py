"""Writes Move unit tests whose expected bytes come from the Python side.

Events are emitted in Move and compared with the BCS of the same layout in Python; hashes, deals
and Merkle paths are computed on both sides. Helper calls instead of macros: a Move function has at
most 255 local variables.
"""

import hashlib
import re
from typing import Any

from walrusd.chain.layouts import events, objects
from walrusd.chain.values.bcs import Layout, StructCodec
from walrusd.chain.values.codecs import (
    AddressCodec,
    Boolean,
    ByteVector,
    Codec,
    Optional,
    Unsigned,
    Vector,
)
from walrusd.core import dealing, protocol
from walrusd.crypto import merkle
from walrusd.crypto.tags import Tag, encode_bytes, hash_tagged, u64

SIZES = (1, 2, 3, 5, 8, 13, 33, 1025)
COUNTS = (1, 2, 3, 7, 100, 257, 1000, 65537, 1 << 20)

IS_DEALT = """\
fun is_dealt(seed: vector<u8>, segments: u64, position: u64, segment: u64) {
    assert!(dealing::compute_dealt_segment(&seed, segments, position) == segment)
}
"""
IS_SHUFFLED = """\
fun is_shuffled(seed: vector<u8>, count: u64, index: u64, place: u64) {
    assert!(dealing::compute_shuffled_index(index, count, &seed) == place)
}
"""
HOLDS = """\
fun holds(
    root: vector<u8>, leaf: vector<u8>, index: u64, size: u64, path: vector<vector<u8>>,
): bool {
    merkle::leads_to(&root, leaf, index, size, &path)
}
"""


class _Values:
    """Distinct values, so that no two fields can be exchanged unseen."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def take(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(f"{self._seed}/{self._count}".encode()).digest(size)

    def value(self, codec: Codec) -> Any:
        match codec:
            case Unsigned(width=width):
                return int.from_bytes(self.take(width), "little")
            case Boolean():
                return True
            case AddressCodec():
                return "0x" + self.take(32).hex()
            case ByteVector():
                return self.take(32)
            case Vector(item=item):
                return [self.value(item) for _ in range(3)]
            case Optional(item=item):
                return self.value(item)
            case StructCodec(cls=cls):
                return self.layout(cls)
        raise TypeError(codec)

    def layout(self, cls: type[Layout]) -> Any:
        return cls(**{name: self.value(codec) for name, codec in cls.codecs().items()})


def make_layout(seed: str, cls: type[Layout]) -> Any:
    """Return a value of a layout in which no two fields are equal."""
    return _Values(seed).layout(cls)


def _hex(data: bytes) -> str:
    return f'x"{data.hex()}"'


def _list(items: list[str]) -> str:
    return f"vector[{', '.join(items)}]"


def _literal(codec: Codec, value: Any) -> str:
    """A Move expression for ``value``."""
    match codec:
        case Unsigned(width=width):
            return f"{value}u{8 * width}"
        case Boolean():
            return "true" if value else "false"
        case AddressCodec(move_type="address"):
            return f"@{value}"
        case AddressCodec():
            return f"object::id_from_address(@{value})"
        case ByteVector():
            return _hex(value)
        case Vector(item=item):
            return _list([_literal(item, v) for v in value])
        case Optional(item=item):
            inner = item.move_type
            return (
                f"option::some({_literal(item, value)})"
                if value is not None
                else f"option::none<{inner}>()"
            )
        case StructCodec(cls=cls) if cls is objects.Terms:
            return f"terms::new_terms({fields(value)})"
        case StructCodec(cls=cls) if cls is objects.DatasetRef:
            return f"terms::new_dataset_ref({fields(value)})"
    raise TypeError(codec)


def fields(value: Layout) -> str:
    return ", ".join(_literal(c, getattr(value, name)) for name, c in value.codecs().items())


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _module(name: str, uses: str, functions: list[str]) -> str:
    return "\n".join([f"#[test_only]\nmodule walrusd::{name};\n", uses, "", *functions, ""])


def _test(name: str, lines: list[str]) -> str:
    body = "".join(f"    {line};\n" for line in lines)
    return f"#[test]\nfun {name}() {{\n{body}}}\n"


def generate_event_tests() -> str:
    """One test an event: emitting it gives the bytes of the Python layout."""
    tests = []
    for name, cls in events.EVENTS.items():
        event = make_layout(name, cls)
        tests.append(
            _test(
                snake(name),
                [
                    f"events::emit_{snake(name)}({fields(event)})",
                    f"let emitted = event::events_by_type<events::{name}>()",
                    "assert!(emitted.length() == 1)",
                    f"assert!(bcs::to_bytes(&emitted[0]) == {_hex(event.to_bcs())})",
                ],
            )
        )
    uses = "use std::bcs;\nuse sui::event;\nuse walrusd::{events, terms};"
    return _module("event_vectors", uses, tests)


def generate_object_tests() -> str:
    """Structs that can be made from their parts have the bytes of the Python layout."""
    values = _Values("objects")
    terms = values.layout(objects.Terms)
    ref = values.layout(objects.DatasetRef)
    accuser = "0x" + values.take(32).hex()
    credit = objects.Credit(accuser, 42)
    tests = [
        _test(
            "terms",
            [
                f"let terms = terms::new_terms({fields(terms)})",
                f"assert!(bcs::to_bytes(&terms) == {_hex(terms.to_bcs())})",
            ],
        ),
        _test(
            "dataset_ref",
            [
                f"let dataset = terms::new_dataset_ref({fields(ref)})",
                f"assert!(bcs::to_bytes(&dataset) == {_hex(ref.to_bcs())})",
            ],
        ),
        _test(
            "credits",
            [
                "let mut credits = vector[]",
                f"credit::add(&mut credits, @{accuser}, 40)",
                "credit::add(&mut credits, @0x7, 0)",
                "credit::add(&mut credits, @0x8, 1)",
                f"credit::add(&mut credits, @{accuser}, 2)",
                f"assert!(bcs::to_bytes(&credits[0]) == {_hex(credit.to_bcs())})",
                "assert!(credits.length() == 2)",
                f"assert!(credit::remove(&mut credits, @{accuser}) == 42)",
                f"assert!(credit::remove(&mut credits, @{accuser}) == 0)",
                "assert!(credits.length() == 1)",
            ],
        ),
    ]
    uses = "use std::bcs;\nuse walrusd::{credit, terms};"
    return _module("object_vectors", uses, tests)


def generate_hash_tests() -> str:
    """Every preimage that the contract hashes."""
    a, b, c, d, e, f, g = (bytes([n]) * 32 for n in range(1, 8))
    trace = protocol.TraceContext(a, b, c, d, e, f, g)
    addresses = [f"@0x{x.hex()}" for x in (a, b, c, d)]
    address_a, address_b = addresses[:2]
    keys = a + a[:16], b + b + b
    cases = {
        "keys": (
            f"compute_keys_digest({', '.join(map(_hex, keys))})",
            protocol.compute_keys_digest(*keys),
        ),
        "seed": (
            f"compute_seed({address_a}, {address_b}, {_hex(c)})",
            protocol.compute_seed(a, b, c),
        ),
        "ctx": (
            f"compute_ctx({', '.join([_hex(a), *addresses[1:], _hex(e), _hex(f), _hex(g)])})",
            trace.digest(),
        ),
        "work_digest": (
            f"compute_work_digest({_hex(a)}, 3, 300, {_hex(b)})",
            protocol.compute_work_digest(a, 3, 300, b),
        ),
        "slot": (f"compute_slot({_hex(a)})", protocol.compute_slot(a)),
        "slot_root_of_one": (
            f"compute_slot_root({_hex(a)}, 4, 1, {_hex(b)})",
            protocol.compute_slot_tree(a, 4, 1, b).root,
        ),
        "slot_root_of_a_full_committee": (
            f"compute_slot_root({_hex(a)}, 5, 32, {_hex(b)})",
            protocol.compute_slot_tree(a, 5, 32, b).root,
        ),
        "leaf_zero": (f"compute_leaf_zero({_hex(a)})", protocol.compute_leaf_zero(a)),
        "leaf": (
            f"compute_leaf(70000, {_hex(a)}, {_hex(b)})",
            protocol.compute_leaf(70000, a, b),
        ),
        "deal_seed": (
            f"compute_deal_seed({_hex(a)}, {address_b})",
            protocol.compute_deal_seed(a, b),
        ),
        "challenge": (
            f"compute_challenge_id({address_a}, 77, 1)",
            protocol.compute_challenge_id(a, 77, 1),
        ),
        "audit_digest": (
            f"compute_audit_digest({_hex(a)}, {address_b}, 1)",
            hash_tagged(Tag.AUDIT, encode_bytes(a), b, u64(1)),
        ),
        "jury_commitment": (
            f"compute_jury_commitment({_hex(a)}, {address_b}, {_hex(c)}, {_hex(d)})",
            protocol.compute_jury_commitment(a, b, c, d),
        ),
        "verdict": (
            f"compute_verdict({_hex(a)}, {_hex(b)}, {_hex(c)})",
            protocol.compute_verdict(a, b, c),
        ),
        "pok_digest": (
            f"compute_pok_digest({_hex(a + b + c)}, {_hex(d + d[:16])}, {_hex(e + e[:16])})",
            hash_tagged(Tag.PEDERSEN_POK, a + b + c, d + d[:16], e + e[:16]),
        ),
    }
    tests = [
        _test(name, [f"assert!(protocol::{call} == {_hex(expected)})"])
        for name, (call, expected) in cases.items()
    ]
    draws = []
    for k in range(20):
        seat = protocol.compute_seat_draw(a, b, k, 1000)
        juror = protocol.compute_juror_draw(a, b, k, 7)
        draws.append(
            f"assert!(protocol::compute_seat_draw({_hex(a)}, {_hex(b)}, {k}, 1000) == {seat})"
        )
        draws.append(
            f"assert!(protocol::compute_juror_draw({_hex(a)}, {_hex(b)}, {k}, 7) == {juror})"
        )
    tests.append(_test("draws", draws))
    return _module("hash_vectors", "use walrusd::protocol;", tests)


def generate_dealing_tests() -> str:
    """Deals of many sizes: whole permutations of the small, samples of the large."""
    tests = [IS_DEALT, IS_SHUFFLED]
    for count in COUNTS:
        seed = hashlib.sha256(b"deal %d" % count).digest()
        places = range(count) if count <= 7 else [*range(0, count, count // 12), count - 1]
        lines = []
        for place in places:
            dealt = dealing.compute_dealt_segment(seed, count, place)
            shuffled = dealing.compute_shuffled_index(place, count, seed)
            lines.append(f"is_dealt({_hex(seed)}, {count}, {place}, {dealt})")
            lines.append(f"is_shuffled({_hex(seed)}, {count}, {place}, {shuffled})")
        tests.append(_test(f"deal_of_{count}", lines))
    return _module("dealing_vectors", "use walrusd::dealing;", tests)


def generate_merkle_tests() -> str:
    """Paths of trees of several sizes, and paths that must not hold."""
    tests = [HOLDS]
    for size in SIZES:
        leaves = [hashlib.sha256(b"leaf %d" % i).digest() for i in range(size)]
        tree = merkle.Tree(leaves)
        lines = []
        if size <= 33:
            listed = _list([_hex(leaf) for leaf in leaves])
            lines.append(f"assert!(merkle::compute_root(&{listed}) == {_hex(tree.root)})")
        for index in sorted({0, 1, size // 2, size - 1} & set(range(size))):
            path = tree.path(index)
            long = [*path, bytes(32)]
            cases = [(True, index, size, path), (False, index, size, long)]
            cases.append((False, size, size, path))
            listed = _list([_hex(step) for step in path])
            short = f"holds({_hex(tree.root)}, {_hex(bytes(31))}, {index}, {size}, {listed})"
            lines.append(f"assert!(!{short})")
            if path:
                cases.append((False, index, size, path[:-1]))
                cases.append((False, index, size, [path[0] + b"\0", *path[1:]]))
                cases.append((False, index, size, [bytes(32), *path[1:]]))
            for good, at, of, steps in cases:
                call = (
                    f"holds({_hex(tree.root)}, {_hex(leaves[index])}, {at}, {of}, "
                    f"{_list([_hex(s) for s in steps])})"
                )
                lines.append(f"assert!({'' if good else '!'}{call})")
        tests.append(_test(f"paths_of_{size}", lines))
    last = b"c" * 32
    tree = merkle.Tree([b"a" * 32, b"b" * 32, last])
    path = _list([_hex(s) for s in tree.path(2)])
    for name, error, root, index in (
        ("wrong_root", "EBadPath", bytes(32), 2),
        ("beyond_the_tree", "EBadIndex", tree.root, 3),
    ):
        tests.append(
            f"#[test, expected_failure(abort_code = merkle::{error})]\nfun {name}() {{\n"
            f"    merkle::verify_path(&{_hex(root)}, {_hex(last)}, {index}, 3, &{path})\n}}\n"
        )
    tests.append(
        _test(
            "right_path", [f"merkle::verify_path(&{_hex(tree.root)}, {_hex(last)}, 2, 3, &{path})"]
        )
    )
    return _module("merkle_vectors", "use walrusd::merkle;", tests)


def generate_modules() -> dict[str, str]:
    """Every generated module by its file name."""
    return {
        "event_vectors": generate_event_tests(),
        "object_vectors": generate_object_tests(),
        "hash_vectors": generate_hash_tests(),
        "dealing_vectors": generate_dealing_tests(),
        "merkle_vectors": generate_merkle_tests(),
    }
