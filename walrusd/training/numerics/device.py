"""Which device trains, and how it multiplies: the bits are the same on all, the speed is not.

The owner of the machine chooses by two environment variables: ``WALRUSD_DEVICE`` is ``cpu``,
the default, or a CUDA device such as ``cuda`` or ``cuda:1``; ``WALRUSD_PRODUCTS`` is ``float64`` or
``int8``, by default what suits the device.
"""

import os

import torch

from walrusd.errors import DeviceRefused

DEVICE = "WALRUSD_DEVICE"
PRODUCTS = "WALRUSD_PRODUCTS"

_STRONG_FLOAT64 = {(6, 0), (7, 0), (8, 0), (9, 0), (10, 0)}
"""Compute capabilities with float64 at half the rate of float32; others have a 32nd or less."""


def find_device() -> torch.device:
    """Return the device that the environment names.

    Raises:
        DeviceRefused: if it names none that torch can train on here.
    """
    name = os.environ.get(DEVICE, "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceRefused(
            f"{DEVICE} is {name!r}, which names no device", hint="set it to cpu, cuda or cuda:1"
        ) from error
    if device.type == "cpu":
        return device
    if device.type != "cuda" or not torch.cuda.is_available():
        raise DeviceRefused(
            f"{DEVICE} is {name!r}, but torch finds no such device",
            hint="install torch with CUDA, or unset it to train on the CPU",
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise DeviceRefused(
            f"{DEVICE} is {name!r}, but there are {torch.cuda.device_count()} CUDA devices",
            hint="they are counted from cuda:0",
        )
    return device


def multiplies_by_int8(device: torch.device) -> bool:
    """Return whether 20-bit products on ``device`` are made of 8-bit digits.

    Raises:
        DeviceRefused: if ``WALRUSD_PRODUCTS`` is neither ``float64`` nor ``int8``.
    """
    wanted = os.environ.get(PRODUCTS)
    if wanted not in {None, "float64", "int8"}:
        raise DeviceRefused(
            f"{PRODUCTS} is {wanted!r}", hint="it must be float64 or int8, or not set"
        )
    if wanted is not None or device.type != "cuda":
        return wanted == "int8"
    return torch.cuda.get_device_capability(device) not in _STRONG_FLOAT64
