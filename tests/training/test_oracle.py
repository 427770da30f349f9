"""The product and a second implementation, written from SPEC.md, agree on whatever a plan may hold.

The second one gets bytes: the canonical JSON of a plan, a safetensors file, raw rows.
"""

import collections
import decimal
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training import oracle, product
from tests.training.oracle import evaluation
from tests.training.oracle.__main__ import main
from tests.training.oracle.aborts import Abort
from tests.training.oracle.arithmetic import F32
from tests.training.oracle.attention import causal_attention
from tests.training.oracle.files import with_numbers, write_weights
from tests.training.oracle.models import Tensors
from tests.training.oracle.reals import rate_at
from tests.training.random_plans import (
    PROFILES,
    Case,
    canonical,
    make_case,
    make_schedule,
    pick_number,
    to_hex,
)
from walrusd.errors import ProductBoundExceeded
from walrusd.training.native import library
from walrusd.training.operators import attention
from walrusd.training.plan.schedule import ScheduleSpec

ROOT = Path(__file__).parents[2]
RUN = {"seed": b"s" * 32, "context": b"c" * 32}

QUICK = range(98)
SLOW = range(1000, 1700)


def check_case(case):
    """Compare a whole run; return the abort's code, or 0."""
    found = product.describe(*case, **RUN)
    assert found == oracle.describe(*case, **RUN), case.plan
    return found.get("abort", {}).get("code", 0)


def test_the_oracle_imports_nothing_of_the_product():
    program = "import sys, tests.training.oracle.__main__\n"
    program += "print({name.split('.')[0] for name in sys.modules} & {'walrusd', 'torch', 'scipy'})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("first", QUICK[::14])
def test_random_plans_agree(first):
    for seed in range(first, first + 14):
        check_case(make_case(seed))


@pytest.mark.parametrize("first", QUICK[:56:14])
def test_random_plans_agree_without_compiled_kernels(first):
    """What torch computes by itself is also what a GPU does."""
    with library.definitions_only():
        for seed in range(first, first + 14):
            check_case(make_case(seed))


@pytest.mark.slow
@pytest.mark.parametrize("first", SLOW[::50])
def test_many_random_plans_agree(first):
    for seed in range(first, first + 50):
        check_case(make_case(seed))
        with library.definitions_only():
            check_case(make_case(seed))


def list_layers(layers):
    for layer in layers:
        yield layer["layer"]
        yield from list_layers(layer.get("layers", []))


def test_the_quick_plans_hold_everything_that_a_plan_may():
    seen = collections.Counter()
    for seed in QUICK:
        plan = json.loads(make_case(seed).plan)
        model = plan["model"]
        seen.update([plan["profile"], model["kind"], plan["loss"], plan["dataset"]["kind"]])
        seen.update([plan["optimizer"]["kind"], plan["schedule"]["kind"]])
        seen.update(["clipping"] * (plan["clipping"] != "none") + ["lora"] * ("lora" in model))
        seen.update(["warm-up"] * (plan["schedule"]["warmup_steps"] > 0))
        seen.update(["tied"] * model.get("tied", False) + [model.get("style")])
        seen.update(["grouped"] * (model.get("heads") != model.get("kv_heads")))
        seen.update(list_layers(Tensors(with_numbers(model)).layers))
    kinds = {"mlp", "convnet", "gpt", "layers", "gpt2", "llama", "tied", "grouped", "lora"}
    kinds |= {"softmax-cross-entropy", "mse", "sgd", "adamw", "constant", "cosine", "warm-up"}
    kinds |= {"clipping", "tabular-u8", "tabular-f32", "image-u8", "tokens", *PROFILES}
    kinds |= {"linear", "conv2d", "embedding", "positions", "layer_norm", "rms_norm", "relu"}
    kinds |= {"gelu", "silu", "dropout", "attention", "gated_mlp", "average_pool", "flatten"}
    kinds |= {"residual"}
    assert kinds - seen.keys() == set()


# --- chosen cases -------------------------------------------------------------------------------

