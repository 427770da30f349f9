"""Code on chain is compared byte for byte with the committed build, address apart."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.admin.places import flip_instruction
from tests.move.bytecode import place_all
from walrusd.chain.packages.bytecode import (
    BUILT,
    INTERFACE_VERSION,
    PublishedPackage,
    load_bytecode,
    verify_package,
)
from walrusd.chain.packages.modules import ZERO_ADDRESS, read_module
from walrusd.devnet.contract.constants import VERSION
from walrusd.errors import ContractMismatch, MalformedData

BYTECODE = load_bytecode()
MODULES = [read_module(code) for code in BYTECODE.modules]
HOME = "0x" + "ab" * 32
ELSEWHERE = "0x" + "cd" * 32


def published(**changes) -> PublishedPackage:
    code = {module.name: module.at(HOME).code for module in MODULES}
    package = PublishedPackage(HOME, HOME, 1, code, BYTECODE.dependencies)
    return replace(package, **changes)


def test_modules_have_the_names_of_their_sources() -> None:
    sources = {path.stem for path in (BUILT.parent.parent / "sources").glob("*.move")}
    assert {module.name for module in MODULES} == sources
    assert {module.address for module in MODULES} == {ZERO_ADDRESS}


def test_an_address_is_put_where_the_virtual_machine_finds_it() -> None:
    ours = [module.at(HOME) for module in MODULES]
    # The other implementation's modules ran in a real Move VM.
    assert [m.code for m in ours] == place_all(json.loads(BUILT.read_text()), HOME)
    assert {m.address for m in ours} == {HOME}
    assert [m.at(ZERO_ADDRESS).code for m in ours] == list(BYTECODE.modules)


@given(st.sampled_from(MODULES), st.data())
def test_a_module_that_ends_early_is_refused(module, data) -> None:
    cut = data.draw(st.integers(0, module.address_at))
    with pytest.raises(MalformedData):
        read_module(module.code[:cut])


@given(st.binary(max_size=200))
def test_other_bytes_are_no_module(data: bytes) -> None:
    with pytest.raises(MalformedData):
        read_module(data)
    with pytest.raises(MalformedData):
        read_module(bytes.fromhex("a11ceb0b07000005") + data[:6])


def test_the_same_code_is_verified_at_any_version() -> None:
    verified = verify_package(BYTECODE, published(id=ELSEWHERE, version=3))
    assert verified.is_current
    assert verified.digest == json.loads(BUILT.read_text())["digest"]
    assert (verified.original_id, verified.version, verified.modules) == (HOME, 3, len(MODULES))


@given(st.sampled_from(MODULES), st.data())
def test_any_changed_byte_is_found_and_its_module_named(module, data) -> None:
    at = data.draw(st.integers(0, len(module.code) - 1))
    code = bytearray(module.at(HOME).code)
    code[at] ^= data.draw(st.integers(1, 255))
    package = published()
    package.modules[module.name] = bytes(code)
    with pytest.raises(ContractMismatch) as caught:
        verify_package(BYTECODE, package)
    assert caught.value.fields.get("modules", [module.name]) == [module.name]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda code: code.pop("jury"), ["jury"]),
        (lambda code: code.update(extra=MODULES[0].at(HOME).code), ["extra"]),
        (lambda code: code.update(task=code["node"]), ["task"]),
    ],
)
def test_a_module_less_more_or_of_another_name_is_found(change, named) -> None:
    package = published()
    change(package.modules)
    with pytest.raises(ContractMismatch) as caught:
        verify_package(BYTECODE, package)
    assert caught.value.fields["modules"] == named


def test_code_that_stands_elsewhere_is_another_contract() -> None:
    code = {module.name: module.at(ELSEWHERE).code for module in MODULES}
    with pytest.raises(ContractMismatch):
        verify_package(BYTECODE, published(modules=code))
    known = replace(BYTECODE, compatible=frozenset({BYTECODE.digest}))
    with pytest.raises(ContractMismatch):
        verify_package(known, published(modules=code))


def test_other_dependencies_are_another_contract() -> None:
    package = published(dependencies=BYTECODE.dependencies[:1])
    with pytest.raises(ContractMismatch, match="dependencies differ"):
        verify_package(BYTECODE, package)


def test_an_earlier_build_that_is_known_to_fit_is_accepted_and_said_to_be_old() -> None:
    earlier = published()
    code = earlier.modules["math"]
    earlier.modules["math"] = flip_instruction(code)
    known = replace(BYTECODE, compatible=frozenset({earlier.compute_digest()}))
    assert not verify_package(known, earlier).is_current
    with pytest.raises(ContractMismatch):
        verify_package(BYTECODE, earlier)


def test_a_damaged_build_is_never_published(tmp_path) -> None:
    built = json.loads(BUILT.read_text())
    first = bytearray(base64.b64decode(built["modules"][0]))
    first[-1] ^= 1
    built["modules"][0] = base64.b64encode(first).decode()
    path = tmp_path / "package.json"
    path.write_text(json.dumps(built))
    with pytest.raises(MalformedData, match="damaged"):
        load_bytecode(path)


def test_the_version_we_speak_is_that_of_the_contract() -> None:
    source = (BUILT.parent.parent / "sources" / "market.move").read_text()
    assert f"const VERSION: u64 = {INTERFACE_VERSION};" in source
    assert INTERFACE_VERSION == VERSION
