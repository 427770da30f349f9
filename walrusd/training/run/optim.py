"""Optimizers, one IEEE operation per element at a time (SPEC §8). No fused or foreach variants.

Weights, gradients and slots hold, by name, tensors of one shape, ``(…)`` at the line: ``(o, i)``
for matrices, ``(w,)`` for biases and gains.
"""

import math
from typing import Protocol

from walrusd.training.layers.prepared import Named
from walrusd.training.native import kernels
from walrusd.training.numerics import functions
from walrusd.training.plan.optimspec import AdamWSpec, OptimizerSpec, SgdSpec
from walrusd.training.plan.strict import round_to_float32


class Optimizer(Protocol):
    """Steps weights in place. ``slots`` and ``powers`` are its state, in the order of its spec.

    Slots are tensors in the shapes of the weights; powers are float64 numbers.
    """

    slots: list[Named]
    powers: list[float]

    def step(self, weights: Named, gradients: Named, rate: float) -> None:
        """Update ``weights`` and the state from ``gradients`` of the same names and shapes.

        ``rate`` is the learning rate, a float32 value.
        """
        ...


class Sgd:
    """SGD with momentum: ``m = RN32(RN32(m·μ) + g)``, ``p = RN32(p − RN32(m·lr))``.

    As in ``torch.optim.SGD``, the rate is applied to ``m`` and not kept in it.
    """

    def __init__(self, spec: SgdSpec, slots: list[Named]) -> None:
        self._momentum = spec.momentum
        self.slots = slots
        self.powers: list[float] = []

    def step(self, weights: Named, gradients: Named, rate: float) -> None:
        """Update weights and momenta in place."""
        (momenta,) = self.slots
        for name, gradient in gradients.items():
            if kernels.sgd(weights[name], momenta[name], gradient, rate, self._momentum):
                continue
            momentum = momenta[name].mul_(self._momentum).add_(gradient)  # (…)
            weights[name].sub_(momentum.mul(rate))


class AdamW:
    """AdamW (Loshchilov and Hutter, 2019) with sums for means, each operation rounded.

    ``M = M·β1 + g``, ``V = V·β2 + g·g``, ``p = p·decay − ((rsqrt(V + e)·M)·c)``. With the powers
    ``P_i = RN64(P_i·β_i)`` and ``k = (1−β2)/(1−P_2)``, all in float64: ``e = RN32(ε·ε/k)``,
    ``c = RN32(lr·(1−β1)/(1−P_1)/√k)``, ``decay = RN32(1 − lr·λ)``, from left to right. This is
    AdamW with ε inside the root. Vectors (biases, gains) do not decay.
    """

    def __init__(self, spec: AdamWSpec, slots: list[Named], powers: list[float]) -> None:
        self._spec = spec
        self.slots = slots
        self.powers = powers

    def step(self, weights: Named, gradients: Named, rate: float) -> None:
        """Update weights and both sums in place."""
        spec = self._spec
        self.powers = [self.powers[0] * spec.beta1, self.powers[1] * spec.beta2]
        share = (1.0 - spec.beta2) / (1.0 - self.powers[1])
        epsilon = round_to_float32(spec.epsilon * spec.epsilon / share)
        size = round_to_float32(
            rate * (1.0 - spec.beta1) / (1.0 - self.powers[0]) / math.sqrt(share)
        )
        decay = round_to_float32(1.0 - rate * spec.weight_decay)
        first, second = self.slots
        for name, gradient in gradients.items():
            weight = weights[name]
            # Multiplying by 1 changes no bit.
            constants = (spec.beta1, spec.beta2, epsilon, size, decay if weight.dim() > 1 else 1.0)
            if kernels.adamw(weight, first[name], second[name], gradient, constants):
                continue
            mean = first[name].mul_(spec.beta1).add_(gradient)  # (…)
            spread = second[name].mul_(spec.beta2).add_(gradient.mul(gradient))  # (…)
            change = functions.reciprocal_sqrt(spread.add(epsilon)).mul_(mean).mul_(size)  # (…)
            if weight.dim() > 1:
                weight.mul_(decay)
            weight.sub_(change)


def build_optimizer(spec: OptimizerSpec, slots: list[Named], powers: list[float]) -> Optimizer:
    """Return the optimizer of a spec with its state."""
    return Sgd(spec, slots) if isinstance(spec, SgdSpec) else AdamW(spec, slots, powers)
