"""Exact training against the same steps in ordinary torch: time, where it goes, and memory."""

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tests.bench.measure import Measurement, time_in_turns
from tests.bench.models import MODELS, SEED, make_ordinary, make_plan, make_rows
from walrusd.training.native import kernels, library, lines, shaped
from walrusd.training.numerics import arith
from walrusd.training.plan.plan import EXACT_Q8R, Plan
from walrusd.training.process.memory import keep_freed_memory
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import (
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, WorkChain
from walrusd.training.run.trainer import run_segment
from walrusd.training.run.weights import init_weights

SEGMENT_STEPS = 100
"""Steps of a segment, among which the cost of its ends is shared."""

SLOW = {"gpt256", "gpt512"}
ROOT = Path(__file__).parents[2]

PARTS = {
    "product": "products",
    "convolve": "products",
    "convolve_input": "products",
    "convolve_weights": "products",
    "attention": "attention",
    "attention_backward": "attention",
    "quantise": "rounding to grids",
    "quantise_padded": "rounding to grids",
    "line_product": "products",
    "line_attention": "attention",
    "line_attention_backward": "attention",
    "find_units": "rounding to grids",
    "cut_patches": "patches",
    "paste_patches": "patches",
    "sgd": "optimizer",
    "adamw": "optimizer",
}
"""Kernels by what a profile calls them; the others are "elementwise and sums"."""


VARIANTS = {
    "products_by_avx2": "1 thread, products limited to AVX2, which is what MKL takes on AMD",
    "torch_alone": "1 thread, without the compiled kernels",
}


@contextlib.contextmanager
def limited(variant: str) -> Iterator[None]:
    """Take products, or everything, from the compiled kernels."""
    if variant == "torch_alone":
        os.environ[library.SWITCH] = "0"
        library.get_library.cache_clear()
    elif (built := library.get_library()) is not None:
        built.walrusd_limit_products(1)
    try:
        yield
    finally:
        os.environ.pop(library.SWITCH, None)
        library.get_library.cache_clear()
        if (built := library.get_library()) is not None:
            built.walrusd_limit_products(2)


def start_state(plan: Plan) -> bytes:
    """Return the state before the first step."""
    return serialize_state(plan, initial_state(plan, init_weights(plan)))


def make_exact(plan: Plan, rows: DatasetRows) -> Callable[[], object]:
    """Return a thunk that does one step as the daemon does, losses and folds hashed."""
    assignment = Assignment(plan, ctx=bytes(32), seed=SEED, slots=5)
    steps = run_segment(assignment, rows, start_state(plan), 1)
    return lambda: next(steps)


def make_ends(plan: Plan) -> Callable[[], object]:
    """Return a thunk that does what a training run does between two segments."""
    state = start_state(plan)

    def turn() -> bytes:
        return compute_state_root(plan, serialize_state(plan, deserialize_state(plan, state)))

    return turn


def make_folds(plan: Plan) -> Callable[[], object]:
    """Return a thunk that does what a step does for the trace alone: folds and their hash."""
    weights = {name: torch.from_numpy(value) for name, value in init_weights(plan).items()}
    chain = WorkChain(bytes(32), 1, bytes(32))

    def absorb() -> None:
        folds = arith.fold_each([weights[name] for name in sorted(weights)])
        arith.require_finite(folds, "the gradient")
        chain.absorb(1, [1.0], folds.tolist())

    return absorb


@contextlib.contextmanager
def timed_kernels(spent: Counter[str]) -> Iterator[None]:
    """Add up the milliseconds inside each compiled kernel."""
    honest = library.find_kernel

    def find_kernel(name: str, *tensors: torch.Tensor) -> Callable[..., int] | None:
        kernel = honest(name, *tensors)
        if kernel is None:
            return None

        def call(*arguments: object) -> int:
            begun = time.perf_counter()
            result = kernel(*arguments)
            spent[name] += (time.perf_counter() - begun) * 1000
            return result

        return call

    kernels.find_kernel = shaped.find_kernel = lines.find_kernel = find_kernel
    try:
        yield
    finally:
        kernels.find_kernel = shaped.find_kernel = lines.find_kernel = honest


def profile(name: str, step: Callable[[], object], rounds: int) -> list[Measurement]:
    """Return the milliseconds of a step that each kind of work takes."""
    spent: Counter[str] = Counter()
    step()
    begun = time.perf_counter()
    with timed_kernels(spent):
        for _ in range(rounds):
            step()
    total = (time.perf_counter() - begun) * 1000 / rounds
    parts: Counter[str] = Counter()
    for kernel, milliseconds in spent.items():
        parts[PARTS.get(kernel, "elementwise and sums")] += milliseconds / rounds
    parts["data, allocation, Python"] = total - sum(parts.values())
    return [
        Measurement(f"training.{name}.part: {part}", value, "ms", total, "share of the exact step")
        for part, value in parts.most_common()
    ]


def measure_model(name: str, rounds: int) -> list[Measurement]:
    """Return the ratios to ordinary torch with one thread and with two, and where time goes."""
    plan = make_plan(name)
    rows = make_rows(plan)
    exact, ordinary = make_exact(plan, rows), make_ordinary(name, plan, rows)
    fast = make_exact(make_plan(name, EXACT_Q8R), rows)
    ends, folds = make_ends(plan), make_folds(plan)
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        step, narrow, baseline = time_in_turns([exact, fast, ordinary], rounds)
        (between,) = time_in_turns([ends], max(1, rounds // 3))
        (absorbing,) = time_in_turns([folds], rounds)
        share = between / SEGMENT_STEPS
        found += [
            Measurement(
                f"training.{name}.{threads}_threads",
                step + share,
                "ms",
                baseline,
                f"one step, its trace and 1/{SEGMENT_STEPS} of a segment's ends; baseline: float32 "
                "with autograd, fused attention and torch's optimizer, in turns",
            ),
            Measurement(
                f"training.{name}.q8r.{threads}_threads",
                narrow + share,
                "ms",
                baseline,
                f"the same in profile {EXACT_Q8R}",
            ),
            *(
                Measurement(
                    f"training.{name}.{which}trace.{threads}_threads",
                    share + absorbing,
                    "ms",
                    whole + share,
                    f"of that, folds, hashes and states, at {SEGMENT_STEPS} steps a segment",
                )
                for which, whole in (("", step), ("q8r.", narrow))
            ),
        ]
    torch.set_num_threads(1)
    found += profile(name, exact, rounds)
    found += profile(f"{name}.q8r", fast, rounds)
    for variant, what in VARIANTS.items():
        with limited(variant):
            step, narrow, baseline = time_in_turns([exact, fast, ordinary], max(1, rounds // 3))
        found += [
            Measurement(f"training.{name}.{variant}", step, "ms", baseline, what),
            Measurement(f"training.{name}.q8r.{variant}", narrow, "ms", baseline, what),
        ]
    return found


def measure_memory(name: str, kind: str = "exact") -> Measurement:
    """Compare the peaks of two fresh processes, without what they hold before they build models."""
    peaks = []
    for side in (kind, "ordinary"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.training_memory", name, side],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(float(done.stdout))
    return Measurement(
        f"training.{name}.peak_memory" if kind == "exact" else f"training.{name}.q8r.peak_memory",
        peaks[0],
        "MB",
        peaks[1],
        "growth of the resident set while training, 1 thread; libraries not counted",
    )


def measure_products(rounds: int) -> list[Measurement]:
    """Compare one exact product, rounding included, with torch's in float32 and in float64."""
    a, b = torch.randn(1024, 512), torch.randn(512, 1024)
    wide_a, wide_b = a.double(), b.double()
    exact, single, double = time_in_turns(
        [
            lambda: arith.mm(arith.quantise(a), arith.quantise(b)),
            lambda: torch.mm(a, b),
            lambda: torch.mm(wide_a, wide_b),
        ],
        rounds,
    )
    sizes = "1024 x 512 x 1024, 1 thread; baseline: float32 by torch"
    return [
        Measurement("training.product.exact", exact, "ms", single, sizes),
        Measurement("training.product.float64", double, "ms", single, sizes),
    ]


def measure_training(rounds: int) -> list[Measurement]:
    """Return everything about the speed and the memory of exact training."""
    before = torch.get_num_threads()
    keep_freed_memory()
    torch.set_num_threads(1)
    found = measure_products(rounds)
    for name in MODELS:
        found += measure_model(name, max(1, rounds // 3) if name in SLOW else rounds)
        found += [measure_memory(name), measure_memory(name, "q8r")]
    torch.set_num_threads(before)
    return found
