"""Optimizers, one IEEE operation per element at a time. No fused or foreach variants."""

from walrusd.training.layers import Named
from walrusd.training.plan import SgdSpec


class Sgd:
    """SGD with momentum: ``m = RN32(RN32(m·μ) + g)``, ``p = RN32(p − RN32(m·lr))``."""

    def __init__(self, spec: SgdSpec) -> None:
        self._lr = spec.lr
        self._momentum = spec.momentum

    def step(self, weights: Named, momenta: Named, gradients: Named) -> None:
        """Update ``weights`` and ``momenta`` in place from ``gradients`` of the same names."""
        for name, gradient in gradients.items():
            momentum = momenta[name].mul_(self._momentum).add_(gradient)
            weights[name].sub_(momentum.mul(self._lr))
