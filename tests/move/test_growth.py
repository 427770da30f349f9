"""The guard against what may grow without a bound refuses each way of writing it."""

import pytest

from .growth import find_collections, find_loops, find_vectors
from .sources import parse_structs, split_functions

LOOPS = {
    "while": "while (i < n) { i = i + 1 }",
    "while without a space": "while(i < n) { i = i + 1 }",
    "loop": "loop { break }",
    "labelled": "'outer: loop { break 'outer }",
    "over a range": "0u64.range_do!(9, |i| total = total + i)",
    "times": "n.do!(|i| total = total + i)",
    "by reference": "v.do_ref!(|x| total = total + *x)",
    "by mutable reference": "v.do_mut!(|x| *x = 0)",
    "two at once": "v.zip_do!(w, |x, y| total = total + x * y)",
    "counting": "v.count!(|x| *x > 0)",
    "mapping": "v.map_ref!(|x| *x + 1)",
    "filtering": "v.filter!(|x| *x > 0)",
    "finding": "v.find_index!(|x| *x > 0)",
    "destroying": "v.destroy!(|x| drop(x))",
    "building": "vector::tabulate!(9, |i| i)",
    "with a type": "vector::tabulate!<u64>(9, |i| i)",
    "a space away": "v.all! (|x| *x > 0)",
    "a macro nobody knows": "my::each!(v)",
    "after an address": 'let a = b"https://example"; while (true) {}',
}
HEADS = (
    "fun f()",
    "public fun f()",
    "public(package) fun f()",
    "entry fun f()",
    "public entry fun f()",
    "macro fun f()",
    "    public fun f<T: store>(v: vector<u64>): u64",
    "#[allow(unused)]\nfun f()",
)


def make_module(body: str, head: str = "public fun f()") -> dict[str, str]:
    return {
        "m": f"module a::m;\n\nfun before() {{}}\n\n{head} {{\n    {body}\n}}\n\nfun after() {{}}\n"
    }


@pytest.mark.parametrize("name", LOOPS)
def test_every_way_to_loop_is_seen(name):
    assert find_loops(make_module(LOOPS[name])) == {"m::f"}


@pytest.mark.parametrize("head", HEADS)
def test_a_loop_is_seen_in_every_kind_of_function(head):
    assert find_loops(make_module("loop {}", head)) == {"m::f"}


def test_a_loop_is_seen_behind_the_functions_for_tests():
    text = (
        "// === Test Functions ===\n#[test_only]\nfun helper() { loop {} }\nfun real() { loop {} }"
    )
    assert find_loops({"m": text}) == {"m::real"}


@pytest.mark.parametrize(
    "body",
    [
        "assert!(a != b, EBad); if (!(a)) return",
        "// while (true) loop {}",
        "/* v.do!(|x| x) */",
        "let looped = meanwhile;",
        'let s = b"while loop";',
    ],
)
def test_what_does_not_loop_needs_no_bound(body):
    assert find_loops(make_module(body)) == set()


@pytest.mark.parametrize(
    ("struct", "field"),
    [
        ("public struct S has key {\n    id: UID,\n    f: vector<u64>,\n}", "f"),
        ("public struct S has store { f: vector<Seat> }", "f"),
        ("public struct S { f: vector<u64> }", "f"),
        ("struct S { f: vector<u64> }", "f"),
        ("public struct S { f: vector<u64> } has store;", "f"),
        ("public struct S has store {\n    f: Option<vector<u64>>,\n}", "f"),
        ("public struct S has store { f: vector<vector<u8>> }", "f"),
        ("public struct S<phantom T: store> has store { a: u64, f: vector<T> }", "f"),
        ("public struct S<T> { f: Pair<u64, vector<T>> }", "f"),
        ("public struct S has store { `f`: vector < u64 > }", "f"),
        ("public struct S has store { // a comment, with a comma\n    f: vector<u64> }", "f"),
        ("public struct S(u64, vector<u64>) has store;", "1"),
        ("public struct S(Option<vector<u64>>)\n has copy, drop;", "0"),
        ("public struct S has store {\n    f:\n        vector<u64>,\n}", "f"),
    ],
)
def test_every_vector_in_a_struct_is_seen(struct, field):
    assert find_vectors({"m": f"module a::m;\n\n{struct}\n"}) == {f"m::S.{field}"}


def test_bytes_and_structs_for_tests_need_no_bound():
    text = """
    public struct S has key { id: UID, a: vector<u8>, b: Option<vector<u8>>, c: u64 }
    public struct T(vector<u8>) has store;
    #[test_only]
    public struct U { f: vector<u64> }
    """
    assert find_vectors({"m": text}) == set()
    assert [s.name for s in parse_structs("m", text)] == ["S", "T"]


@pytest.mark.parametrize(
    "name",
    ["Table", "ObjectTable", "LinkedTable", "TableVec", "Bag", "ObjectBag", "VecMap", "VecSet"],
)
def test_every_collection_is_seen(name):
    text = f"module a::m;\npublic struct S has key {{ id: UID, f: {name}<address, u64> }}"
    assert find_collections({"m": text}) == {("m", name)}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("use sui::dynamic_field as df;", "dynamic_field"),
        ("use sui::dynamic_object_field;", "dynamic_object_field"),
        ("use sui::table;", "table"),
        ("use sui::vec_map::{Self as map};", "vec_map"),
        ("fun f() { sui::bag::new(ctx); }", "bag"),
        ("public enum Shape has store { Many(vector<u64>) }", "enum"),
    ],
)
def test_collections_are_seen_by_their_modules_too(line, name):
    assert find_collections({"m": f"module a::m;\n{line}\n"}) == {("m", name)}


def test_a_word_in_a_comment_is_no_collection():
    text = 'module a::m;\n/// A Table of the Bag.\nfun f() { let s = b"VecMap"; }\n'
    assert find_collections({"m": text}) == set()


def test_functions_are_told_apart():
    text = "fun a(): u64 { 1 }\n#[test]\nfun b() {}\npublic(package) fun c() { 2 }\n"
    assert [name for name, _ in split_functions(text)] == ["a", "c"]
