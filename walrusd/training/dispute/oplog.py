"""The log of a step: outputs as a watched run hands them over, held against the plan's list."""

from typing import Protocol

from walrusd.errors import OperationMismatch
from walrusd.training.dispute.forms import HASH, Form
from walrusd.training.dispute.operation import Operation
from walrusd.training.dispute.operations import StepOperations
from walrusd.training.dispute.tree import HashTree
from walrusd.training.dispute.values import (
    Given,
    hash_leaves,
    iterate_blocks,
    read_array,
    read_form,
)


class StepSink(Protocol):
    """Takes the outputs of one step in order, in pieces, so that none has to be held whole."""

    def start(self, operation: Operation) -> None:
        """Begin with the output of an operation."""
        ...

    def take(self, block: bytes, hashes: bytes) -> None:
        """Take canonical bytes, and the hashes of the leaves in them, 32 bytes each."""
        ...

    def finish(self, digest: bytes) -> None:
        """End with the digest of the output."""
        ...


class OperationLog:
    """Passes the outputs of a step on to ``sink``, and checks that they are those of the list."""

    def __init__(self, operations: StepOperations, sink: StepSink) -> None:
        self._operations = operations
        self._sink = sink
        self._next = 0
        self.prefix = ""
        """Goes before the names of operations: the micro-batch being computed."""

    def _expect(self, name: str, form: Form) -> Operation:
        """Return the next operation of the list, which this has to be."""
        given = f"{self.prefix}{name} ({form.describe()})"
        if self._next >= len(self._operations):
            raise OperationMismatch(f"the step has an operation after the last one: {given}")
        operation = self._operations[self._next]
        if (operation.name, operation.form) != (self.prefix + name, form):
            listed = f"{operation.name} ({operation.form.describe()})"
            raise OperationMismatch(f"operation {self._next} is {given}, the plan lists {listed}")
        self._next += 1
        return operation

    def put(self, name: str, value: Given) -> None:
        """Record the next operation's output, with its present content.

        Raises:
            OperationMismatch: if the plan lists another operation here.
        """
        array = read_array(value)
        operation = self._expect(name, read_form(array))
        self._sink.start(operation)
        hashes = bytearray()
        for block in iterate_blocks(array):
            found = hash_leaves(block)
            hashes += found
            self._sink.take(block, found)
        root = compute_value_root(operation.form, bytes(hashes))
        self._sink.finish(operation.form.compute_digest(root))

    def put_hash(self, name: str, value: bytes) -> None:
        """Record the next operation's output, a hash of 32 bytes.

        Raises:
            OperationMismatch: as ``put``.
        """
        operation = self._expect(name, Form(HASH))
        self._sink.start(operation)
        self._sink.finish(value)

    def close(self) -> None:
        """Check that the step had all operations.

        Raises:
            OperationMismatch: if one is missing.
        """
        if self._next < len(self._operations):
            missing = self._operations[self._next].name
            raise OperationMismatch(f"the step ends without operation {self._next}, {missing}")


def compute_value_root(form: Form, hashes: bytes) -> bytes:
    """Return the root over the hashes of a value's leaves, joined."""
    tree = HashTree(form.leaves, lambda start, stop: hashes[32 * start : 32 * stop])
    return tree.root().hash
