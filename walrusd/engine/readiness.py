"""Whether this machine can do the work that its roles need, before money depends on it.

A stake on work that this machine cannot do is lost. So the training process with its device, the
disk, and the Walrus services are checked in the background when the daemon starts, and again before
a stake is bound or a seat is taken. Results are kept for a while and shown by ``status``; what
failed is checked again until it works. The daemon runs either way: its owner must be able to ask it
what is wrong.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import trio

from walrusd.core.disk import DiskShape, compute_disk_need, compute_seat_need
from walrusd.core.policy import RuleVerdict
from walrusd.engine.probes import (
    Ability,
    Fault,
    Probe,
    find_disk_fault,
    make_probes,
)
from walrusd.engine.service import Service
from walrusd.engine.tools import Tools
from walrusd.errors import MachineUnfit
from walrusd.runtime.machine import read_memory_limit
from walrusd.settings.model import Role, Settings

WORKING = {
    Ability.DEVICE: "The training process passes its selftest.",
    Ability.DISK: "There is room on the disk.",
    Ability.STORING: "A Walrus publisher answers.",
    Ability.READING: "A Walrus aggregator answers.",
}
NEEDS = {
    Role.CONTRIBUTOR: (Ability.DEVICE, Ability.DISK, Ability.STORING, Ability.READING),
    Role.VERIFIER: (Ability.DEVICE, Ability.DISK, Ability.READING),
    Role.PUBLISHER: (Ability.DISK, Ability.STORING, Ability.READING),
    Role.DATASET_OWNER: (Ability.DISK, Ability.STORING),
}

MEMORY_PARTS = 8
"""A replay holds a state, its gradients and activations, and two may run at once: a seat declares
one part in so many of the machine's memory."""


@dataclass(frozen=True)
class Lifetimes:
    """For how many seconds the result of a passed and of a failed check is kept."""

    passed_s: float
    failed_s: float


LIFETIMES = {
    Ability.DEVICE: Lifetimes(600.0, 60.0),
    Ability.DISK: Lifetimes(1.0, 1.0),
    Ability.STORING: Lifetimes(120.0, 15.0),
    Ability.READING: Lifetimes(120.0, 15.0),
}


def list_needs(settings: Settings) -> list[Ability]:
    """Return what the roles of a daemon need, each once."""
    return [a for a in Ability if any(a in NEEDS[role] for role in settings.daemon.roles)]


@dataclass(frozen=True)
class _Result:
    fault: Fault | None
    kept_until: float


class Readiness:
    """The checks of this machine; one instance serves all services and the control interface."""

    def __init__(self, tools: Tools, probes: Mapping[Ability, Probe] | None = None) -> None:
        self._tools = tools
        self._probes = make_probes(tools) if probes is None else probes
        self._known: dict[Ability, _Result] = {}
        self._turns = {ability: trio.Lock() for ability in Ability}

    @property
    def faults(self) -> list[Fault]:
        """What this machine could not do when it was last checked."""
        return [known.fault for known in self._known.values() if known.fault is not None]

    async def find_faults(self, abilities: Collection[Ability]) -> list[Fault]:
        """Return the faults in ``abilities``, after checking the unknown ones."""
        found = [await self._check(a) for a in Ability if a in abilities]
        return [fault for fault in found if fault is not None]

    async def refresh(self) -> None:
        """Check what the roles need: everything once, then what failed and what is cheap."""
        for ability in list_needs(self._tools.settings):
            known = self._known.get(ability)
            if known is None or known.fault is not None or ability is not Ability.DEVICE:
                await self._check(ability)

    async def judge_task(self, shape: DiskShape, *, reserved: int = 0) -> tuple[RuleVerdict, ...]:
        """Return the policy's verdicts on this machine for one task.

        ``reserved`` are the bytes that our other tasks will still take. Nothing is judged for
        a daemon that does not contribute.
        """
        if not self._tools.settings.has_role(Role.CONTRIBUTOR):
            return ()
        needs = NEEDS[Role.CONTRIBUTOR]
        faults = {fault.ability: fault for fault in await self.find_faults(needs)}
        short = find_disk_fault(self._tools, compute_disk_need(shape), reserved=reserved)
        if short is not None:
            faults.setdefault(Ability.DISK, short)
        return tuple(_judge(ability, faults.get(ability)) for ability in needs)

    async def check_seat(self) -> None:
        """Check that this machine can replay, before a verifier's seat is staked.

        Raises:
            MachineUnfit: if it cannot; a seat that does not attest is penalised.
        """
        faults = await self.find_faults(NEEDS[Role.VERIFIER])
        declared = self._tools.settings.verifier.memory or read_memory_limit() // MEMORY_PARTS
        need = compute_seat_need(declared)
        short = find_disk_fault(self._tools, need)
        if short is not None and Ability.DISK not in {fault.ability for fault in faults}:
            faults.append(short)
        if faults:
            raise MachineUnfit(
                "this machine cannot verify: " + "; ".join(fault.reason for fault in faults),
                hint=faults[0].hint,
            )

    async def _check(self, ability: Ability) -> Fault | None:
        if self._is_fresh(ability):
            return self._known[ability].fault
        async with self._turns[ability]:
            if not self._is_fresh(ability):
                fault = await self._probes[ability]()
                life = LIFETIMES[ability]
                lasts_s = life.passed_s if fault is None else life.failed_s
                self._known[ability] = _Result(fault, trio.current_time() + lasts_s)
                self._record(ability, fault)
            return self._known[ability].fault

    def _is_fresh(self, ability: Ability) -> bool:
        known = self._known.get(ability)
        return known is not None and trio.current_time() < known.kept_until

    def _record(self, ability: Ability, fault: Fault | None) -> None:
        """Journal a change, even one since before a restart."""
        tools, now = self._tools, None if fault is None else fault.reason
        if tools.records.get("readiness", ability) == now:
            return
        with tools.database.transaction():
            tools.records.put("readiness", ability, now)
            if fault is None:
                tools.journal.record(
                    tools.address, "readiness", "can", WORKING[ability], what=ability.value
                )
            else:
                tools.journal.record(
                    tools.address,
                    "readiness",
                    "cannot",
                    fault.reason,
                    what=ability.value,
                    hint=fault.hint,
                )


def _judge(ability: Ability, fault: Fault | None) -> RuleVerdict:
    if fault is None:
        return RuleVerdict(ability.value, ok=True, sentence=WORKING[ability])
    return RuleVerdict(
        ability.value, ok=False, sentence=f"This machine cannot do it: {fault.reason}."
    )


class ReadinessWatch(Service):
    """Checks the machine at start, and again what failed. No other service waits for it."""

    name = "readiness"

    def __init__(self, tools: Tools, readiness: Readiness) -> None:
        super().__init__(tools)
        self._readiness = readiness
        self._warned: set[Fault] = set()

    async def reconcile(self) -> None:
        """Check the machine, and log what has changed."""
        await self._readiness.refresh()
        faults = set(self._readiness.faults)
        for fault in sorted(faults - self._warned, key=lambda f: f.ability):
            self.log.warning("cannot", what=fault.ability, reason=fault.reason, hint=fault.hint)
        for fault in sorted(self._warned - faults, key=lambda f: f.ability):
            self.log.info("can_again", what=fault.ability)
        self._warned = faults
