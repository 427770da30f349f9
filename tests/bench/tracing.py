"""What the trace costs of a step of training, and what trees cost against one flat hash.

The baseline of the hashes is what a program would do that need not show single numbers to anybody:
SHA-256 of all numbers of a step at once, and of the state in leaves of 1 MiB.
"""

import hashlib
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from tests.bench.measure import Measurement, time_in_turns
from tests.bench.models import make_plan, make_rows
from tests.bench.training import SEGMENT_STEPS, make_ends, make_exact, start_state
from walrusd.core.protocol import compute_chain_step
from walrusd.crypto import merkle
from walrusd.training.process.memory import keep_freed_memory
from walrusd.training.run.state import compute_state_root
from walrusd.training.run.step import Run
from walrusd.training.run.trace import WorkChain

TRACED = ("mlp", "gpt256")
FLAT_LEAF = 1 << 20
MANY = 69_632
"""The most numbers that a step may have: 65,536 losses and 4,096 folds."""


@contextmanager
def timed(owner: type, name: str, spent: Counter[str]) -> Iterator[None]:
    """Add up the milliseconds inside a method."""
    honest = getattr(owner, name)

    def call(*arguments: object) -> object:
        begun = time.perf_counter()
        result = honest(*arguments)
        spent[name] += (time.perf_counter() - begun) * 1000
        return result

    setattr(owner, name, call)
    try:
        yield
    finally:
        setattr(owner, name, honest)


def measure_steps(step: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Return the milliseconds of a step, and within it those of folds and of the chain."""
    spent: Counter[str] = Counter()
    with timed(Run, "_compute_folds", spent), timed(WorkChain, "absorb", spent):
        for _ in range(3):
            step()
        spent.clear()
        begun = time.perf_counter()
        for _ in range(rounds):
            step()
        whole = (time.perf_counter() - begun) * 1000
    return whole / rounds, spent["_compute_folds"] / rounds, spent["absorb"] / rounds


def hash_flat_step(chain: bytes, step: int, values: list[float]) -> bytes:
    """Return one hash over all numbers of a step."""
    raw = struct.pack(f"<{len(values)}f", *values)
    return hashlib.sha256(chain + step.to_bytes(8, "little") + raw).digest()


def hash_flat_state(data: bytes) -> bytes:
    """Return the root of a state in leaves of 1 MiB."""
    view = memoryview(data)
    return merkle.compute_root([view[i : i + FLAT_LEAF] for i in range(0, len(view), FLAT_LEAF)])


def measure_model(name: str, rounds: int) -> list[Measurement]:
    """Return the share of the trace in a step, and the tree of its state against the flat hash."""
    plan = make_plan(name)
    step, folds, chain = measure_steps(make_exact(plan, make_rows(plan)), rounds)
    state = start_state(plan)
    ends, tree, flat = time_in_turns(
        [
            make_ends(plan),
            lambda: compute_state_root(plan, state),
            lambda: hash_flat_state(state),
        ],
        max(3, rounds // 10),
    )
    return [
        Measurement(
            f"tracing.{name}.whole",
            folds + chain + ends / SEGMENT_STEPS,
            "ms",
            step,
            f"folds, chain and states at {SEGMENT_STEPS} steps a segment, in {plan.profile}, "
            "1 thread; baseline: the step",
        ),
        Measurement(f"tracing.{name}.folds", folds, "ms", step, "of that, the folds alone"),
        Measurement(f"tracing.{name}.chain", chain, "ms", step, "of that, the chain alone"),
        Measurement(
            f"tracing.{name}.state_root",
            tree,
            "ms",
            flat,
            f"{len(state) / 1e6:.1f} MB; baseline: flat hashes of 1 MiB",
        ),
    ]


def measure_chain(count: int, rounds: int) -> Measurement:
    """Compare the two roots of a step of ``count`` numbers with one flat hash of them."""
    values, chain = [0.5] * count, bytes(32)
    ours, flat = time_in_turns(
        [
            lambda: compute_chain_step(chain, 1, values[:-4], values[-4:]),
            lambda: hash_flat_step(chain, 1, values),
        ],
        rounds,
    )
    return Measurement(
        f"tracing.chain.{count}", ours, "ms", flat, f"{count} numbers; baseline: one flat hash"
    )


def measure_tracing(rounds: int) -> list[Measurement]:
    """Return everything about the cost of hashing."""
    before = torch.get_num_threads()
    keep_freed_memory()
    torch.set_num_threads(1)
    found = [measure_chain(count, rounds) for count in (5, MANY)]
    for name in TRACED:
        found += measure_model(name, rounds if name != "mlp" else 10 * rounds)
    torch.set_num_threads(before)
    return found
