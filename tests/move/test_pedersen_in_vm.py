"""The contract's Pedersen checks on the real group, in a real Move VM (sui-sandbox).

The unit tests' VM has a stub for BLS12-381 that accepts anything, so these run where the group is
real. sui-sandbox has wheels for x86-64 Linux only: elsewhere they skip.
"""

import functools

import pytest

from walrusd.chain.values.bcs import U64, codec_of
from walrusd.chain.values.codecs import ByteVector
from walrusd.crypto.pedersen import g1, pedersen

from .builder import HERE, SHIM, run_builder
from .bytecode import place_all

sandbox = pytest.importorskip(
    "sui_sandbox", reason="SUI-SANDBOX IS MISSING: the contract's group operations are untested"
)

ADDRESS = "0x" + "be" * 32
COST, BLINDING = (1 << 63) + 12345, g1.Q - 987654321
CONTEXT = bytes(range(96))
FRAMEWORK = f"0x{2:064x}::group_ops"


@functools.cache
def modules() -> tuple[bytes, ...]:
    package = run_builder("build", HERE.parents[1] / "walrusd" / "move", HERE / "harness")
    # Loaded by its own name, the shim replaces the framework's module.
    return (*place_all(package, ADDRESS), *place_all(run_builder("build", SHIM), "0x2"))


def call(function: str, *arguments: bytes | int) -> str | None:
    """Return None, or the error text of an abort."""
    inputs = [
        codec_of(U64).encode(a) if isinstance(a, int) else ByteVector().encode(a) for a in arguments
    ]
    result = sandbox.call_view_function(
        ADDRESS,
        "pedersen_harness",
        function,
        pure_inputs=inputs,
        package_bytecodes={ADDRESS: list(modules())},
        fetch_deps=False,
    )
    return None if result["success"] else str(result["error"])


def scalar(value: int) -> bytes:
    return g1.encode_scalar(value)


PEDERSEN = f"{ADDRESS}::pedersen"
COMMITMENT = pedersen.commit(COST, BLINDING)
PROOF = pedersen.prove_opening(CONTEXT, COST, BLINDING)
NOT_A_POINT = b"\xff" * 48
# On the curve (y^2 = x^3 + 4 has a solution at x = 4), but outside the subgroup.
OUTSIDE_THE_GROUP = b"\x80" + bytes(46) + b"\x04"


def aborts(module: str, code: int, function: str, *arguments: bytes | int) -> bool:
    error = call(function, *arguments)
    return error is not None and f"Some({code})" in error and f'Some("{module}::' in error


def test_right_opening_holds():
    assert call("verify_opening", COMMITMENT, COST, scalar(BLINDING)) is None
    assert call("verify_opening", pedersen.commit(0, 5), 0, scalar(5)) is None
    assert call("verify_opening", pedersen.commit(2**64 - 1, 0), 2**64 - 1, scalar(0)) is None


@pytest.mark.parametrize("cost", [0, COST - 1, COST + 1])
def test_wrong_cost_does_not_open(cost):
    assert aborts(PEDERSEN, 1, "verify_opening", COMMITMENT, cost, scalar(BLINDING))


def test_wrong_blinding_does_not_open():
    assert aborts(PEDERSEN, 1, "verify_opening", COMMITMENT, COST, scalar(BLINDING + 1))


def test_blinding_has_32_bytes():
    assert aborts(PEDERSEN, 2, "verify_opening", COMMITMENT, COST, scalar(BLINDING)[1:])
    assert aborts(PEDERSEN, 2, "verify_opening", COMMITMENT, COST, b"")


def test_blinding_is_below_the_order():
    too_large = g1.Q.to_bytes(32, "big")
    assert aborts(FRAMEWORK, 1, "verify_opening", COMMITMENT, COST, too_large)


def test_right_proof_holds():
    assert call("verify_proof", CONTEXT, COMMITMENT, PROOF) is None
    assert (
        call("verify_proof", b"", COMMITMENT, pedersen.prove_opening(b"", COST, BLINDING)) is None
    )


@pytest.mark.parametrize("at", [0, 95])
def test_proof_is_bound_to_its_context(at):
    other = bytearray(CONTEXT)
    other[at] ^= 1
    assert aborts(PEDERSEN, 0, "verify_proof", bytes(other), COMMITMENT, PROOF)


def test_proof_is_bound_to_its_commitment():
    copied = pedersen.commit(COST + 1, BLINDING)
    assert aborts(PEDERSEN, 0, "verify_proof", CONTEXT, copied, PROOF)


@pytest.mark.parametrize("at", [79, 111])
def test_each_answer_of_the_proof_counts(at):
    forged = bytearray(PROOF)
    forged[at] ^= 1
    assert aborts(PEDERSEN, 0, "verify_proof", CONTEXT, COMMITMENT, bytes(forged))


def test_identity_is_no_commitment():
    assert aborts(PEDERSEN, 2, "verify_proof", CONTEXT, g1.IDENTITY_BYTES, PROOF)


@pytest.mark.parametrize("point", [NOT_A_POINT, OUTSIDE_THE_GROUP, bytes(48)])
def test_framework_refuses_what_is_no_group_element(point):
    assert aborts(FRAMEWORK, 1, "verify_proof", CONTEXT, point, PROOF)
    assert aborts(FRAMEWORK, 1, "verify_proof", CONTEXT, COMMITMENT, point + PROOF[48:])
    assert aborts(FRAMEWORK, 1, "verify_opening", point, COST, scalar(BLINDING))
