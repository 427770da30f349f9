"""Vectors that a real Move VM produced: the bytes of every event and of every object.

    python -m tests.move.vm_vectors    writes vm_vectors.json

A Move program cannot print, so the bytes leave it through abort codes: seven in each run. Events
come from the unit tests' VM, objects (after a call that changed them) from sui-sandbox.
"""

import json
import random
import re
import tempfile
from pathlib import Path

from tests.contract import work
from tests.contract.world import digest
from walrusd.chain.layouts import events
from walrusd.chain.values.bcs import Layout
from walrusd.core.lifecycle import CaseKind, KeyScope

from . import oracle, vectors
from .builder import HERE, run_unit_tests
from .histories import Contract, OracleBazaar
from .recorder import Step

FILE = HERE / "vm_vectors.json"
CHUNK = 7
_CODE = re.compile(r"aborted with code (\d+)")
_LEAK = """\
fun leak(bytes: vector<u8>, offset: u64) {
    let mut code = 0u64;
    let mut i = 0;
    while (i < 7 && offset + i < bytes.length()) {
        code = code | ((bytes[offset + i] as u64) << ((8 * i) as u8));
        i = i + 1;
    };
    abort code | (i << 56)
}
"""


def expected_events() -> dict[str, Layout]:
    """An event of each kind with values of its own in every field."""
    return {name: vectors.make_layout(name, cls) for name, cls in events.EVENTS.items()}


def leak_events() -> dict[str, bytes]:
    """Emit each event in the unit tests' VM and return its bytes."""
    functions: list[str] = [_LEAK]
    tests: list[str] = []  # their names begin with e, as a function's must not begin with a capital
    for name, event in expected_events().items():
        snake = vectors.snake(name)
        functions.append(
            f"fun bytes_of_{snake}(): vector<u8> {{\n"
            f"    events::emit_{snake}({vectors.fields(event)});\n"
            f"    bcs::to_bytes(&event::events_by_type<events::{name}>()[0])\n}}\n"
        )
        # One more than our own bytes need, so that a longer event is seen.
        tests += [
            f"#[test]\nfun e{name}_{at}() {{ leak(bytes_of_{snake}(), {at}) }}\n"
            for at in range(0, len(event.to_bcs()) + CHUNK + 1, CHUNK)
        ]
    head = "#[test_only]\nmodule walrusd::leaks;\n\nuse std::bcs;\nuse sui::event;\n"
    uses = "use walrusd::{events, terms};\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "leaks.move"
        path.write_text("\n".join([head, uses, *functions, *tests]))
        output = run_unit_tests(path).output
    found: dict[str, dict[int, int]] = {}
    for part in re.split(r"┌── ", output)[1:]:
        name, at = part.split(" ", 1)[0].removeprefix("e").rsplit("_", 1)
        found.setdefault(name, {})[int(at)] = int(_CODE.search(part)[1])
    return {name: _join(chunks) for name, chunks in found.items()}


def _join(chunks: dict[int, int]) -> bytes:
    whole = b""
    for _, code in sorted(chunks.items()):
        raw = code.to_bytes(8, "little")
        whole += raw[: raw[7]]
    return whole


def tell_objects() -> dict[str, tuple[Step, str, Layout]]:
    """Calls after which an object of each kind is looked at: the call, its id, what Python has.

    The id is empty for what the call returned.
    """
    m = OracleBazaar(Contract, random.Random(1))
    found: dict[str, tuple[Step, str, Layout]] = {}

    def note(name: str, value: Layout, *, returned: bool = False) -> None:
        copy = type(value).from_bcs(value.to_bcs())
        found[name] = m.steps[-1], "" if returned else copy.id, copy

    args = 9, digest("manifest 2"), digest("rows 2"), 70, 8, digest("check 2")
    m.call("dataset::add_version", "owner", m.market, m.dataset, *args)
    note("Dataset", m.dataset)
    request = m.grant(m.request("reader", scope=KeyScope.TRAIN))
    note("KeyRequest", request)
    m.call("market::set_paused", "admin", m.admin_cap, m.market, False)
    note("Market", m.market)
    note("AdminCap", m.admin_cap)
    note("VerifierCap", m.register("late verifier"), returned=True)
    note("VerifierPool", m.pool)
    (aborting,) = m.training(1)
    m.commit_abort(aborting)
    note("AbortingSubmission", aborting)
    submissions = m.opened(3)
    first = submissions[0]
    opening = next(s for s in reversed(m.steps) if s.target == "task::open_task")
    found["PublisherCap"] = opening, "", m.publisher_cap
    m.accuse(first, CaseKind.SEGMENT)
    honest = m.works[first.id].honest[first.dispute.index]
    m.convene(first)
    values = [work.Replay(digest("chain"), digest("state", juror % 2)) for juror in range(8)]
    for juror, value in enumerate(values):
        m.jury_commit(first, juror, value)
    m.jury_reveal(first, 0, values[0])
    note("JudgedSubmission", first)
    m.advance(m.task.terms.jury_reveal_ms)
    m.resolve(first)
    m.judge(first, honest)
    m.show(first)
    for place in (0, 2):
        m.attest_seat(first, place)
    m.advance(m.task.terms.verify_ms)
    m.replace(first)
    note("SeatedSubmission", first)
    m.show(first)
    m.report(first, 1)
    note("ReportedSubmission", first)
    m.attest_all(first)
    m.draw_audit(first, selected=True)
    m.audit(first)
    note("AuditedSubmission", first)
    m.judge(first, m.works[first.id].honest[m.audited_segment(first)])
    m.deliver_update(first)
    for each in submissions[1:]:
        m.accept(each)
    note("AcceptedSubmission", submissions[-1])
    args = m.task.accepted, digest("root"), digest("blindings"), 5
    m.call("task::record_aggregate", "publisher", m.market, m.publisher_cap, m.task, *args)
    note("Task", m.task)
    return found


def leak_objects(folder: Path) -> dict[str, bytes]:
    """Return the bytes that sui-sandbox holds of each object after its call."""
    modules = oracle.build_modules()
    return {
        name: oracle.leak_object(step, oid, folder, modules)
        for name, (step, oid, _) in tell_objects().items()
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        leaked = {"events": leak_events(), "objects": leak_objects(Path(scratch))}
    text = {kind: {n: b.hex() for n, b in sorted(part.items())} for kind, part in leaked.items()}
    FILE.write_text(json.dumps(text, indent=1) + "\n")
