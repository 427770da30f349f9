"""What the daemon's machine must be able to do, and how each ability is checked.

One probe for each outside thing. A probe does not raise what it finds: it returns a fault.
"""

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import trio

from walrusd.core.disk import FLOOR_BYTES
from walrusd.engine.jobs import run_training_job
from walrusd.engine.tools import Tools
from walrusd.errors import WalrusdError
from walrusd.training.run.jobs import SelftestJob

SELFTEST_LIMIT_S = 300.0
"""The selftest takes seconds; a very busy machine may take a minute to start the process."""

STORAGE_LIMIT_S = 20.0


class Ability(StrEnum):
    """What work needs of the machine; also the names of the policy's rules."""

    DEVICE = "device"
    DISK = "disk"
    STORING = "storing"
    READING = "reading"


@dataclass(frozen=True)
class Fault:
    """What this machine cannot do, why, and what its owner can do about it."""

    ability: Ability
    reason: str
    hint: str

    def to_json(self) -> dict[str, str]:
        """Return the entry of ``status``."""
        return {"what": self.ability.value, "reason": self.reason, "hint": self.hint}


Probe = Callable[[], Awaitable[Fault | None]]


def make_probes(tools: Tools) -> dict[Ability, Probe]:
    """Return the probes of a daemon's machine."""

    async def probe_device() -> Fault | None:
        return await find_device_fault(tools)

    async def probe_disk() -> Fault | None:
        return find_disk_fault(tools, FLOOR_BYTES)

    async def probe_storing() -> Fault | None:
        story = await _in_time(tools.store.find_publisher_trouble)
        return _make_storage_fault(Ability.STORING, "publisher", story)

    async def probe_reading() -> Fault | None:
        story = await _in_time(tools.store.find_aggregator_trouble)
        return _make_storage_fault(Ability.READING, "aggregator", story)

    return {
        Ability.DEVICE: probe_device,
        Ability.DISK: probe_disk,
        Ability.STORING: probe_storing,
        Ability.READING: probe_reading,
    }


async def find_device_fault(tools: Tools) -> Fault | None:
    """Run the selftest in a training process; return a fault if it does not pass in time."""
    try:
        with trio.fail_after(SELFTEST_LIMIT_S):
            await run_training_job(tools, SelftestJob())
    except trio.TooSlowError:
        reason = f"the training process did not pass its selftest in {SELFTEST_LIMIT_S:.0f} s"
        return Fault(Ability.DEVICE, reason, "run `walrusd verify selftest` to see why")
    except WalrusdError as error:
        return Fault(Ability.DEVICE, error.message, error.hint)
    except OSError as error:
        reason = f"the training process cannot be started: {error.strerror or error}"
        return Fault(Ability.DEVICE, reason, "free memory and processes, or reinstall walrusd")
    return None


def find_disk_fault(tools: Tools, need: int, *, reserved: int = 0) -> Fault | None:
    """Return a fault if ``need`` bytes are not free where the daemon keeps its files.

    ``reserved`` are the bytes that tasks in progress will still take. The reason names no number
    that changes by itself, so that a lasting fault is journalled once.
    """
    directory = tools.files.root
    hint = f"free space in {directory}, or move daemon.data_dir to a larger disk"
    try:
        free = shutil.disk_usage(directory).free
    except OSError as error:
        reason = f"{directory} cannot be used: {error.strerror or error}"
        return Fault(Ability.DISK, reason, "check daemon.data_dir and its owner")
    if free >= need + reserved:
        return None
    beside = " beside what tasks in progress will still take" if reserved else ""
    reason = f"{format_size(need)} are needed in {directory}{beside}, but less is free"
    return Fault(Ability.DISK, reason, hint)


def format_size(size: int) -> str:
    """Return a number of bytes as text, rounded up to a tenth of its unit."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6)):
        if size >= scale:
            tenths = -(-size * 10 // scale)
            return f"{tenths // 10}.{tenths % 10} {unit}"
    return f"{size} bytes"


async def _in_time(ask: Callable[[], Awaitable[str | None]]) -> str | None:
    with trio.move_on_after(STORAGE_LIMIT_S) as scope:
        return await ask()
    assert scope.cancelled_caught
    return f"no answer in {STORAGE_LIMIT_S:.0f} s"


def _make_storage_fault(ability: Ability, kind: str, story: str | None) -> Fault | None:
    if story is None:
        return None
    hint = f"check walrus.{kind}s in the configuration and the network"
    return Fault(ability, f"no Walrus {kind} would serve us: {story}", hint)
