"""An operation in dispute, as each account has it: digests, and numbers where they are known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from walrusd.crypto.number_tree import LEAF_BYTES
from walrusd.training.dispute.dispute import Judgement
from walrusd.training.dispute.forms import HASH, NO_OUTPUT, Form
from walrusd.training.dispute.operation import Input, InputSource
from walrusd.training.dispute.operations import StepOperations, compute_operations
from walrusd.training.dispute.step_log import StepLog
from walrusd.training.dispute.values import read_numbers
from walrusd.training.plan.plan import Plan

SHOWN_NUMBERS = 4


@dataclass(frozen=True)
class OutputAccount:
    """One party's account of the outputs of a step, or that of the computation.

    ``digest`` gives that of an operation, ``read_leaf`` the bytes of one leaf if they are known.
    """

    name: str
    digest: Callable[[int], bytes]
    read_leaf: Callable[[int, int], bytes | None]

    @classmethod
    def of_log(cls, name: str, log: StepLog) -> "OutputAccount":
        """Return the account of a party's log."""
        return cls(name, log.digest, log.read_leaf)

    @classmethod
    def of_judgement(cls, judgement: Judgement) -> "OutputAccount":
        """Return the account of the computation."""
        assert judgement.computed is not None
        kept = judgement.kept
        return cls("computed", judgement.computed.digest, lambda *place: kept.get(place))


def show_operation(
    plan: Plan, accounts: Sequence[OutputAccount], number: int, leaf: int | None
) -> dict[str, Any]:
    """Return the operation in dispute: what it is, its inputs, and its output in each account."""
    operations = compute_operations(plan)
    operation = operations[number]
    digests = {each.name: each.digest(number) for each in accounts}
    return {
        "number": number,
        "count": len(operations),
        "kind": operation.kind,
        "name": operation.name,
        "form": operation.form.describe(),
        "digests": {
            name: None if digest == NO_OUTPUT else digest.hex() for name, digest in digests.items()
        },
        "leaf": None if leaf is None else _show_leaf(operation.form, accounts, number, leaf),
        "inputs": [_show_input(operations, accounts, each) for each in operation.inputs],
    }


def _show_leaf(
    form: Form, accounts: Sequence[OutputAccount], number: int, leaf: int
) -> dict[str, Any]:
    """Return the first number of a leaf that differs, in the accounts that carry it."""
    first = leaf * LEAF_BYTES // form.width
    shown: dict[str, Any] = {
        "index": leaf,
        "count": form.leaves,
        "first_number": first,
        "numbers": form.leaf_bytes(leaf) // form.width,
    }
    known = {each.name: each.read_leaf(number, leaf) for each in accounts}
    carried = {name: data for name, data in known.items() if data is not None}
    # Bits, not values: nothing else is the same, not even a NaN with itself.
    rows = [np.frombuffer(data, np.uint8).reshape(-1, form.width) for data in carried.values()]
    if len(rows) < 2:
        return shown
    differing = np.any([(row != rows[0]).any(1) for row in rows[1:]], axis=0)  # (numbers,)
    if not differing.any():
        return shown
    place = int(differing.argmax())
    index = np.unravel_index(first + place, form.shape) if form.shape else ()
    return shown | {
        "differing": int(differing.sum()),
        "place": [int(axis) for axis in index],
        "at": {
            name: spell_number(read_numbers(form, data)[place]) for name, data in carried.items()
        },
    }


def _show_input(
    operations: StepOperations, accounts: Sequence[OutputAccount], given: Input
) -> dict[str, Any]:
    """Return where an input comes from; of an output further up also its digest and first numbers.

    All agree on it: the operation in dispute is the first that differs.
    """
    if given.source != InputSource.OPERATION:
        return {"name": given.name, "source": given.source.value, "of": given.of}
    operation = operations[given.place]
    shown = {
        "name": given.name,
        "source": given.source.value,
        "number": given.place,
        "of": operation.name,
        "form": operation.form.describe(),
        "digest": accounts[0].digest(given.place).hex(),
    }
    if operation.form.type == HASH:
        return shown
    leaves = (each.read_leaf(given.place, 0) for each in accounts)
    data = next((leaf for leaf in leaves if leaf is not None), None)
    if data is not None:
        numbers = read_numbers(operation.form, data)[:SHOWN_NUMBERS]
        shown["numbers"] = [spell_number(each) for each in numbers]
    return shown


def spell_number(item: Any) -> str:
    """Return a number, with its bits if it is a float."""
    if isinstance(item, np.floating):
        bits = item.tobytes()[::-1].hex()
        return f"{float(item)!r} (0x{bits})"
    return str(item)
