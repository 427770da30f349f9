"""One step of training: micro-batches, gradients, folds, clipping, the optimizer (SPEC §8)."""

import torch

from walrusd.training.layers.model import build_model
from walrusd.training.layers.prepared import MicroBatch, Named, Prepared
from walrusd.training.numerics import arith
from walrusd.training.numerics.device import find_device
from walrusd.training.numerics.random import Indices, batch_rows
from walrusd.training.plan.plan import Plan
from walrusd.training.run.clipping import clip_by_global_norm
from walrusd.training.run.data import RowSource, decode_rows
from walrusd.training.run.optim import build_optimizer
from walrusd.training.run.state import State, Tensors


def _to_torch(tensors: Tensors, device: torch.device) -> Named:
    """Return copies on ``device``."""
    return {name: torch.from_numpy(tensor.copy()).to(device) for name, tensor in tensors.items()}


def _share(tensors: Tensors, device: torch.device) -> Named:
    """Return tensors on ``device`` that share their memory with the arrays where they can."""
    return {name: torch.from_numpy(tensor).to(device) for name, tensor in tensors.items()}


def _to_numpy(named: Named) -> Tensors:
    return {name: tensor.cpu().numpy() for name, tensor in named.items()}


class Run:
    """Weights and optimizer state as torch tensors on the device, stepped in place.

    A watched run overrides the parts of a step.

    Raises:
        DeviceRefused: as ``find_device``.
        NonFiniteValue: if a frozen weight is NaN or infinite.
    """

    def __init__(
        self, plan: Plan, seed: bytes, rows: RowSource, start: State, frozen: Tensors | None
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._rows = rows
        self._device = find_device()
        held = _to_torch(frozen or {}, self._device)
        self._model = build_model(plan.model, plan.loss, held, plan.profile)
        # The arrays of the start state belong to this run: steps change them in place.
        self._weights = _share(start.weights, self._device)
        slots = [_share(slot, self._device) for slot in start.slots]
        self._optimizer = build_optimizer(plan.optimizer, slots, list(start.powers))

    def step(self, step: int) -> tuple[tuple[float, ...], list[float]]:
        """Do step ``step``, from 1; return the micro-batch losses and the gradient folds.

        Both are float32 values: a loss per micro-batch, and in name order a fold per tensor, of the
        whole batch's gradient before it is clipped.

        Raises:
            MalformedData: if a row is bad.
            NonFiniteValue: if a value became NaN or infinite.
            ProductBoundExceeded: if a product is too long to be exact.
        """
        losses, total = self._compute_gradients(step)
        folds = self._compute_folds(total)  # (tensors,)
        if self._plan.clipping is not None:
            self._clip(total, self._plan.clipping.limit)
        self._optimize(total, self._choose_rate(step))
        for name in sorted(total):
            arith.require_finite(self._weights[name], f"tensor {name!r}")
            for slot in self._optimizer.slots:
                arith.require_finite(slot[name], f"the optimizer's state of {name!r}")
        return losses, folds.tolist()

    def _compute_gradients(self, step: int) -> tuple[tuple[float, ...], Named]:
        """Return the losses of the micro-batches, and their gradients added in order."""
        plan = self._plan
        indices = batch_rows(self._seed, step, plan.batch, self._rows.count)  # (batch,), int64
        prepared = self._model.prepare(self._weights)
        total: Named = {}
        losses = []
        offset = 0
        for number, size in enumerate(plan.micro_batches):
            chosen = indices[offset : offset + size]  # (b,)
            offset += size
            part = MicroBatch(step, number, self._seed)
            inputs, targets = self._read_batch(part, chosen)
            loss, gradients = self._run_model(prepared, inputs, targets, part)
            losses.append(loss)
            self._add(total, gradients)
        return tuple(losses), total

    def _read_batch(self, _part: MicroBatch, chosen: Indices) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and targets, ``(b, …)`` each, of the chosen rows."""
        inputs, targets = decode_batch(self._plan, self._rows.rows(chosen))
        return inputs.to(self._device), targets.to(self._device)

    def _run_model(
        self, prepared: Prepared, inputs: torch.Tensor, targets: torch.Tensor, part: MicroBatch
    ) -> tuple[float, Named]:
        """Return a micro-batch's loss and gradients."""
        return self._model.gradients(prepared, inputs, targets, self._plan.batch, part)

    def _add(self, total: Named, gradients: Named) -> None:
        """Add a micro-batch's gradients to those of the micro-batches before."""
        for name, gradient in gradients.items():
            total[name] = total[name].add_(gradient) if name in total else gradient

    def _compute_folds(self, total: Named) -> torch.Tensor:
        """Return the fold of each gradient in name order."""
        folds = arith.fold_each([total[name] for name in sorted(total)])
        arith.require_finite(folds, "the gradient")
        return folds

    def _clip(self, total: Named, limit: float) -> float:
        """Clip the gradients by their global norm, and return that."""
        return clip_by_global_norm(total.values(), limit)

    def _choose_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self._plan.rate(step)

    def _optimize(self, total: Named, rate: float) -> None:
        """Update weights and slots."""
        self._optimizer.step(self._weights, total, rate)

    def state(self, step: int) -> State:
        """Return the state after ``step``, sharing its memory with the run on the CPU."""
        slots = tuple(_to_numpy(slot) for slot in self._optimizer.slots)
        return State(_to_numpy(self._weights), slots, step, tuple(self._optimizer.powers))


def decode_batch(plan: Plan, data: bytes) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs ``(b, …)`` in the shape of the model's, and targets, of the rows in ``data``.

    Raises:
        MalformedData: as ``decode_rows``.
    """
    inputs, targets = decode_rows(plan.dataset, data)
    shaped = torch.from_numpy(inputs).view(len(inputs), *plan.model.input_shape)  # (b, …)
    return shaped, torch.from_numpy(targets)
