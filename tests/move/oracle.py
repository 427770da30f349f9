"""Runs single transitions of the specification in sui-sandbox, a real Move VM with the real group.

The state before comes from Python, the call is one transaction, and ``oracle::expect`` compares
every byte of every object that it changed or returned.
"""

import base64
import functools
import json
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import base58

from tests.contract.world import PACKAGE, SHARED
from walrusd.chain.values.bcs import Layout
from walrusd.chain.values.codecs import encode_length
from walrusd.devnet.move.signatures import Mode
from walrusd.units import address_bytes, normalize_address

from .builder import HERE, SHIM, run_builder
from .builder import PACKAGE as SOURCES
from .bytecode import place_all
from .recorder import Argument, Step, move_type

RANDOM = {
    "task::close_joining",
    "committee::draw_committee",
    "jury::draw_jury",
    "audit::draw_audit",
}
"""The sandbox has no randomness."""

CLOCK_ID = normalize_address("0x6")
_ABORT = re.compile(r'sub_status: Some\((\d+)\), message: Some\("(0x[0-9a-f]+)::(\w+)::')


class SandboxResult(NamedTuple):
    """``abort`` is the module's address and name, and the code; ``error`` the sandbox's text."""

    abort: tuple[str, int] | None
    error: str
    report: dict[str, Any]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@functools.cache
def build_modules(sources: Path = SOURCES) -> tuple[bytes, ...]:
    """The package with the oracle beside it, and the framework's module that the sandbox lacks."""
    built = run_builder("build", sources, HERE / "oracle")
    return (*place_all(built, PACKAGE), *place_all(run_builder("build", SHIM), "0x2"))


class Transaction:
    """A transaction being put together: inputs, the objects they stand for, commands."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []
        self.objects: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self._known: dict[str, dict[str, Any]] = {}

    def pure(self, data: bytes) -> dict[str, Any]:
        return self._input({"type": "Pure", "bytes": b64(data)})

    def _input(self, value: dict[str, Any]) -> dict[str, Any]:
        self.inputs.append(value)
        return {"type": "Input", "index": len(self.inputs) - 1}

    def object(self, oid: str, kind: str, data: bytes, shared: bool) -> dict[str, Any]:
        if oid in self._known:
            return self._known[oid]
        self.objects.append(
            {
                "object_id": oid,
                "version": 1,
                "type": kind,
                "bcs": b64(data),
                "is_shared": shared,
                "is_immutable": False,
            }
        )
        given = {"type": "Object", "object_id": oid, "version": 1, "digest": _b58(b"\2" * 32)}
        if shared:
            given = {
                "type": "SharedObject",
                "object_id": oid,
                "initial_shared_version": 1,
                "mutable": oid != CLOCK_ID,
            }
        self._known[oid] = self._input(given)
        return self._known[oid]

    def clock(self, now: int) -> dict[str, Any]:
        data = address_bytes(CLOCK_ID) + struct.pack("<Q", now)
        return self.object(CLOCK_ID, "0x2::clock::Clock", data, shared=True)

    def call(self, target: str, args: list[Any], types: Sequence[str] = ()) -> dict[str, Any]:
        module, _, function = target.partition("::")
        command = {
            "type": "MoveCall",
            "package": PACKAGE,
            "module": module,
            "function": function,
            "type_arguments": list(types),
            "arguments": args,
        }
        self.commands.append(command)
        return {"type": "NestedResult", "index": len(self.commands) - 1, "result_index": 0}

    def expect(self, argument: dict[str, Any], kind: str, data: bytes) -> None:
        expected = self.pure(encode_length(len(data)) + data)
        self.call("oracle::expect", [argument, expected], [kind])

    def give(self, result: dict[str, Any], owner: str) -> None:
        to = self.pure(address_bytes(owner))
        command = {"type": "TransferObjects", "objects": [result], "address": to}
        self.commands.append(command)


def _b58(data: bytes) -> str:
    return base58.b58encode(data).decode()


def type_tag(kind: str) -> str:
    """A type of the recorder as the sandbox writes it."""
    if kind.startswith("sui::coin"):
        return "0x2::coin::Coin<0x2::sui::SUI>"
    return kind.replace("walrusd::", f"{PACKAGE}::")


def build_call(step: Step) -> tuple[Transaction, dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the transaction with the call, its object arguments by id, and the call's result."""
    tx, args, objects = Transaction(), [], {}
    for given in step.inputs:
        if given is None:
            args.append(tx.clock(step.now))
        elif isinstance(given, bytes):
            args.append(tx.pure(given))
        elif isinstance(given, Argument):
            shared = given.owner == SHARED
            made = tx.object(given.id, type_tag(given.move_type), given.before, shared)
            objects[given.id] = made
            args.append(made)
        else:
            args.append(_build_plain(tx, given))
    return tx, objects, tx.call(step.target, args)


