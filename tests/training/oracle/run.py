"""A whole segment of training from the JSON of a plan, and what it commits to."""

import numpy as np

from . import commitments
from .arithmetic import F32, F64, fold, mean
from .losses import cross_entropy, mean_squared_error
from .networks import Net, initial
from .optimizers import adamw, adamw_constants, clip, rate_at, sgd
from .stream import batch_rows, u64, uniform

SLOTS = {"sgd": ["momentum"], "adamw": ["first", "second"]}
POWERS = {"sgd": [], "adamw": ["beta1_power", "beta2_power"]}


def number(value):
    return float.fromhex(value) if isinstance(value, str) else value


def read_plan(plan):
    """Return the plan with its hexadecimal texts as numbers."""
    if isinstance(plan, dict):
        texts = ("lr", "momentum", "beta1", "beta2", "epsilon", "weight_decay", "floor", "limit")
        texts += ("alpha", "norm_epsilon")
        return {k: number(v) if k in texts else read_plan(v) for k, v in plan.items()}
    return [read_plan(part) for part in plan] if isinstance(plan, list) else plan


class Run:
    """Weights and optimizer state of a plan. ``shapes`` gives every tensor by name."""

    def __init__(self, plan, shapes, rows):
        self.plan, self.rows = read_plan(plan), rows
        self.shapes = shapes
        seed, model = bytes.fromhex(plan["init_seed"]), self.plan["model"]
        self.weights = {
            name: initial(
                name,
                shape,
                model,
                lambda bound, name=name, shape=shape: uniform(
                    seed, 0, f"init/{name}", shape, bound
                ),
            )
            for name, shape in shapes.items()
        }
        adapters = model.get("lora")
        self.trained = sorted(n for n in shapes if not adapters or ".lora_" in n)
        kind = self.plan["optimizer"]["kind"]
        self.slots = [{n: np.zeros(shapes[n], F32) for n in self.trained} for _ in SLOTS[kind]]
        self.powers = [F64(1.0) for _ in POWERS[kind]]
        self.done = 0

    def state(self):
        parts = [self.weights, *self.slots]
        data = b"".join(
            commitments.canonical(part[name]) for part in parts for name in self.trained
        )
        return data + u64(self.done) + np.array(self.powers, "<f8").tobytes()

    def root(self):
        kind = self.plan["optimizer"]["kind"]
        manifest = {
            "counters": [["step", "u64"], *([p, "f64"] for p in POWERS[kind])],
            "tensors": [
                [f"{prefix}/{name}", "f32", list(self.shapes[name])]
                for prefix in ("weight", *SLOTS[kind])
                for name in self.trained
            ],
        }
        return commitments.state_root(manifest, self.state())

    def decode(self, chosen):
        data, schema = self.rows[chosen], self.plan["dataset"]
        if schema["kind"] == "tokens":
            tokens = np.ascontiguousarray(data).view("<u2").astype(np.int64)
            return tokens[:, :-1], tokens[:, 1:].reshape(-1)
        if schema["kind"] == "tabular-f32":
            values = np.ascontiguousarray(data).view("<f4").astype(F32)
            return values[:, : schema["features"]], values[:, schema["features"] :]
        inputs = data[:, :-1].astype(F32) * F32(2.0 ** schema["scale_log2"])
        if schema["kind"] == "image-u8":
            inputs = inputs.reshape(-1, *schema["shape"])
        return inputs, data[:, -1].astype(np.int64)

    def step(self, seed):
        """Do one step; return the losses and the folds that the chain absorbs."""
        plan, step = self.plan, self.done + 1
        order = batch_rows(seed, step, plan["batch"], len(self.rows))
        total, found, start = {}, [], 0
        for micro, size in enumerate(plan["micro_batches"]):
            inputs, labels = self.decode(order[start : start + size])
            start += size
            net = Net(plan["profile"], plan["model"], self.weights, (seed, step, micro))
            logits, backward = getattr(net, plan["model"]["kind"])(inputs)
            if plan["loss"] == "mse":
                scale = F32(2.0 / (plan["batch"] * labels.shape[1]))
                losses, gradient = mean_squared_error(logits, labels, scale)
            else:
                scale = F32(1.0 / (plan["batch"] * (len(labels) // size)))
                losses, gradient = cross_entropy(logits, labels, scale)
            backward(gradient)
            found.append(mean(losses))
            for name, g in net.grads.items():
                total[name] = total[name] + g if name in total else g
        folds = [fold(total[name].reshape(-1)) for name in self.trained]
        if plan["clipping"] != "none":
            total = clip(total, plan["clipping"]["limit"])
        self.update(total, step)
        self.done = step
        return found, folds

    def update(self, gradients, step):
        spec = self.plan["optimizer"]
        steps = self.plan["segments"] * self.plan["segment_steps"]
        rate = rate_at(self.plan["schedule"], spec["lr"], step, steps)
        if spec["kind"] == "adamw":
            betas = (F64(spec["beta1"]), F64(spec["beta2"]))
            self.powers = [p * b for p, b in zip(self.powers, betas, strict=True)]
            constants = adamw_constants(spec, self.powers, rate)
        for name in self.trained:
            p, g = self.weights[name], gradients[name]
            if spec["kind"] == "sgd":
                p, m = sgd(p, self.slots[0][name], g, rate, spec["momentum"])
                self.slots[0][name] = m
            else:
                first, second = self.slots[0][name], self.slots[1][name]
                p, self.slots[0][name], self.slots[1][name] = adamw(p, first, second, g, constants)
            self.weights[name] = p

    def segment(self, context, seed, committee):
        """Run the next segment; return its leaf."""
        segment = self.done // self.plan["segment_steps"] + 1
        chain = commitments.chain_start(context, segment, self.root())
        for _ in range(self.plan["segment_steps"]):
            losses, folds = self.step(seed)
            chain = commitments.chain_step(chain, self.done, losses, folds)
        return commitments.leaf(context, segment, committee, chain, self.root())