BASE = {
    "version": 1,
    "profile": PROFILES[0],
    "model": {"kind": "mlp", "inputs": 3, "hidden": [4], "classes": 3},
    "init_seed": "2a" * 32,
    "loss": "softmax-cross-entropy",
    "optimizer": {"kind": "sgd", "lr": to_hex(0.05), "momentum": to_hex(0.9)},
    "schedule": {"kind": "constant", "warmup_steps": 0},
    "clipping": "none",
    "batch": 4,
    "micro_batches": [3, 1],
    "segments": 2,
    "segment_steps": 2,
    "steps": 4,
    "dataset": {"kind": "tabular-u8", "features": 3, "scale_log2": -4, "classes": 3},
    "update": {"scale_bits": 20, "value_bits": 24},
}
ADAMW = {"kind": "adamw", "lr": to_hex(0.01), "beta1": to_hex(0.9), "beta2": to_hex(0.95)}
ADAMW |= {"epsilon": to_hex(1e-8), "weight_decay": to_hex(0.1)}
ROWS = bytes(value % 17 if place % 4 < 3 else value % 3 for place, value in enumerate(range(52)))


def chosen(weights=None, rows=ROWS, **changes):
    return Case(canonical(BASE | changes), weights, rows)


def make_weights(bias, scale=1.0):
    """Return weights of the chosen model, with all biases ``bias``."""
    tensors = Tensors(with_numbers(BASE["model"])).begin(bytes(32))
    for name, value in tensors.items():
        tensors[name] = np.full_like(value, bias) if value.ndim == 1 else value * F32(scale)
    return write_weights(tensors)


