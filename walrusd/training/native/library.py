"""Finds the compiled kernels, loads them, and says which of them may be used.

They are optional. Each gives the bits of the torch definition beside it, only faster; where the
library is missing, cannot be loaded or is of another version, the definitions run instead. So they
do if ``WALRUSD_NATIVE=0``. The selftest has the last word: a kernel that gives other bits than the
golden ones is not used again in this process.
"""

import ctypes
import functools
import importlib.machinery
import logging
import os
from collections.abc import Callable
from ctypes import c_float, c_int, c_int64, c_void_p
from pathlib import Path

import torch
from torch import Tensor

VERSION = 1
"""Of the functions and their parameters; the library must say the same."""

SWITCH = "WALRUSD_NATIVE"

_log = logging.getLogger(__name__)

P, N, I, F = c_void_p, c_int64, c_int, c_float  # noqa: E741 - one letter a column
FUNCTIONS: dict[str, tuple[type, ...]] = {
    "quantise": (P, P, N, I),
    "check_finite": (P, N),
    "sum_rows": (P, P, N, N),
    "fold": (P, P, N, N),
    "fold_rows": (P, P, N, N),
    "product": (P, N, N, P, N, N, P, N, N, N),
    "attention": (P, P, P, P, P, P, P, P, P, P, F, I),
    "attention_backward": (P, P, P, P, P, P, P, P, P, P, P, P, P, F, F, I),
    "gelu": (P, P, N),
    "gelu_backward": (P, P, P, N),
    "norm": (P, P, P, P, P, P, N, N, F, F),
    "norm_backward": (P, P, P, P, P, P, P, N, N, F),
    "cross_entropy": (P, P, P, P, N, N, F),
    "sgd": (P, P, P, N, F, F),
    "adamw": (P, P, P, P, N, F, F, F, F, F),
}
"""Every function by name, with the types of its parameters. All return an int, 0 for done."""

_disabled: set[str] = set()


def find_library(directory: Path) -> Path | None:
    """Return the compiled library in ``directory``, if one for this Python is there."""
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = directory / f"_kernels{suffix}"
        if path.is_file():
            return path
    return None


def open_library(path: Path | None) -> ctypes.CDLL | None:
    """Load a library and declare its functions; log why not, and return None, if that fails.

    torch must be loaded already: the library uses the OpenMP runtime that torch brought.
    """
    if path is None:
        _log.warning("the compiled kernels are missing: training runs in torch alone, slower")
        return None
    try:
        library = ctypes.CDLL(str(path))
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


def is_usable(name: str) -> bool:
    """Say whether the kernel ``name`` may be used in this process."""
    return name not in _disabled and get_library() is not None


def serves(name: str, *tensors: Tensor) -> bool:
    """Say whether the kernel ``name`` can take these tensors: float32, in the memory of the CPU."""
    if name in _disabled or get_library() is None:
        return False
    return all(x.dtype == torch.float32 and x.device.type == "cpu" for x in tensors)


def disable(name: str) -> None:
    """Use the torch definition instead of the kernel ``name`` from now on."""
    if is_usable(name):
        _log.warning("the compiled kernel %r gives other bits here: torch is used instead", name)
    _disabled.add(name)


def enable_all() -> None:
    """Forget what was disabled."""
    _disabled.clear()


def get_function(name: str) -> Callable[..., int]:
    """Return the C function of the kernel ``name``; only after ``serves`` or ``is_usable``."""
    library = get_library()
    assert library is not None, "no kernel without a library"
    function: Callable[..., int] = getattr(library, f"walrusd_{name}")
    return function
