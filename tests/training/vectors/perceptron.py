"""A whole run of a perceptron with SGD in ``exact-q20/2``, step by step (SPEC chapters 4 to 10)."""

from fractions import Fraction
from itertools import pairwise

from . import forms
from .exact import (
    constant,
    exact_sums,
    exp,
    fold,
    log,
    mean,
    mm,
    read,
    rn32,
    rn64,
    root,
    transpose,
)
from .measures import compute_cost
from .steps import rate, sgd
from .streams import rows_of_step, uniform

ABORT_BAD_DATA, ABORT_NON_FINITE, ABORT_UPDATE = 1, 2, 5


class Aborted(Exception):
    """A run has ended; ``code`` is the number of the abort."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def pack(values):
    """Return ``f32`` values as bytes, little-endian."""
    return b"".join(_bits(x).to_bytes(4, "little") for x in values)


def _bits(x):
    """Return the 32 bits of an ``f32`` by their definition."""
    if x == 0:
        return 0
    sign, x = (1 << 31 if x < 0 else 0), abs(x)
    exponent = 0
    while x >= 2:
        x, exponent = x / 2, exponent + 1
    while x < 1 and exponent > -126:
        x, exponent = x * 2, exponent - 1
    if x < 1:
        return sign | int(x * 2**23)
    return sign | (exponent + 127) << 23 | int((x - 1) * 2**23)


class Perceptron:
    """Weights and momenta of a plan by name: matrices as lists of rows, biases as lists."""

    def __init__(self, plan, seed, rows):
        self.plan, self.seed, self.rows = plan, seed, rows
        model = plan["model"]
        widths = [model["inputs"], *model["hidden"], model["classes"]]
        self.shapes = {}
        for number, (before, after) in enumerate(pairwise(widths)):
            self.shapes[f"linear{number:02}.bias"] = [after]
            self.shapes[f"linear{number:02}.weight"] = [after, before]
        self.names = sorted(self.shapes)
        self.weights = {name: self._begin(name, shape) for name, shape in self.shapes.items()}
        self.start = dict(self.weights)
        self.momenta = {name: [Fraction(0)] * len(self.weights[name]) for name in self.names}
        self.done = 0

    def _begin(self, name, shape):
        if len(shape) == 1:
            return [Fraction(0)] * shape[0]
        bound = rn32(rn64(root(rn64(Fraction(6, shape[1])), 53, -1074)))
        seed = bytes.fromhex(self.plan["init_seed"])
        return uniform(seed, 0, f"init/{name}", shape[0] * shape[1], bound)

    def matrix(self, name):
        width = self.shapes[name][1]
        flat = self.weights[name]
        return [flat[i : i + width] for i in range(0, len(flat), width)]

    def state(self):
        flat = [x for group in (self.weights, self.momenta) for n in self.names for x in group[n]]
        return pack(flat) + forms.u64(self.done)

    def manifest(self):
        tensors = [
            [f"{group}/{name}", "f32", self.shapes[name]]
            for group in ("weight", "momentum")
            for name in self.names
        ]
        return {"counters": [["step", "u64"]], "tensors": tensors}

    def state_root(self):
        return forms.state_root(self.manifest(), self.state())

    def decode(self, chosen):
        """Return inputs and labels of some rows."""
        schema = self.plan["dataset"]
        scale = Fraction(2) ** schema["scale_log2"]
        rows = [self.rows[row] for row in chosen]
        if any(row[-1] >= schema["classes"] for row in rows):
            raise Aborted(ABORT_BAD_DATA)
        return [[byte * scale for byte in row[:-1]] for row in rows], [row[-1] for row in rows]

    def forward(self, x):
        """Return the input of each linear map, and at the end the logits."""
        found = [x]
        layers = len(self.names) // 2
        for number in range(layers):
            name = f"linear{number:02}"
            bias = self.weights[f"{name}.bias"]
            product = mm(found[-1], transpose(self.matrix(f"{name}.weight")))
            y = [[rn32(a + b) for a, b in zip(row, bias, strict=True)] for row in product]
            found.append(
                [[max(a, Fraction(0)) for a in row] for row in y] if number + 1 < layers else y
            )
        return found

    @staticmethod
    def row_loss(logits, label):
        """Return the loss of a row; the scale of its gradient does not enter it."""
        return cross_entropy(logits, label, Fraction(1))[0]

    def backward(self, values, dy):
        """Return the gradients by name, flat, from the gradient by the logits."""
        found = {}
        for number in reversed(range(len(values) - 1)):
            name = f"linear{number:02}"
            x = values[number]
            found[f"{name}.weight"] = [a for row in mm(transpose(dy), x) for a in row]
            found[f"{name}.bias"] = exact_sums(dy)
            if number:
                dx = mm(dy, self.matrix(f"{name}.weight"))
                dy = [
                    [d if a > 0 else Fraction(0) for d, a in zip(*rows, strict=True)]
                    for rows in zip(dx, x, strict=True)
                ]
        return found

    def micro_batch(self, chosen, batch):
        """Return the loss and the gradients of a micro-batch of a step of ``batch`` rows."""
        inputs, labels = self.decode(chosen)
        values = self.forward(inputs)
        scale = constant(Fraction(1, batch))
        pairs = [cross_entropy(*row, scale) for row in zip(values[-1], labels, strict=True)]
        gradients = self.backward(values, [gradient for _, gradient in pairs])
        return mean([loss for loss, _ in pairs]), gradients

    def step(self):
        """Do one step; return what may be compared."""
        plan, number = self.plan, self.done + 1
        chosen = rows_of_step(self.seed, number, plan["batch"], len(self.rows))
        losses, total, start = [], {}, 0
        for size in plan["micro_batches"]:
            loss, gradients = self.micro_batch(chosen[start : start + size], plan["batch"])
            start += size
            losses.append(loss)
            for name, added in gradients.items():
                held = total.get(name)
                total[name] = (
                    [rn32(a + b) for a, b in zip(held, added, strict=True)] if held else added
                )
        folds = [fold(total[name]) for name in self.names]
        optimizer = plan["optimizer"]
        lr, momentum = read(optimizer["lr"]), read(optimizer["momentum"])
        schedule = plan["schedule"] | {"floor": read(plan["schedule"]["floor"])}
        r = rate(schedule, lr, number, plan["steps"])
        for name in self.names:
            moved = [
                sgd(p, m, g, r, momentum)
                for p, m, g in zip(self.weights[name], self.momenta[name], total[name], strict=True)
            ]
            self.weights[name] = [p for p, _ in moved]
            self.momenta[name] = [m for _, m in moved]
        self.done = number
        return {"step": number, "rows": chosen, "losses": losses, "folds": folds, "rate": r}


def cross_entropy(logits, label, scale):
    """Return the loss of a row and the gradient by its logits."""
    top = max(logits)
    t = [rn32(z - top) for z in logits]
    e = [exp(x) for x in t]
    total = fold(e)
    shares = [rn32(x / total) for x in e]
    shares[label] = rn32(shares[label] - 1)
    return rn32(log(total) - t[label]), [rn32(p * scale) for p in shares]


def final_cost(losses):
    """Return the cost, or end the run if it needs more than 64 bits."""
    cost = compute_cost(losses)
    if cost is None:
        raise Aborted(ABORT_NON_FINITE)
    return cost


def flat_update(run):
    """Return the update, or end the run if it does not fit its bits."""
    spec = run.plan["update"]
    found = []
    for name in run.names:
        for before, after in zip(run.start[name], run.weights[name], strict=True):
            found.append(round(rn64(after - before) * 2 ** spec["scale_bits"]))
    if max(map(abs, found)) > 2 ** (spec["value_bits"] - 1) - 1:
        raise Aborted(ABORT_UPDATE)
    return found


def run_plan(plan, seed, rows, ctx, slots):
    """Return the run, its segments and leaves, and the abort it ends in or its results."""
    run = Perceptron(plan, seed, rows)
    begin = run.state_root()
    leaves = [forms.digest("LEAF", forms.u64(0), begin, forms.NO_SLOTS)]
    segments, result = [], {}
    for number in range(1, plan["segments"] + 1):
        root = run.state_root()
        chain = forms.digest("CHAIN", ctx, forms.u64(number), root)
        found = {"segment": number, "chain_start": chain, "steps": []}
        segments.append(found)
        try:
            for _ in range(plan["segment_steps"]):
                step = run.step()
                chain = forms.digest("STEP", *step_fields(chain, step))
                found["steps"].append(step | {"chain": chain})
            if number == plan["segments"]:
                losses = [loss for step in found["steps"] for loss in step["losses"]]
                result = {"cost": final_cost(losses)}
                result["update"] = flat_update(run)
            found["state_root"] = run.state_root()
        except Aborted as error:
            step = len(found["steps"]) + (number - 1) * plan["segment_steps"] + 1
            fields = ctx, forms.u64(number), forms.u64(step), forms.u64(error.code), chain
            chain = forms.digest("ABORT", *fields)
            found["state_root"] = forms.ABORTED_ROOT
            result["abort"] = {"segment": number, "step": step, "code": error.code}
        found["chain"] = chain
        found["slot_root"] = forms.slot_root(ctx, number, slots, chain)
        fields = forms.u64(number), found["state_root"], found["slot_root"]
        found["leaf"] = forms.digest("LEAF", *fields)
        leaves.append(found["leaf"])
        if "abort" in result:
            break
    result["trace_root"] = forms.merkle_root(leaves)
    return run, {"state_root_0": begin, "leaf_0": leaves[0], "segments": segments} | result


def step_fields(chain, step):
    roots = (forms.number_root(pack(step[name])) for name in ("losses", "folds"))
    return chain, forms.u64(step["step"]), *roots
