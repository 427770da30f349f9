"""What ``make dist`` demands of a wheel."""

from tests.project.wheel import find_faults, list_expected

EXPECTED = list_expected()
KERNELS = "walrusd/training/native/_kernels.cpython-313-x86_64-linux-gnu.so"
COMPLETE = EXPECTED | {KERNELS, "walrusd-0.1.0.dist-info/METADATA"}


def test_a_wheel_must_hold_all_that_the_program_reads() -> None:
    for name in (
        "walrusctl/__main__.py",
        "walrusd/py.typed",
        "walrusd/crypto/pedersen/generators.bin",
        "walrusd/move/Move.toml",
        "walrusd/move/bytecode/package.json",
        "walrusd/training/native/product_kernels.inc",
    ):
        assert name in EXPECTED
    assert {name.rpartition("/")[2] for name in EXPECTED if "share/walrusd/networks" in name} == {
        "devnet.toml",
        "localnet.toml",
        "mainnet.toml",
        "testnet.toml",
    }


def test_a_complete_wheel_has_no_faults() -> None:
    assert find_faults(COMPLETE, EXPECTED) == []


def test_what_is_missing_or_strange_is_named() -> None:
    names = COMPLETE - {"walrusd/py.typed", KERNELS} | {"tests/conftest.py"}
    assert find_faults(names, EXPECTED) == [
        "walrusd/py.typed is missing",
        "tests/conftest.py does not belong in it",
        "walrusd/training/native/_kernels: the kernels were not compiled",
    ]
