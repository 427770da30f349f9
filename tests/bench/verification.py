"""What being verifiable costs: the contributor beside its training, and the whole committee.

Real services do one honest submission in memory, on one thread, timed in seconds of processor time:
training, commitments, opening, and each seat's examination. What an honest training would take
without a trace is what it took less folds, hashes and states, which are timed by themselves.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio.to_process
import numpy as np
import torch
import trio

from tests.bench.measure import Measurement, time_in_turns
from tests.bench.models import BASE, CLASSES, MODELS, VOCABULARY
from tests.bench.training import make_ends, make_folds
from tests.support.market.bench import SUBMISSION, Network
from tests.support.market.world import InlineTraining, check_machine
from walrusd.chain.calls.committee import CommitteeCalls
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ObjectRef, SharedRef
from walrusd.core.lifecycle import SubmissionState
from walrusd.core.protocol import compute_slot_tree
from walrusd.crypto.envelope import derive_public_key
from walrusd.crypto.merkle import Tree
from walrusd.engine.tools import OnLine, Tools
from walrusd.market.fetch import Fetcher
from walrusd.runtime.generators import load_generators
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.trainer import Trainer
from walrusd.training.plan.plan import EXACT_Q20, Plan, read_plan
from walrusd.training.run.jobs import Job, ReplayJob

SEGMENTS, COMMITTEE, PER_SEAT = 16, 3, 2
SEGMENT_STEPS = {"convnet": 2, "gpt": 8}
"""Steps of a segment for each round of the benchmark. The default fifteen rounds make a training of
about a minute, or of a few: shorter ones are mostly the commitments, which do not grow with them.
"""
CHAIN_SEGMENTS = 1024
SIGNATURE_BYTES = 97
"""Scheme, Ed25519 signature and public key."""

SMALL_GPT = {"width": 128, "heads": 2, "kv_heads": 2, "hidden": 512, "layers": 2, "context": 128}
PLANS: dict[str, dict[str, Any]] = {
    "convnet": MODELS["convnet"] | {"model": MODELS["convnet"]["model"] | {"hidden": [64]}},
    "gpt": MODELS["gpt256"]
    | {
        "model": MODELS["gpt256"]["model"] | SMALL_GPT,
        "dataset": {"kind": "tokens", "length": 128, "vocabulary": VOCABULARY},
    },
}


def measure_verification(directory: Path, rounds: int) -> list[Measurement]:
    """Return what verification adds to a training of each model, longer with more ``rounds``."""
    found = []
    for name in PLANS:
        home = directory / name
        home.mkdir(parents=True)
        with in_this_process():
            found += trio.run(_measure, name, home, rounds * SEGMENT_STEPS[name])
    return [*found, measure_attestation()]


@contextmanager
def in_this_process() -> Iterator[None]:
    """Run heavy work in a thread, so that its processor time is counted; on one thread each."""

    async def run_sync(function: Any, *arguments: Any, cancellable: bool = False) -> Any:
        return await trio.to_thread.run_sync(function, *arguments)

    saved, anyio.to_process.run_sync = anyio.to_process.run_sync, run_sync
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    check_machine()
    load_generators()
    try:
        yield
    finally:
        anyio.to_process.run_sync = saved
        torch.set_num_threads(threads)


class TimedReplays(InlineTraining):
    """Adds up the processor time of replays."""

    seconds = 0.0

    async def run(self, job: Job, on_line: OnLine) -> dict[str, Any]:
        begun = time.process_time()
        result = await super().run(job, on_line)
        if isinstance(job, ReplayJob):
            self.seconds += time.process_time() - begun
        return result


def make_plan(name: str, segment_steps: int) -> Plan:
    """Return a plan of 16 segments."""
    described = PLANS[name] | {"profile": EXACT_Q20}
    lengths = {
        "steps": SEGMENTS * segment_steps,
        "segments": SEGMENTS,
        "segment_steps": segment_steps,
    }
    return read_plan(BASE | described | {"micro_batches": [described["batch"]]} | lengths)


def make_rows(plan: Plan) -> list[bytes]:
    """Return invented rows, sixteen batches of them."""
    schema, count = plan.dataset, 16 * plan.batch
    random = np.random.default_rng(1)
    if schema.kind == "tokens":
        tokens = random.integers(0, VOCABULARY, (count, schema.row_bytes // 2), np.uint16)
        return [row.tobytes() for row in tokens]
    table = random.integers(0, 256, (count, schema.row_bytes), np.uint8)
    table[:, -1] %= CLASSES
    return [row.tobytes() for row in table]


async def _measure(name: str, directory: Path, segment_steps: int) -> list[Measurement]:
    plan = make_plan(name, segment_steps)
    terms = {
        "committee": COMMITTEE,
        "segments_per_seat": PER_SEAT,
        "verifier_stake": "100 SUI",
        "jury": 3,
    }
    net = Network(terms, plan, make_rows(plan))
    with ExitStack() as stack:
        contributor = stack.enter_context(net.daemon(directory, "contributor"))
        net.join(contributor.address)
        net.grant(contributor.address, contributor.keys.encryption_key)
        fetcher = Fetcher(contributor)
        trained = await spend(Trainer(contributor, fetcher).run_once)
        assert contributor.work.get("trained", SUBMISSION) is not None
        committed = await spend(Committer(contributor, fetcher).run_once)
        net.submission.commitment = contributor.contract.arguments("commit")[0][2]
        replays = TimedReplays()
        seats = [
            stack.enter_context(net.daemon(directory, f"seat{number}", replays))
            for number in range(COMMITTEE)
        ]
        seat_all(net, seats)
        opened = await spend(Opener(contributor, fetcher).run_once)
        net.submission.opening = contributor.contract.arguments("open")[0][2]
        net.submission.state = SubmissionState.OPENED
        examined = 0.0
        for tools in seats:
            examined += await spend(Verifier(tools, Fetcher(tools)).run_once)
            assert len(tools.contract.calls("attest")) == PER_SEAT
    folds, ends = time_in_turns([make_folds(plan), make_ends(plan)], rounds=9)
    traced = (plan.steps * folds + SEGMENTS * ends) / 1000
    honest = trained - traced
    coverage = COMMITTEE * PER_SEAT / SEGMENTS
    fixed, spare = committed + opened, 0.05 * honest - traced
    enough = f"at most 5 % from {round(plan.steps * fixed / spare)} steps on" if spare > 0 else ""
    size = f"{plan.weight_count} weights, {plan.steps} steps, processor time of one thread; "
    return [
        Measurement(
            f"verification.{name}.contributor",
            traced + committed + opened,
            "s",
            honest,
            size + f"trace {traced:.2f} s, commitments {committed:.2f} s, opening {opened:.2f} s; "
            f"the last two do not grow with the steps; {enough}; baseline: the training",
        ),
        Measurement(
            f"verification.{name}.committee",
            examined,
            "s",
            honest,
            size + f"{COMMITTEE} seats that replay {coverage:.1%} of the segments together; "
            "baseline: the training",
        ),
        Measurement(
            f"verification.{name}.committee_beside_replay",
            examined - replays.seconds,
            "s",
            honest,
            size + "of that, everything but the replays; baseline: the training",
        ),
    ]


async def spend(work: Callable[[], Awaitable[object]]) -> float:
    """Return the processor seconds that this process spends on something."""
    begun = time.process_time()
    await work()
    return time.process_time() - begun


def seat_all(net: Network, seats: list[Tools]) -> None:
    """Draw, and seat these."""
    net.seat(seats[0].address, seats[0].keys.encryption_key)
    net.submission.committee = [
        ob.CommitteeSeat(
            number, tools.address, derive_public_key(tools.keys.encryption_key), number, 0, 0
        )
        for number, tools in enumerate(seats)
    ]


# --- bytes on the chain -------------------------------------------------------------------------

_PACKAGE, _MARKET, _TASK, _SUBMISSION, _CAP, _COIN, _SENDER = (
    "0x" + f"{number:x}" * 64 for number in range(1, 8)
)


class _Sizes(CommitteeCalls):
    """Builds a call and keeps its bytes instead of sending them."""

    def __init__(self) -> None:
        super().__init__(None, None, _PACKAGE, _MARKET)  # type: ignore[arg-type]  # nothing is read or sent
        self.transaction = b""

    async def shared_ref(self, object_id: str) -> SharedRef:
        return SharedRef(object_id, 1 << 40, mutable=True)

    async def _require_cap(self) -> Any:
        return ObjectRef(_CAP, 1 << 40, "1" * 32), None

    async def _send(self, build: Any, *_names: Any, **_options: Any) -> Any:
        ptb = Ptb()
        build(ptb)
        coin = ObjectRef(_COIN, 1 << 40, "1" * 32)
        self.transaction = ptb.build(_SENDER, [coin], budget=50_000_000, price=1_000)


def measure_attestation(segments: int = CHAIN_SEGMENTS, committee: int = 16) -> Measurement:
    """Return the bytes of a transaction that attests one of so many segments."""
    slots = compute_slot_tree(bytes(32), 1, committee, bytes(32))
    leaves = [bytes([n % 251] * 32) for n in range(segments + 1)]
    sizes = _Sizes()

    async def attest() -> None:
        await sizes.attest(
            _TASK,
            _SUBMISSION,
            seat=1,
            position=1,
            digest=bytes(32),
            slot_path=slots.path(1),
            state_root=bytes(32),
            trace_path=Tree(leaves).path(segments // 2),
        )

    trio.run(attest)
    return Measurement(
        "verification.attestation",
        len(sizes.transaction) + SIGNATURE_BYTES,
        "B",
        2048,
        f"a signed transaction that attests one of {segments} segments, committee of {committee}, "
        "the largest; baseline: the bound that it must keep",
    )
