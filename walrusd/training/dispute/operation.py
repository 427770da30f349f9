"""One operation of a step: what it computes, the form of its output, and where inputs come from."""

from dataclasses import dataclass, replace
from enum import StrEnum

from walrusd.training.dispute.forms import Form


class InputSource(StrEnum):
    """Where an input comes from."""

    OPERATION = "operation"
    """The output of an earlier operation of the step, its numbers read in the shape needed."""
    STATE = "state"
    """A tensor of the state before the step."""
    FROZEN = "frozen"
    """A weight that training only reads."""
    DATASET = "dataset"
    """The rows of the dataset."""
    RECORD = "record"
    """A hash of the record before the step."""
    CONSTANT = "constant"
    """What follows from plan, seed, step and micro-batch."""


@dataclass(frozen=True)
class Input:
    """One input: what the operation calls it, its source, and which of that source.

    ``place`` is the number of an operation; ``of`` is the name of anything else.
    """

    name: str
    source: InputSource
    place: int = 0
    of: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation, which has one output.

    ``kind`` says what is computed, ``name`` where; no two names of a step are equal.
    """

    number: int
    kind: str
    name: str
    form: Form
    inputs: tuple[Input, ...]

    def move(self, base: int, prefix: str) -> "Operation":
        """Return the operation with numbers counted from ``base`` and a prefix to its name."""
        inputs = tuple(
            replace(each, place=each.place + base) if each.source == InputSource.OPERATION else each
            for each in self.inputs
        )
        return replace(self, number=self.number + base, name=prefix + self.name, inputs=inputs)


class OperationList:
    """A part of a step's operations, numbered from 0; numbers before the part are negative."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def add(self, kind: str, name: str, form: Form, *inputs: Input) -> int:
        """Append an operation and return its number."""
        number = len(self.operations)
        self.operations.append(Operation(number, kind, name, form, inputs))
        return number


def take(name: str, place: int) -> Input:
    """Return an input that is the output of operation ``place``."""
    return Input(name, InputSource.OPERATION, place)
