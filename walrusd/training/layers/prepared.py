"""What layers are given: weights with their quantised matrices, a micro-batch, a gradient sink."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from walrusd.training.layers.profiles import GridOperand, Profile
from walrusd.training.numerics.random import draw_kept

Named = dict[str, Tensor]
"""Tensors by name, in the shapes of their specs."""


@dataclass(frozen=True)
class Prepared:
    """All weights of a step, and the operands made of its matrices, for all its micro-batches."""

    weights: Mapping[str, Tensor]
    operands: Mapping[str, GridOperand]
    profile: Profile


def quantise_matrices(weights: Named, profile: Profile) -> dict[str, GridOperand]:
    """Return the operands of all tensors with two axes, ``(o, i)`` each.

    Raises:
        NonFiniteValue: if a weight is NaN or infinite.
    """
    matrices = {name: tensor for name, tensor in weights.items() if tensor.dim() > 1}
    return {name: profile.quantise(tensor) for name, tensor in matrices.items()}


@dataclass(frozen=True)
class MicroBatch:
    """Which micro-batch of which step runs; without a ``seed`` nothing is dropped."""

    step: int = 0
    number: int = 0
    seed: bytes | None = None

    def draw_mask(self, name: str, like: Tensor, threshold: int) -> Tensor | None:
        """Return the elements that dropout ``name`` keeps, bool in the shape of ``like``.

        None outside training, where nothing is dropped.
        """
        if self.seed is None:
            return None
        stream = f"dropout/{self.number}/{name}"
        kept = draw_kept(self.seed, self.step, stream, tuple(like.shape), threshold)
        return torch.from_numpy(kept).to(like.device)


class Gradients:
    """Gradients by tensor name, of the trained tensors alone; those of one name are added."""

    def __init__(self, trained: frozenset[str]) -> None:
        self._trained = trained
        self.named: Named = {}

    def wants(self, name: str) -> bool:
        """Return whether a tensor is trained."""
        return name in self._trained

    def add(self, name: str, gradient: Tensor) -> None:
        """Add a gradient, in its tensor's shape, if that is trained.

        Each sum is rounded by ``RN32``, in the order of calls.
        """
        if name not in self._trained:
            return
        held = self.named.get(name)
        self.named[name] = gradient if held is None else held.add_(gradient)
