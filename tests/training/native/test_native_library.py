"""What happens where the compiled kernels are missing, broken, of another version, or wrong."""

import ctypes
import ctypes.util
import logging
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from walrusd.errors import DeviceRefused
from walrusd.training.native import library
from walrusd.training.numerics import arith
from walrusd.training.run.threads import WAITING
from walrusd.training.selftest import selftest

BUILT = library.find_library(Path(library.__file__).parent)
needs_library = pytest.mark.skipif(BUILT is None, reason="the compiled kernels were not built here")


@pytest.fixture(autouse=True)
def _fresh():
    library.get_library.cache_clear()
    library.enable_all()
    yield
    library.get_library.cache_clear()
    library.enable_all()


def test_a_missing_library_is_said_and_done_without(tmp_path, caplog):
    assert library.find_library(tmp_path) is None
    assert library.open_library(None) is None
    assert "missing" in caplog.text


def test_a_corrupt_library_is_said_and_done_without(tmp_path, caplog):
    path = tmp_path / "_kernels.so"
    path.write_bytes(b"\x7fELF" + bytes(100))
    assert library.open_library(path) is None
    assert "cannot be loaded" in caplog.text


@needs_library
def test_a_truncated_library_is_done_without(tmp_path, caplog):
    path = tmp_path / "_kernels.so"
    path.write_bytes(BUILT.read_bytes()[:1000])
    assert library.open_library(path) is None
    assert "cannot be loaded" in caplog.text


def test_another_library_is_done_without(caplog):
    standard = ctypes.util.find_library("m")
    assert library.open_library(Path(standard)) is None
    assert "cannot be loaded" in caplog.text


@needs_library
def test_another_version_is_done_without(monkeypatch, caplog):
    monkeypatch.setattr(library, "VERSION", library.VERSION + 1)
    assert library.open_library(BUILT) is None
    assert "install again" in caplog.text


@needs_library
def test_the_library_is_found_by_its_suffix(tmp_path):
    shutil.copy(BUILT, tmp_path)
    assert library.find_library(tmp_path) == tmp_path / BUILT.name


def test_the_switch_turns_kernels_off(monkeypatch, caplog):
    monkeypatch.setenv(library.SWITCH, "0")
    assert library.get_library() is None
    assert library.find_kernel("fold", torch.ones(1)) is None
    assert arith.quantise(torch.ones(3)).values.dtype == torch.float64
    assert not caplog.records


@needs_library
def test_kernels_use_as_many_threads_as_torch():
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        assert library.get_library().walrusd_threads() == threads
    torch.set_num_threads(before)


@needs_library
def test_kernels_take_only_what_they_are_made_for():
    assert library.find_kernel("fold", torch.ones(1)) is not None
    assert library.find_kernel("fold", torch.ones(1, dtype=torch.float64)) is None
    assert library.find_kernel("fold", torch.ones(1, device="meta")) is None


@needs_library
def test_after_a_kernel_with_other_bits_none_is_used_again(monkeypatch, caplog):
    honest = library.find_kernel

    def find_kernel(name, *tensors):
        kernel = honest(name, *tensors)
        if name != "fold" or kernel is None:
            return kernel

        def lie(x, sums, rows, columns):
            done = kernel(x, sums, rows, columns)
            ctypes.c_float.from_address(sums).value += 1.0
            return done

        return lie

    monkeypatch.setattr("walrusd.training.native.kernels.find_kernel", find_kernel)
    with caplog.at_level(logging.WARNING):
        assert selftest.selftest() == selftest.GOLDEN
    assert "give other bits here" in caplog.text
    assert "fold" in caplog.text
    assert library.find_kernel("fold", torch.ones(1)) is None
    # A library with one wrong kernel was compiled wrongly.
    assert library.find_kernel("product", torch.ones(1)) is None
    x = torch.rand(100)
    assert arith.fold(x) == arith.fold(x.clone())


@needs_library
@pytest.mark.parametrize("name", sorted(set(library.FUNCTIONS) - {"limit_products", "threads"}))
def test_every_kernel_is_checked_before_training(name, monkeypatch, caplog):
    honest = library.find_kernel

    def find_kernel(wanted, *tensors):
        kernel = honest(wanted, *tensors)
        return kernel and (spoil(name, kernel) if wanted == name else kernel)

    for module in ("kernels", "shaped", "lines"):
        monkeypatch.setattr(f"walrusd.training.native.{module}.find_kernel", find_kernel)
    with fresh_results():
        selftest.selftest()
    assert re.search(rf"\b{name}\b.*: training runs in torch alone", caplog.text)
    assert library.find_kernel(name) is None


@contextmanager
def fresh_results():
    """Let no new tensor lie on memory that holds the same result from before: it is NaN."""
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=False)


FIRST_PIXEL = {"quantise_padded": 4 * 34, "cut_patches": 4 * 4}
"""Bytes before the first value that is written, where it is not the first."""


def spoil(name, kernel):
    """Raise the exponent of the first value behind each pointer that is written."""
    if name == "check_finite":
        return lambda *arguments: 0

    def call(*arguments):
        places = [value for value in arguments if isinstance(value, int) and value > 1 << 32]
        places = [place + FIRST_PIXEL.get(name, 0) for place in places]
        before = [ctypes.c_uint32.from_address(place).value for place in places]
        done = kernel(*arguments)
        for place, old in zip(places, before, strict=True):
            word = ctypes.c_uint32.from_address(place)
            if word.value != old:
                word.value += 1 << 23
        return done

    return call


def test_a_machine_that_is_wrong_without_kernels_is_refused(monkeypatch):
    monkeypatch.setitem(selftest.GOLDEN, "fold", "0" * 64)
    with pytest.raises(DeviceRefused, match="fold"):
        selftest.selftest()


@needs_library
def test_two_processes_agree_with_and_without_kernels():
    module = "walrusd.training.selftest.selftest"
    code = f"from {module} import selftest; print(sorted(selftest().items()))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"WALRUSD_NATIVE": switch, **WAITING},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for switch in ("0", "1")
    }
    assert len(found) == 1
