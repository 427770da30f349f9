"""The contract's checks of keys, openings and envelopes on the real group, in a real Move VM.

The calls are those of ``tests/vectors/envelopes.json``. sui-sandbox has wheels for x86-64 Linux
only: elsewhere they skip.
"""

import functools

import pytest

from tests.crypto.envelopes.vectors import read_vectors
from tests.move.builder import HERE, SHIM, run_builder
from tests.move.bytecode import place_all
from walrusd.chain.values.bcs import U8, U64, codec_of
from walrusd.chain.values.codecs import ByteVector

sandbox = pytest.importorskip(
    "sui_sandbox", reason="SUI-SANDBOX IS MISSING: the contract's group operations are untested"
)

ADDRESS = "0x" + "be" * 32
MODULES = {"envelope": f"{ADDRESS}::envelope", "group_ops": f"0x{2:064x}::group_ops"}
VECTORS = read_vectors()
CASES = VECTORS["cases"]

AS_ADDRESS = {
    *("package", "market", "pool", "owner", "task", "submission", "contributor", "sender")
}
AS_NUMBER = {"index": U64, "generation": U64, "attempt": U64, "label": U8}


@functools.cache
def modules() -> tuple[bytes, ...]:
    package = run_builder("build", HERE.parents[1] / "walrusd" / "move", HERE / "harness")
    # Loaded by its own name, the shim replaces the framework's module.
    return (*place_all(package, ADDRESS), *place_all(run_builder("build", SHIM), "0x2"))


def encode(name: str, value: str | int) -> bytes:
    """Return an argument of the vectors as BCS."""
    if name in AS_NUMBER:
        return codec_of(AS_NUMBER[name]).encode(value)
    raw = bytes.fromhex(value)
    return raw if name in AS_ADDRESS else ByteVector().encode(raw)


def call(function: str, arguments: dict[str, str | int]) -> str | None:
    """Return None, or the error text of an abort."""
    result = sandbox.call_view_function(
        ADDRESS,
        "envelope_harness",
        function,
        pure_inputs=[encode(*argument) for argument in arguments.items()],
        package_bytecodes={ADDRESS: list(modules())},
        fetch_deps=False,
    )
    return None if result["success"] else str(result["error"])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_contract_ends_each_call_as_the_vectors_say(case):
    error = call(case["function"], case["arguments"])
    if case["abort"] is None:
        assert error is None
        return
    module, code = case["abort"]
    assert error is not None
    assert f"Some({code})" in error
    assert f'Some("{MODULES[module]}::' in error, error


@pytest.mark.parametrize("name", VECTORS["contexts"])
def test_the_contract_computes_the_contexts_of_the_vectors(name):
    context = VECTORS["contexts"][name]
    function = f"match_{name.split()[0]}"
    assert call(function, {**context["fields"], "digest": context["digest"]}) is None
    other = "00" + context["digest"][2:]
    error = call(function, {**context["fields"], "digest": other})
    assert error is not None
    assert "envelope_harness" in error