COSINE = {"kind": "cosine", "warmup_steps": 0, "floor": to_hex(0)}
ONE_STEP = {"segments": 1, "segment_steps": 1, "steps": 1}
SCHEDULES = {
    "constant": {"kind": "constant", "warmup_steps": 0},
    "warm-up to the end": {"kind": "constant", "warmup_steps": 4},
    "cosine to 0": COSINE,
    "cosine after a warm-up": COSINE | {"warmup_steps": 1},
    "cosine that never begins": COSINE | {"warmup_steps": 4},
    "cosine upwards": COSINE | {"floor": to_hex(0.125)},
    "cosine to a subnormal": COSINE | {"floor": to_hex(2.0**-149)},
}
CASES = {
    "nothing special": chosen(),
    "one step at rate 0 from biases of 0": chosen(schedule=COSINE, **ONE_STEP),
    "one step at rate 0 with a second optimizer": chosen(
        schedule=COSINE, optimizer=ADAMW, **ONE_STEP
    ),
    "biases of 1e-28": chosen(make_weights(1e-28), schedule=COSINE),
    "subnormal biases": chosen(make_weights(-1e-41), schedule=COSINE),
    "biases of -0": chosen(make_weights(-0.0), schedule=COSINE),
    "all weights 0": chosen(make_weights(0.0, 0.0), schedule=COSINE),
    "weights of 1e-12": chosen(make_weights(0.0, 1e-12), optimizer=ADAMW),
    "two gradients that are folds of one row": chosen(
        model={
            "kind": "layers",
            "input": [1, 3],
            "layers": [
                {"layer": "positions", "name": "a"},
                {"layer": "positions", "name": "b"},
                {"layer": "flatten"},
                {"layer": "linear", "name": "c", "outputs": 3, "bias": True},
            ],
        },
        clipping={"kind": "global-norm", "limit": to_hex(2.0**-10)},
        micro_batches=[1, 1, 2],
    ),
    "a long contraction": chosen(
        model={"kind": "mlp", "inputs": 3, "hidden": [8200], "classes": 3}, **ONE_STEP
    ),
}
HEAVY = {
    "model": {"kind": "mlp", "inputs": 2, "hidden": [], "classes": 1},
    "dataset": {"kind": "tabular-f32", "features": 2, "targets": 1},
    "loss": "mse",
}
ABORTS = {
    "a label that is no class": (1, chosen(rows=ROWS[:3] + b"\3" + ROWS[4:])),
    "a value that is no number": (
        1,
        chosen(rows=np.full((8, 3), np.nan, "<f4").tobytes(), **HEAVY),
    ),
    "weights too large": (2, chosen(make_weights(0.0, 1e20))),
    "a cost beyond 64 bits": (2, chosen(rows=np.full((8, 3), 1e10, "<f4").tobytes(), **HEAVY)),
    "too few rows": (4, chosen(rows=ROWS[: 7 * 4])),
    "an update beyond its bits": (5, chosen(update={"scale_bits": 20, "value_bits": 2})),
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", CASES)
def test_chosen_runs_agree(name, profile):
    case = CASES[name]
    plan = json.loads(case.plan) | {"profile": profile}
    case = case._replace(plan=canonical(plan))
    assert check_case(case) == 0
    with library.definitions_only():
        assert check_case(case) == 0


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("optimizer", [BASE["optimizer"], ADAMW], ids=["sgd", "adamw"])
def test_every_schedule_agrees_to_its_last_step(name, optimizer):
    assert check_case(chosen(schedule=SCHEDULES[name], optimizer=optimizer)) == 0


@pytest.mark.parametrize("name", ABORTS)
def test_every_abort_agrees(name):
    code, case = ABORTS[name]
    assert check_case(case) == code


def test_a_head_too_wide_is_too_wide_for_both():
    """A whole plan with such a head has a gigabyte of weights."""
    heads = np.ones((1, 1, 1, 8193), F32)
    with pytest.raises(Abort) as caught:
        causal_attention(heads, heads, heads)
    assert caught.value.code == 3
    with pytest.raises(ProductBoundExceeded):
        attention.causal_attention(*(torch.from_numpy(heads) for _ in range(3)))


# --- what is around the program -----------------------------------------------------------------


@pytest.mark.parametrize("digits", [6, 90])
def test_the_precision_of_the_thread_does_not_matter(digits):
    cases = [CASES["one step at rate 0 from biases of 0"], CASES["biases of 1e-28"]]
    cases += [make_case(seed) for seed in QUICK[:21]]
    expected = [oracle.describe(*case, **RUN) for case in cases]
    with decimal.localcontext(decimal.Context(prec=digits)):
        assert [product.describe(*case, **RUN) for case in cases] == expected


# --- rates, and evaluation ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_rates_agree_in_runs_of_any_length(seed):
    rng = random.Random(f"rates {seed}")
    for _ in range(60):
        steps = rng.choice([1, 2, 6, rng.randint(1, 200), rng.randint(1, 65_536_000_000)])
        document = with_numbers(make_schedule(rng, steps))
        lr = float.fromhex(pick_number(rng, -40, 10))
        spec = ScheduleSpec(document["kind"], document["warmup_steps"], document.get("floor", 0.0))
        for step in {1, steps, max(1, steps - 1), max(1, steps // 2), rng.randint(1, steps)}:
            found, expected = spec.rate(lr, step, steps), rate_at(document, lr, step, steps)
            assert str(found) == str(float(expected)), (document, lr, step, steps)


@pytest.mark.parametrize("seed", QUICK[:14])
def test_evaluations_agree(seed):
    case = make_case(1000 + seed)
    plan = json.loads(case.plan)
    tensors = Tensors(with_numbers(plan["model"]))
    packed = case.weights or write_weights(tensors.begin(bytes.fromhex(plan["init_seed"])))
    try:
        expected = evaluation.evaluate(case.plan, packed, case.rows * 30)
    except Abort as error:
        expected = {"abort": error.code}
    assert product.describe_evaluation(case.plan, packed, case.rows * 30) == expected


def test_the_command_prints_what_a_run_commits_to(tmp_path, capsys):
    case = CASES["biases of 1e-28"]
    paths = [tmp_path / name for name in ("plan.json", "weights", "rows")]
    for path, data in zip(paths, case, strict=True):
        path.write_bytes(data)
    names = [str(path) for path in paths]
    assert main([*names, "--seed", "73" * 32, "--context", "63" * 32]) == 0
    assert json.loads(capsys.readouterr().out) == product.describe(*case, **RUN)
    assert main([*names, "--evaluate"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == len(ROWS) // 4
