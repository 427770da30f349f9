"""The files of ``tests/vectors/training``, computed. Their README says how to read them."""

import json
from fractions import Fraction
from pathlib import Path

from . import exact, forms, steps, streams
from .measures import compute_cost, compute_step_cost
from .runs import make_runs
from .trees import make_trees

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "training"
SEED = bytes(range(32))


def show_all(value):
    """Return a value with fractions as texts and bytes in hexadecimal."""
    if isinstance(value, dict):
        return {key: show_all(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [show_all(part) for part in value]
    if isinstance(value, bytes):
        return value.hex()
    return exact.show(value) if isinstance(value, Fraction) else value


def draw(name, count, bound=1):
    """Return values of a stream, uniform in ``[−bound, bound)``."""
    return streams.uniform(SEED, 0, name, count, Fraction(bound))


def shape(values, width):
    return [values[i : i + width] for i in range(0, len(values), width)]


def make_functions():
    """Values of chapter 3, and folds."""
    edges = [Fraction(n, 2) for n in (-252, -251, -3, -1, 0, 1, 3, 251, 252)]
    ties = [Fraction(1, 2) + exact.power(-24), Fraction(-3, 2) - exact.power(-23)]
    powers = [*edges, *ties, *draw("exp2", 12, 126), *draw("exp2 near 0", 6, exact.power(-20))]
    low = Fraction(0xB504F3, 2**24)
    edges = [Fraction(1), exact.power(-126), exact.LARGEST, low, low - exact.power(-24), 2 * low]
    edges += [1 + exact.power(-23), 1 - exact.power(-24), 2 * low - exact.power(-23)]
    logs = [*edges, *(abs(x) for x in draw("log", 8)), *(abs(x) for x in draw("log", 4, 2**30))]
    exps = [Fraction(n) for n in (-104, -1, 0, 1, 88)] + draw("exp", 6, 20)
    rows = [draw(f"fold {n}", n, 4) for n in (1, 2, 3, 5, 8, 13)]
    roots = [exact.power(-100), Fraction(2), exact.LARGEST, *(abs(x) for x in draw("rsqrt", 5))]
    return {
        "exp2": [[x, exact.exp2(x)] for x in powers],
        "exp": [[x, exact.exp(x)] for x in exps],
        "log": [[x, exact.log(x)] for x in logs],
        "sqrt": [[x, exact.sqrt(x)] for x in roots],
        "rsqrt": [[x, exact.rsqrt(x)] for x in roots],
        "fold": [{"values": x, "fold": exact.fold(x), "mean": exact.mean(x)} for x in rows],
    }


def make_grids():
    """Grids of chapter 2, and products."""
    unit = exact.power(-19)
    halves = [Fraction(1), unit / 2, unit * 3 / 2, -unit / 2, unit * 5 / 2, unit / 2 + unit / 16]
    wide = [Fraction(-1, 3), Fraction(1, 3 * 2**18), Fraction(1, 2**30)]
    tiny = [exact.power(-45), 3 * exact.power(-64), exact.power(-64), -5 * exact.power(-64)]
    cases = {
        "f32": draw("grid", 6, 3),
        "ties to even multiples": halves,
        "the largest is a power of two": [
            Fraction(2),
            Fraction(-2),
            exact.rn32(Fraction(1, 2**17 * 3)),
        ],
        "the floor of the unit": tiny,
        "zeros": [Fraction(0)] * 3,
        "f64": [exact.rn64(x) for x in wide],
        "f64, the floor of the unit": [exact.rn64(x * exact.power(-50)) for x in wide],
    }
    grids = []
    for name, values in cases.items():
        integers, exponent = exact.grid(values)
        rounded = [n * exact.power(exponent) for n in integers]
        case = {"name": name, "values": values, "unit_exponent": exponent}
        grids.append(case | {"integers": integers, "rounded": rounded})
    left, right = shape(draw("left", 12, 2), 4), shape(draw("right", 8, 5), 2)
    small = exact.mm(left, right)
    long = {
        "left": ["long left", [1, 8200], "0x1p+3"],
        "right": ["long right", [8200, 1], "0x1p-4"],
    }
    drawn = {
        side: shape(draw(name, rows * columns, exact.read(bound)), columns)
        for side, (name, (rows, columns), bound) in long.items()
    }
    return {
        "seed": SEED,
        "grids": grids,
        "product": {"left": left, "right": right, "product": small},
        "folds_of_its_rows": [exact.fold(row) for row in small],
        "fold_of_all": exact.fold([x for row in small for x in row]),
        "exact_sums_of_its_columns": exact.exact_sums(small),
        "long_product": {"drawn": long, "product": exact.mm(drawn["left"], drawn["right"])},
    }


def make_random():
    """Streams of chapter 6, and what is made of them."""
    names = [(0, "order"), (7, "order"), (0, "init/linear00.weight"), (3, "dropout/11/it")]
    streamed = [
        {"step": step, "name": name, "bytes": streams.stream(SEED, step, name, 40)}
        for step, name in names
    ]
    orders = [{"epoch": e, "rows": 9, "order": streams.order(SEED, e, 9)} for e in (0, 1)]
    taken = [streams.rows_of_step(SEED, step, 4, 9) for step in (1, 2, 3, 4)]
    bound = exact.rn32(Fraction(1, 3))
    uniform = {"step": 0, "name": "init/a", "bound": bound}
    uniform["values"] = streams.uniform(SEED, 0, "init/a", 8, bound)
    mask = {"step": 3, "micro_batch": 11, "name": "it", "threshold": 64}
    mask["kept"] = [int(bit) for bit in streams.kept(SEED, 3, 11, "it", 24, 64)]
    mask["factor"] = exact.constant(Fraction(256, 256 - 64))
    return {
        "seed": SEED,
        "streams": streamed,
        "orders": orders,
        "steps": {"batch": 4, "rows": 9, "from_step_1": taken},
        "uniform": uniform,
        "dropout": mask,
    }


LONGEST = 65_536_000_000
SCHEDULES = [
    ("constant", 0, "0x0p+0", 5, (1, 5)),
    ("constant", 3, "0x0p+0", 5, (1, 2, 3, 4, 5)),
    ("cosine", 0, "0x0p+0", 9, (1, 2, 3, 4, 5, 6, 7, 8, 9)),
    ("cosine", 4, "0x1.47ae14p-7", 10, (1, 3, 4, 5, 7, 9, 10)),
    ("cosine", 5, "0x0p+0", 5, (1, 4, 5)),
    ("cosine", 0, "0x0p+0", 1, (1,)),
    ("cosine", 0, "0x1p+10", 7, (1, 3, 7)),
    ("cosine", 0, "0x0p+0", LONGEST, (1, LONGEST // 2, *range(LONGEST - 3, LONGEST + 1))),
]


def make_rates():
    """Rates of chapter 8; the last step of each schedule is among them."""
    cases = []
    lr = exact.constant(Fraction("0.05"))
    for kind, warmup, floor, count, wanted in SCHEDULES:
        schedule = {"kind": kind, "warmup_steps": warmup, "floor": exact.read(floor)}
        found = [[step, steps.rate(schedule, lr, step, count)] for step in wanted]
        cases.append({"schedule": schedule, "lr": lr, "steps": count, "rates": found})
    return {"rates": cases}


def make_optimizers():
    """Some elements through each optimizer, and clipping (chapter 8)."""
    lr, momentum = exact.constant(Fraction("0.05")), exact.constant(Fraction("0.9"))
    spec = {"beta1": exact.constant(Fraction("0.9")), "beta2": exact.constant(Fraction("0.999"))}
    spec |= {"epsilon": exact.constant(Fraction("1e-8"))}
    spec |= {"weight_decay": exact.constant(Fraction("0.01"))}
    gradients = [draw(f"gradient {step}", 4, exact.power(-2)) for step in (1, 2, 3)]
    weights = draw("weights", 4)
    rates = [steps.rate({"kind": "constant", "warmup_steps": 2}, lr, t, 3) for t in (1, 2, 3)]
    held = [(p, Fraction(0)) for p in weights]
    moved = []
    for g, r in zip(gradients, rates, strict=True):
        held = [steps.sgd(p, m, x, r, momentum) for (p, m), x in zip(held, g, strict=True)]
        moved.append({"weights": [p for p, _ in held], "momentum": [m for _, m in held]})
    adamw = {
        name: _run_adamw(weights, gradients, rates, spec, matrix=matrix)
        for name, matrix in (("matrix", True), ("vector", False))
    }
    clipping = []
    for limit in ("0x1p+0", "0x1.8p-1", "0x1p-3"):
        clipped, norm, factor = steps.clip(gradients[0] + gradients[1], exact.read(limit))
        clipping.append({"limit": limit, "norm": norm, "factor": factor, "clipped": clipped})
    return {
        "weights": weights,
        "gradients": gradients,
        "rates": rates,
        "sgd": {"momentum": momentum, "steps": moved},
        "adamw": spec | adamw,
        "clipping": {"gradient": gradients[0] + gradients[1], "cases": clipping},
    }


def _run_adamw(weights, gradients, rates, spec, *, matrix):
    powers, found = [Fraction(1), Fraction(1)], []
    held = [(p, Fraction(0), Fraction(0)) for p in weights]
    for gradient, r in zip(gradients, rates, strict=True):
        powers = [exact.rn64(powers[0] * spec["beta1"]), exact.rn64(powers[1] * spec["beta2"])]
        constants = steps.adamw_constants(spec, powers, r)
        held = [
            steps.adamw(*one, g, spec, constants, matrix=matrix)
            for one, g in zip(held, gradient, strict=True)
        ]
        names = ("weights", "first", "second")
        after = dict(zip(names, zip(*held, strict=True), strict=True))
        found.append(after | {"powers": powers, "constants": constants})
    return found


def make_costs():
    """Costs of chapter 10."""
    half = exact.power(-33)
    cases = [
        [half],
        [3 * half],
        [5 * half],
        [Fraction(0), half, half],
        [exact.power(-149)],
        [half, half, half + exact.power(-56)],
        [exact.rn32(Fraction(23, 10)), exact.rn32(Fraction(1, 10)), exact.rn32(Fraction(7, 5))],
        [Fraction(2**20), exact.power(-31), exact.power(-60), Fraction(0)],
        [Fraction(2**31) - 128],
        [Fraction(2**31)],
        [Fraction(2**32) - 256],
        [Fraction(2**32)],
        [exact.LARGEST, Fraction(0)],
    ]
    return {
        "costs": [
            {"losses": x, "cost": compute_cost(x), "step_cost": compute_step_cost(x)} for x in cases
        ]
    }


MAKERS = {
    "functions": make_functions,
    "grids": make_grids,
    "random": make_random,
    "rates": make_rates,
    "optimizers": make_optimizers,
    "costs": make_costs,
    "runs": make_runs,
    "trees": make_trees,
}


def render(name):
    """Return the text of a file."""
    document = show_all({"prefixes": [forms.PREFIX, forms.SECOND_PREFIX]} | MAKERS[name]())
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
