"""A play in the Move VM: recorded on the specification, replayed there call by call.

Every object after every call, every event, every coin and every refusal must agree to the byte. Of
the cryptography only the group is a stub in this VM, so recording stubs it, too. Starting the VM is
what it costs: ``replay_together`` takes many plays in one go.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.contract.market import Bazaar
from tests.move.groups.stub import stubbed_group
from tests.move.recorder import RecordingBazaar
from tests.move.replays import replay
from tests.move.writer import write_module
from tests.support.scenario.stage import SEATS, Specification

_failures: dict[str, str] = {}
"""What is wrong with a play, by the module that it was written as; empty if nothing is."""


class MoveStage:
    """The recorder; the VM judges at the end."""

    name = "move"

    def __init__(self, verifiers: int, rules: type[Specification]) -> None:
        class Recorder(RecordingBazaar):
            functions = rules.functions
            deploy = staticmethod(rules.deploy)

        self.world = Recorder(verifiers=verifiers)

    def gain(self, person: str) -> int:
        return self.world.gain(person)

    @property
    def module(self) -> str:
        """The name of the Move module of what has happened: the same for the same."""
        told = [
            (s.number, s.sender, s.now, s.target, s.inputs, s.abort, s.events)
            for s in self.world.steps
        ]
        return f"play_{hashlib.sha256(repr(told).encode()).hexdigest()[:16]}"

    def write(self, known: set[Any] | None = None) -> str:
        """Return the Move module. Refusals in ``known`` are left out, the others added to it."""
        refused = {
            at: (step.target, step.abort) for at, step in enumerate(self.world.steps) if step.abort
        }
        if known is not None:
            refused = {at: why for at, why in refused.items() if why not in known}
            known.update(refused.values())
        return write_module(self.module, self.world, list(refused))

    def compare(self) -> None:
        """Replay what has happened, unless it was replayed with others already."""
        if self.module not in _failures:
            replay_together({self.module: self.write()})
        assert not _failures[self.module], f"the Move VM differs:\n{_failures[self.module]}"


def replay_together(modules: dict[str, str]) -> None:
    """Replay modules of plays, by name, and keep what the VM says of each."""
    report = replay((name, lambda text=text: text) for name, text in modules.items())
    for name in modules:
        found = {test: verdict for test, verdict in report.results.items() if name in test}
        is_good = found and set(found.values()) == {"PASS"}
        _failures[name] = "" if is_good else f"{found}\n{report.failures}"


def rehearse(plays: Iterable[Callable[[MoveStage], object]]) -> None:
    """Play on stages of their own, and replay all that were played to the end together.

    Each refusal takes a replay of all that came before it, so each kind is replayed once.
    """
    modules: dict[str, str] = {}
    known: set[Any] = set()
    for play in plays:
        with open_move() as stage:
            try:
                play(stage)
            except Exception:  # noqa: BLE001  # it fails again when it is played
                continue
            modules[stage.module] = stage.write(known)
    replay_together(modules)


@contextmanager
def open_move(verifiers: int = SEATS, rules: type[Specification] = Bazaar) -> Iterator[MoveStage]:
    """Yield a recorder with so many seats registered."""
    with stubbed_group():
        yield MoveStage(verifiers, rules)