def _build_plain(tx: Transaction, terms: Layout) -> dict[str, Any]:
    values = [tx.pure(codec.encode(getattr(terms, n))) for n, codec in terms.codecs().items()]
    return tx.call("terms::new_terms", values)


def run(tx: Transaction, step: Step, folder: Path, modules: tuple[bytes, ...]) -> SandboxResult:
    import sui_sandbox  # noqa: PLC0415  # x86-64 Linux only; whoever calls has looked

    digest = struct.pack("<Q", step.number + 1).ljust(32, b"\0")
    state = {
        "transaction": {
            "digest": _b58(digest),
            "sender": step.sender,
            "gas_budget": 10**9,
            "gas_price": 1000,
            "commands": tx.commands,
            "inputs": tx.inputs,
            "effects": None,
            "timestamp_ms": step.now,
            "checkpoint": None,
        },
        "objects": tx.objects,
        "packages": {
            PACKAGE: {
                "address": PACKAGE,
                "version": 1,
                "modules": [{"name": f"m{i}", "bytes": b64(m)} for i, m in enumerate(modules)],
            }
        },
        "protocol_version": 109,
        "epoch": 0,
        "reference_gas_price": 1000,
        "checkpoint": None,
    }
    path = folder / "state.json"
    path.write_text(json.dumps(state))
    report = sui_sandbox.replay(state_file=str(path), vm_only=True, compare=False, verbose=False)
    if report["local_success"]:
        return SandboxResult(None, "", report)
    error = str(report.get("local_error"))
    return SandboxResult(_parse_abort(error), error, report)


def _parse_abort(error: str) -> tuple[str, int] | None:
    found = _ABORT.search(error)
    if found is None:
        return None
    code, address, module = found.groups()
    is_ours = address == PACKAGE
    return (module if is_ours else f"{hex(int(address, 16))}::{module}"), int(code)


def check_transition(step: Step, folder: Path, modules: tuple[bytes, ...]) -> None:
    """Run one recorded call in the sandbox and compare all that it did.

    Raises:
        AssertionError: with what differs.
    """
    tx, objects, result = build_call(step)
    if step.abort is None:
        for given in step.inputs:
            if isinstance(given, Argument) and given.mode is Mode.MUT:
                tx.expect(objects[given.id], type_tag(given.move_type), given.after)
        if step.result is not None:
            kind = type_tag(move_type(type(step.result)))
            tx.expect(result, kind, step.result.to_bcs())
            tx.give(result, step.sender)
    outcome = run(tx, step, folder, modules)
    assert outcome.abort == step.abort, f"{step.target}: {step.abort}, not {outcome.error}"
    if step.abort is None:
        assert outcome.report["local_success"], f"{step.target}: {outcome.error}"
        effects = outcome.report["effects"]
        assert effects["events_count"] == len(step.events), step.target
        # New shared objects are out of reach here; the replayed histories compare their bytes.
        created = {normalize_address(oid) for oid in effects["created"]}
        assert created == step.created, step.target


def holds_object(
    step: Step, oid: str, data: bytes, folder: Path, modules: tuple[bytes, ...]
) -> bool:
    """Return whether ``data`` is what the VM holds of an object after a call.

    "" is what the call returned.
    """
    tx, objects, result = build_call(step)
    kind = type_tag(_find_type(step, oid))
    tx.expect(objects[oid] if oid else result, kind, data)
    if step.result is not None:
        tx.give(result, step.sender)
    outcome = run(tx, step, folder, modules)
    assert outcome.abort in (None, ("oracle", 777)), outcome.error
    return outcome.abort is None


def _find_type(step: Step, oid: str) -> str:
    if oid:
        return next(a.move_type for a in step.inputs if isinstance(a, Argument) and a.id == oid)
    return move_type(type(step.result))


def leak_object(step: Step, oid: str, folder: Path, modules: tuple[bytes, ...]) -> bytes:
    """Return the bytes the VM holds of an object after a call; "" is what the call returned."""
    leaked = b""
    while True:
        tx, objects, result = build_call(step)
        kind = _find_type(step, oid)
        offset = tx.pure(struct.pack("<Q", len(leaked)))
        tx.call("oracle::leak", [objects[oid] if oid else result, offset], [type_tag(kind)])
        outcome = run(tx, step, folder, modules)
        assert outcome.abort is not None, outcome.error
        assert outcome.abort[0] == "oracle", outcome.error
        code = outcome.abort[1].to_bytes(8, "little")
        leaked += code[: code[7]]
        if code[7] < 7:
            return leaked
