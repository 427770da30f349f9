"""Low-rank adapters (Hu et al., 2021): frozen base weights, two small trained matrices per map.

``y = base(x) + RN32(mm(mm(x, Aᵀ), Bᵀ)·s)`` with ``s = RN32(alpha/rank)``; ``A`` is
``(rank, inputs)``, ``B`` is ``(outputs, rank)`` and begins at zero.
"""

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from walrusd.training.plan.layerspec import LayerSpec, LinearSpec, TensorSpec, list_linears
from walrusd.training.plan.strict import Fields, format_hex_float, round_to_float32

MAX_RANK = 1024
MAX_TARGETS = 64


@dataclass(frozen=True)
class LoraSpec:
    """Which linear maps are adapted: those whose name matches one of ``targets``.

    ``base_root`` is the root of the frozen tensors, 32 bytes: it binds them to the plan's digest.
    """

    rank: int
    alpha: float
    targets: tuple[str, ...]
    base_root: bytes

    @property
    def scale(self) -> float:
        """``RN32(alpha/rank)``."""
        return round_to_float32(self.alpha / self.rank)

    def adapts(self, linear: LinearSpec) -> bool:
        """Return whether a map gets an adapter."""
        return any(fnmatchcase(linear.name, target) for target in self.targets)

    def tensors(self, layers: tuple[LayerSpec, ...]) -> list[TensorSpec]:
        """Return the adapters' tensors: ``A`` ``(rank, inputs)`` and ``B`` ``(outputs, rank)``."""
        found = []
        for linear in list_linears(layers):
            if self.adapts(linear):
                # ``A`` as a map of its own inputs: uniform with the variance of Glorot's rule.
                bound = round_to_float32(math.sqrt(3.0 / linear.inputs))
                found += [
                    TensorSpec(f"{linear.name}.lora_a", (self.rank, linear.inputs), bound),
                    TensorSpec(f"{linear.name}.lora_b", (linear.outputs, self.rank)),
                ]
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "rank": self.rank,
            "alpha": format_hex_float(self.alpha),
            "targets": list(self.targets),
            "base_root": self.base_root.hex(),
        }


def read_lora(fields: Fields) -> LoraSpec:
    """Read the JSON form.

    Raises:
        PlanRefused: naming the key that is wrong.
    """
    spec = LoraSpec(
        rank=fields.integer("rank", 1, MAX_RANK),
        alpha=fields.float32("alpha", 2.0**-20, 2.0**20),
        targets=fields.strings("targets", range(1, MAX_TARGETS + 1), 128),
        base_root=fields.digest("base_root"),
    )
    fields.finish()
    return spec
