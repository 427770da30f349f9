"""A run of training from bytes alone: plan, weights, rows and seed (SPEC chapters 8 and 10)."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from . import commitments
from .aborts import NON_FINITE, PLAN_REFUSED, UPDATE_OVERFLOW, Abort, require_finite
from .arithmetic import F32, F64, fold, mean
from .files import read_plan, read_weights, with_numbers
from .losses import cross_entropy, mean_squared_error
from .models import Tensors
from .networks import Net
from .optimizers import adamw, adamw_constants, clip, sgd
from .reals import rate_at
from .rows import cut_rows, decode
from .state import State, base_root
from .stream import batch_rows

ABORTED_ROOT = bytes(32)


@dataclass
class Segment:
    """What a trace says about a segment; ``losses`` of each micro-batch of each step."""

    number: int
    losses: list = field(default_factory=list)
    chain: bytes = b""
    slot_root: bytes = b""
    state_root: bytes = b""
    leaf: bytes = b""


def compute_loss(kind, logits, labels, batch, rows):
    """Return each row's loss, or each place's, and the gradient by the outputs."""
    if kind == "mse":
        scale = F32(2.0 / (batch * labels.shape[1]))
        losses, gradient = mean_squared_error(logits, labels, scale)
    else:
        scale = F32(1.0 / (batch * (len(labels) // rows)))
        losses, gradient = cross_entropy(logits, labels, scale)
    return require_finite(losses, "a loss"), gradient


def compute_cost(losses):
    """Return the mean of the losses of a segment's micro-batches in units of 2^-32."""
    total = sum(Fraction(float(loss)) for step in losses for loss in step)
    cost = round(total / sum(len(step) for step in losses) * 2**32)
    if not 0 <= cost < 2**64:
        raise Abort(NON_FINITE, "the cost does not fit 64 bits")
    return cost


def compute_step_cost(losses):
    """Return the mean of a step's losses in units of 2^-32, at most the largest int64."""
    mean_loss = sum(Fraction(float(loss)) for loss in losses) / len(losses)
    return min(round(mean_loss * 2**32), 2**63 - 1)


class Run:
    """A plan with its initial weights and rows, step by step.

    ``weights`` are a safetensors file, or None for those that follow from the plan's seed.
    ``rows`` are raw rows of the plan's dataset.
    """

    def __init__(self, plan, weights, rows, *, seed, context, slots):
        self.document = read_plan(plan)
        self.plan = with_numbers(self.document)
        self.tensors = Tensors(self.plan["model"])
        if weights is None:
            self.weights = self.tensors.begin(bytes.fromhex(self.plan["init_seed"]))
        else:
            self.weights = read_weights(weights)
        shapes = {name: value.shape for name, value in self.weights.items()}
        if shapes != self.tensors.shapes:
            raise ValueError("the weights are not those of the plan's model")
        lora = self.plan["model"].get("lora")
        if lora and base_root(self.tensors, self.weights).hex() != lora["base_root"]:
            raise ValueError("the frozen weights do not have the plan's base_root")
        self.rows = cut_rows(self.plan["dataset"], rows)
        self.seed, self.context, self.slots = seed, context, slots
        self.state = State(self.tensors, self.plan["optimizer"]["kind"], self.weights)
        self.steps = self.plan["segments"] * self.plan["segment_steps"]

    def step(self):
        """Do one step; return the losses and the folds that the chain absorbs."""
        plan, state = self.plan, self.state
        step = state.step + 1
        order = batch_rows(self.seed, step, plan["batch"], len(self.rows))
        total, found, start = {}, [], 0
        for micro, size in enumerate(plan["micro_batches"]):
            chosen = self.rows[order[start : start + size]]
            start += size
            inputs, labels = decode(plan["dataset"], chosen, self.tensors.input)
            drops = (self.seed, step, micro)
            net = Net(plan["profile"], self.tensors, state.weights, drops)
            outputs, backward = net.forward(inputs)
            losses, gradient = compute_loss(plan["loss"], outputs, labels, plan["batch"], size)
            found.append(require_finite(mean(losses), "a loss"))
            backward(gradient)
            for name, g in net.grads.items():
                total[name] = total[name] + g if name in total else g
        names = self.tensors.trained
        folds = [require_finite(fold(total[name].reshape(-1)), "a fold") for name in names]
        if plan["clipping"] != "none":
            total = clip(total, plan["clipping"]["limit"])
        self._update(total, step)
        for part in (state.weights, *state.slots):
            for name in names:
                require_finite(part[name], f"tensor {name}")
        state.step = step
        return found, folds

    def _update(self, gradients, step):
        state, spec = self.state, self.plan["optimizer"]
        rate = rate_at(self.plan["schedule"], spec["lr"], step, self.steps)
        if spec["kind"] == "adamw":
            betas = (F64(spec["beta1"]), F64(spec["beta2"]))
            state.powers = [p * b for p, b in zip(state.powers, betas, strict=True)]
            constants = adamw_constants(spec, state.powers, rate)
        for name in self.tensors.trained:
            p, g = state.weights[name], gradients[name]
            slots = [slot[name] for slot in state.slots]
            if spec["kind"] == "sgd":
                p, *slots = sgd(p, *slots, g, rate, spec["momentum"])
            else:
                p, *slots = adamw(p, *slots, g, constants)
            state.weights[name] = p
            for slot, value in zip(state.slots, slots, strict=True):
                slot[name] = value

    def segment(self, number, start=None):
        """Run a segment; ``start`` are the bytes of the state before it, else it is ours.

        Returns the segment, and the step and the error that ended it early, if one did.
        """
        length = self.plan["segment_steps"]
        found = Segment(number)
        chain = commitments.chain_start(self.context, number, self.state.root(start))
        step, failed = (number - 1) * length + 1, None
        with np.errstate(all="ignore"):
            try:
                self._check_batch()
                if start is not None:
                    self.state.read(start, step - 1, length, self.steps)
                for _ in range(length):
                    losses, folds = self.step()
                    chain = commitments.chain_step(chain, step, losses, folds)
                    found.losses.append([float(loss) for loss in losses])
                    step += 1
                if number == self.plan["segments"]:
                    compute_cost(found.losses)
                    self.update()
            except Abort as error:
                failed = step, error
                chain = commitments.chain_abort(chain, self.context, number, step, error.code)
                found.losses = []
        found.chain = chain
        found.slot_root = commitments.slot_root(self.context, number, self.slots, chain)
        found.state_root = ABORTED_ROOT if failed else self.state.root()
        found.leaf = commitments.leaf(number, found.state_root, found.slot_root)
        return found, failed

    def _check_batch(self):
        if 2 * self.plan["batch"] > len(self.rows):
            raise Abort(PLAN_REFUSED, "the batch is above half of the rows")

    def update(self):
        """Return the update, int32 of all trained weights in the order of their names."""
        change = np.concatenate(
            [
                (self.state.weights[n].astype(F64) - self.weights[n].astype(F64)).reshape(-1)
                for n in self.tensors.trained
            ]
        )
        scaled = np.rint(change * 2.0 ** self.plan["update"]["scale_bits"])
        if np.abs(scaled).max() > 2 ** (self.plan["update"]["value_bits"] - 1) - 1:
            raise Abort(UPDATE_OVERFLOW, "the update does not fit its bits")
        return scaled.astype("<i4")
