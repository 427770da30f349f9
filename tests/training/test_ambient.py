"""Bits that peers must agree on depend on nothing around the program: decimal context, locale, …

A library that is imported, or whoever starts the process, may change all of these.
"""

import ast
import decimal
import json
import locale
import os
import subprocess
import sys
import threading
from decimal import Context, Decimal
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.engine.training_backend import ChildTraining
from walrusd.training.layers.rope import compute_rope_tables
from walrusd.training.plan.schedule import MAX_STEPS, ScheduleSpec
from walrusd.training.run.jobs import SelftestJob
from walrusd.training.run.threads import WAITING
from walrusd.training.selftest.golden import GOLDEN

ROOT = Path(__file__).parents[2]

STRICT = Context(
    prec=6,
    rounding=decimal.ROUND_UP,
    traps=[decimal.Inexact, decimal.Rounded, decimal.FloatOperation, decimal.Subnormal],
)
"""Raises wherever an operation rounds in the thread's context, or takes a float unasked."""

CONTEXTS = {
    "6 digits": Context(prec=6),
    "9 digits": Context(prec=9),
    "90 digits": Context(prec=90),
    "rounding down": Context(prec=28, rounding=decimal.ROUND_FLOOR),
    "narrow exponents": Context(prec=28, Emax=9, Emin=-9, clamp=1),
    "strict": STRICT,
}

floats = st.floats(0, 1024, width=32)


@st.composite
def moments(draw):
    """A schedule, a rate, and a step of many; ends and rational points come often."""
    warm = draw(st.integers(0, 40))
    after = draw(st.one_of(st.integers(1, 360), st.integers(1, MAX_STEPS - warm)))
    step = draw(
        st.one_of(
            st.integers(1, after),
            st.integers(max(1, after - 3), after),
            st.sampled_from([max(1, after * k // 6) for k in range(1, 7)]),
        )
    )
    return ScheduleSpec("cosine", warm, draw(floats)), draw(floats), warm + step, warm + after


def compute_real_rate(schedule: ScheduleSpec, lr: float, step: int, steps: int) -> float:
    with mpmath.workdps(120):
        progress = mpmath.mpf(step - schedule.warmup) / (steps - schedule.warmup)
        floor = mpmath.mpf(schedule.floor)
        value = floor + (mpmath.mpf(lr) - floor) * (1 + mpmath.cospi(progress)) / 2
        return float(np.float32(float(value)))


@given(moments())
def test_every_rate_is_the_real_number_rounded_twice(moment):
    schedule, lr, step, steps = moment
    found = schedule.rate(lr, step, steps)
    assert found == compute_real_rate(schedule, lr, step, steps)
    assert str(found) == str(abs(found)), "a zero has no sign"


@pytest.mark.parametrize("steps", [1, 2, 3, 200, 10**9, 65_536_000_000, MAX_STEPS])
def test_the_last_rate_of_a_cosine_is_its_floor(steps):
    for floor in (0.0, 2.0**-149, 0.125):
        assert str(ScheduleSpec("cosine", 0, floor).rate(0.1, steps, steps)) == str(floor)


def compute_samples() -> tuple[list[float], list[bytes]]:
    """Rates over a whole run and near the end of a long one, and tables of rotary positions."""
    short, long = ScheduleSpec("cosine", 7, 0.0), ScheduleSpec("cosine", 0, 2.0**-30)
    rates = [short.rate(0.1, step, 100) for step in range(1, 101)]
    rates += [long.rate(1e-3, MAX_STEPS - back, MAX_STEPS) for back in range(5)]
    compute_rope_tables.cache_clear()
    return rates, [table.tobytes() for table in compute_rope_tables(40, 12, 10_000)]


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_decimal_context_of_the_thread_does_not_matter(name):
    expected = compute_samples()
    with decimal.localcontext(CONTEXTS[name]):
        assert compute_samples() == expected


def test_the_context_is_strict_enough_to_notice():
    with decimal.localcontext(STRICT), pytest.raises(decimal.Inexact):
        _ = -Decimal("0.1234567")


def test_another_thread_computes_the_same_with_its_own_context():
    expected, found = compute_samples(), []

    def run() -> None:
        decimal.setcontext(Context(prec=5))
        found.append(compute_samples())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [expected]


PRELUDE = """
import decimal
decimal.DefaultContext.prec = 5
decimal.DefaultContext.rounding = decimal.ROUND_UP
decimal.setcontext(decimal.Context(prec=6, traps=[decimal.Inexact, decimal.FloatOperation]))
import json, locale, os, sys
import numpy as np
import torch
torch.set_num_threads(1)
np.seterr(all="raise")
np.set_printoptions(precision=2)
torch.set_default_dtype(torch.float64)
torch.set_float32_matmul_precision("medium")
torch.set_grad_enabled(False)
torch.manual_seed(5)
name = os.environ["TEST_LOCALE"]
if name:
    locale.setlocale(locale.LC_ALL, name)
from tests.golden.run import MODELS, compare, run, read_golden
odd = []
for model in MODELS:
    odd += compare(model, run(read_golden(model)["plan"], 1))
print(json.dumps(odd))
"""


def find_locale() -> str:
    """Return a locale of this machine that writes numbers otherwise than C, if there is one."""
    kept = locale.setlocale(locale.LC_ALL)
    try:
        for name in ("de_DE.UTF-8", "tr_TR.UTF-8", "fr_FR.UTF-8", "ru_RU.UTF-8"):
            try:
                locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                continue
            return name
    finally:
        locale.setlocale(locale.LC_ALL, kept)
    return ""


@pytest.mark.parametrize("native", ["1", "0"], ids=["kernels", "torch-alone"])
def test_golden_runs_in_a_process_with_everything_else_changed(native, tmp_path):
    """Directory, hash seed, time zone, locale, torch's and NumPy's settings, decimal defaults."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "77",
        "PYTHONSAFEPATH": "1",
        "TZ": "Pacific/Kiritimati",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "TEST_LOCALE": find_locale(),
        "WALRUSD_NATIVE": native,
        **WAITING,
    }
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


async def test_the_training_child_imports_nothing_from_the_current_directory(tmp_path, monkeypatch):
    for name in ("random", "decimal", "numpy", "walrusd"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from where we stand')")
    monkeypatch.chdir(tmp_path)

    async def on_line(kind, payload):
        pass

    result = await ChildTraining().run(SelftestJob(), on_line)
    assert result["hashes"] == GOLDEN


MAKERS = {"empty", "zeros", "ones", "full", "tensor", "scalar_tensor", "eye", "linspace"}


def test_no_tensor_is_made_with_the_default_type_of_torch():
    paths = sorted((ROOT / "walrusd" / "training").rglob("*.py"))
    found = [
        f"{path.name}:{node.lineno}"
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and is_untyped(node)
    ]
    assert found == []


def is_untyped(call: ast.Call) -> bool:
    """Return whether a call makes a tensor whose type is the ambient default."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and (function.value.id, function.attr in MAKERS) == ("torch", True)
        and not any(keyword.arg == "dtype" for keyword in call.keywords)
    )
