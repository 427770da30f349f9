"""A step whose operations are logged against one that is not, and trees of numbers against a hash.

Both sides of a logged step make the run anew from the state before it, as a judge does.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from tests.bench.measure import Measurement, time_in_turns
from tests.bench.models import SEED, make_plan, make_rows
from walrusd.core.protocol import TraceContext
from walrusd.training.dispute.computed import ComputedStep
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.recording import SegmentWork, Watch, record_steps
from walrusd.training.dispute.transcript import Beginning
from walrusd.training.dispute.values import hash_leaves, iterate_blocks
from walrusd.training.plan.plan import EXACT_Q8R, EXACT_Q20
from walrusd.training.run.state import initial_state
from walrusd.training.run.trace import Assignment, WorkChain
from walrusd.training.run.weights import init_weights

MODELS = ("gpt256",)
HASHED = 16 << 20
"""Bytes of the tensor that is hashed."""


def make_step(name: str, profile: str, *, logged: bool) -> Callable[[], object]:
    """Return a thunk that computes the first step and its record."""
    plan = make_plan(name, profile)
    rows, weights = make_rows(plan), init_weights(plan)
    nobody = bytes(32)
    subject = TraceContext(nobody, nobody, nobody, nobody, SEED, plan.digest(), nobody)
    work = SegmentWork(Assignment(plan, subject.digest(), SEED, 3), subject, rows, {})
    beginning = Beginning(subject, 1, bytes(32))

    def step() -> object:
        watch = Watch(1, ComputedStep(len(compute_operations(plan)))) if logged else None
        chain = WorkChain(subject.digest(), 1, bytes(32))
        copies = {key: value.copy() for key, value in weights.items()}
        state = initial_state(plan, copies)
        return list(record_steps(work, beginning, state, chain, range(1, 2), watch=watch))

    return step


def hash_as_tree(tensor: npt.NDArray[np.float32]) -> None:
    """Hash the leaves of a tensor in its canonical form."""
    for block in iterate_blocks(tensor):
        hash_leaves(block)


def measure_transcripts(rounds: int) -> list[Measurement]:
    """Return the ratios of a logged step and of hashing as a tree."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    for name in MODELS:
        for profile, which in ((EXACT_Q20, ""), (EXACT_Q8R, "q8r.")):
            plain, logged = (make_step(name, profile, logged=each) for each in (False, True))
            value, baseline = time_in_turns([logged, plain], max(1, rounds // 3))
            found.append(
                Measurement(
                    f"transcript.{name}.{which}logged_step",
                    value,
                    "ms",
                    baseline,
                    "1 thread; baseline: the same step without a log, its record made too",
                )
            )
    tensor = np.random.default_rng(1).standard_normal(HASHED // 4, np.float32)
    value, baseline = time_in_turns(
        [lambda: hash_as_tree(tensor), lambda: hashlib.sha256(tensor.data).digest()], rounds
    )
    found.append(
        Measurement(
            "transcript.tree",
            value,
            "ms",
            baseline,
            "16 MiB made canonical and hashed in leaves of 4 KiB; baseline: one SHA-256 of it",
        )
    )
    torch.set_num_threads(threads)
    return found
