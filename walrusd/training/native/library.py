"""Finds and loads the compiled kernels, and decides which of them may be used.

They are optional. Each gives the bits of its torch definition, only faster. The definitions run
instead where the library is missing, cannot be loaded or has another version, and with
``WALRUSD_NATIVE=0``. The selftest has the last word: if a kernel gives other bits than the golden
ones, none of them is used again in this process.
"""

import contextlib
import ctypes
import functools
import importlib.machinery
import logging
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from ctypes import c_float, c_int, c_int64, c_void_p
from pathlib import Path

import torch
from torch import Tensor

VERSION = 3
"""The version of the functions and their parameters, which the library must report."""

SWITCH = "WALRUSD_NATIVE"

_log = logging.getLogger(__name__)

P, N, I, F = c_void_p, c_int64, c_int, c_float  # noqa: E741 - one letter a column
FUNCTIONS: dict[str, tuple[type, ...]] = {
    "quantise": (P, P, N, I),
    "check_finite": (P, N),
    "peak": (P, N, P),
    "sum_squares": (P, N, I, P),
    "sum_rows": (P, P, N, N),
    "fold": (P, P, N, N),
    "fold_rows": (P, P, N, N),
    "product": (P, N, N, P, N, N, P, N, N, N),
    "quantise_padded": (P, P, N, N, N, N, I),
    "convolve": (P, P, P, P, P),
    "convolve_input": (P, P, P, P, N),
    "convolve_weights": (P, P, P, P),
    "sum_planes": (P, P, N, N, N),
    "pool": (P, P, N, N, N, F),
    "pool_backward": (P, P, N, N, N, F),
    "limit_products": (I,),
    "threads": (),
    "attention": (P, P, P, P, P, P, P, P, P, P, F, I),
    "attention_backward": (P, P, P, P, P, P, P, P, P, P, P, P, P, F, F, I),
    "relu_backward": (P, P, P, N),
    "gelu": (P, P, P, N),
    "gelu_backward": (P, P, P, P, N),
    "silu": (P, P, P, N),
    "silu_backward": (P, P, P, P, N),
    "norm": (P, P, P, P, P, P, N, N, F, F),
    "norm_backward": (P, P, P, P, P, P, P, N, N, F),
    "cross_entropy": (P, P, P, P, N, N, F),
    "sgd": (P, P, P, N, F, F),
    "adamw": (P, P, P, P, N, F, F, F, F, F),
    "cut_patches": (P, P, P),
    "paste_patches": (P, P, P),
    "find_units": (P, N, N, N, P, P),
    "line_product": (P, N, N, P, P, N, N, P, P, N, N, N),
    "line_attention": (P, P, P, P, P, P, P, P, P, P),
    "line_attention_backward": (P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, F, F),
}
"""Every function by name, with the types of its parameters. All return an int, 0 for success."""

_disabled: set[str] = set()
_called: set[str] = set()


def find_library(directory: Path) -> Path | None:
    """Return the compiled library in ``directory``, if one for this Python is there."""
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = directory / f"_kernels{suffix}"
        if path.is_file():
            return path
    return None


def _load(path: Path) -> ctypes.CDLL:
    """Load a library, checking first that a 64-bit ELF file has its end, the section headers.

    Mapping a file that was cut short would kill the process instead of raising an error.
    """
    with path.open("rb") as file:
        header = file.read(64)
    if header.startswith(b"\x7fELF\x02") and len(header) == 64:
        offset, size, count = struct.unpack_from("<40xQ10xHH2x", header)
        if path.stat().st_size < int(offset) + int(size) * int(count):
            raise OSError(f"{path} is cut short")
    return ctypes.CDLL(str(path))


def open_library(path: Path | None) -> ctypes.CDLL | None:
    """Load a library and declare its functions; log why not, and return None, if that fails.

    torch must be loaded already: the library uses the OpenMP runtime that torch brought.
    """
    if path is None:
        _log.warning("the compiled kernels are missing: training runs in torch alone, slower")
        return None
    try:
        library = _load(path)
        version = library.walrusd_version()
        for name, parameters in FUNCTIONS.items():
            function = getattr(library, f"walrusd_{name}")
            function.argtypes, function.restype = parameters, c_int
    except (OSError, AttributeError) as error:
        _log.warning("the compiled kernels cannot be loaded, so torch is used alone: %s", error)
        return None
    if version != VERSION:
        _log.warning(
            "the compiled kernels have version %d, not %d, so torch is used alone: install again",
            version,
            VERSION,
        )
        return None
    return library


@functools.cache
def get_library() -> ctypes.CDLL | None:
    """Return the library of this process, or None."""
    if os.environ.get(SWITCH) == "0":
        return None
    return open_library(find_library(Path(__file__).parent))


def find_kernel(name: str, *tensors: Tensor) -> Callable[..., int] | None:
    """Return the C function ``name`` if it may be used and can take these tensors, else None.

    It takes float32 in the memory of the CPU.
    """
    library = get_library()
    if library is None or name in _disabled:
        return None
    for tensor in tensors:
        if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
            return None
    _called.add(name)
    function: Callable[..., int] = getattr(library, f"walrusd_{name}")
    return function


def take_called() -> set[str]:
    """Return the names of the kernels that were asked for since the last ``take_called``."""
    called = set(_called)
    _called.clear()
    return called


def set_aside(wrong: Iterable[str]) -> None:
    """Use the torch definitions of every operation from now on, because these kernels are wrong.

    The others go too: one wrong kernel shows that the library was compiled wrongly, and the checks
    see only some values. A library built with fused multiply-adds for arm64 failed on norms,
    activations and optimizers, while its attention passed.
    """
    _log.warning(
        "the compiled kernels are set aside, as some give other bits here (%s): "
        "training runs in torch alone, slower",
        ", ".join(sorted(wrong)),
    )
    _disabled.update(FUNCTIONS)


def empty(shape: int | Sequence[int]) -> Tensor:
    """Return a float32 tensor for a kernel to fill, whatever torch's default type is."""
    return torch.empty((shape,) if isinstance(shape, int) else shape, dtype=torch.float32)


@contextlib.contextmanager
def definitions_only() -> Iterator[None]:
    """Use no kernel inside the block."""
    before = set(_disabled)
    _disabled.update(FUNCTIONS)
    try:
        yield
    finally:
        _disabled.intersection_update(before)


def enable_all() -> None:
    """Forget that the kernels were set aside."""
    _disabled.clear()
