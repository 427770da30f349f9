"""Optimizers and clipping as a plan declares them (SPEC §0, §8). No torch here."""

from dataclasses import dataclass
from typing import Any, ClassVar

from walrusd.training.plan.strict import Fields, format_hex_float


@dataclass(frozen=True)
class SgdSpec:
    """SGD with momentum; both parameters are float32 values."""

    kind: ClassVar[str] = "sgd"
    slots: ClassVar[tuple[str, ...]] = ("momentum",)
    powers: ClassVar[tuple[str, ...]] = ()
    lr: float
    momentum: float

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "lr": format_hex_float(self.lr),
            "momentum": format_hex_float(self.momentum),
        }


@dataclass(frozen=True)
class AdamWSpec:
    """AdamW (Loshchilov and Hutter, 2019); all parameters are float32 values.

    Its state holds sums instead of means, and the running powers of both betas, float64.
    """

    kind: ClassVar[str] = "adamw"
    slots: ClassVar[tuple[str, ...]] = ("first", "second")
    powers: ClassVar[tuple[str, ...]] = ("beta1_power", "beta2_power")
    lr: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "lr": format_hex_float(self.lr),
            "beta1": format_hex_float(self.beta1),
            "beta2": format_hex_float(self.beta2),
            "epsilon": format_hex_float(self.epsilon),
            "weight_decay": format_hex_float(self.weight_decay),
        }


OptimizerSpec = SgdSpec | AdamWSpec


def read_optimizer(fields: Fields) -> OptimizerSpec:
    """Read the JSON form.

    Raises:
        PlanRefused: naming the key that is wrong.
    """
    spec: OptimizerSpec
    kind = fields.choice("kind", "sgd", "adamw")
    # The lower bound keeps products with the rate far from the subnormal range.
    lr = fields.float32("lr", 2.0**-40, 1024.0)
    if kind == "sgd":
        spec = SgdSpec(lr, _read_share(fields, "momentum"))
    else:
        spec = AdamWSpec(
            lr,
            beta1=_read_share(fields, "beta1"),
            beta2=_read_share(fields, "beta2"),
            epsilon=fields.float32("epsilon", 2.0**-50, 1.0),
            weight_decay=fields.float32("weight_decay", 0.0, 1.0),
        )
    fields.finish()
    return spec


def _read_share(fields: Fields, key: str) -> float:
    value = fields.float32(key, 0.0, 1.0)
    if value == 1.0:
        raise fields.refuse(key, "less than 1")
    return value


@dataclass(frozen=True)
class ClippingSpec:
    """Gradients are scaled so that their global norm is at most ``limit``, a float32 value."""

    limit: float

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": "global-norm", "limit": format_hex_float(self.limit)}


def read_clipping(fields: Fields) -> ClippingSpec | None:
    """Read ``"clipping"``: the text ``none``, or an object.

    Raises:
        PlanRefused: naming the key that is wrong.
    """
    if fields.is_text("clipping"):
        fields.choice("clipping", "none")
        return None
    inner = fields.fields("clipping")
    inner.choice("kind", "global-norm")
    spec = ClippingSpec(inner.float32("limit", 2.0**-40, 2.0**40))
    inner.finish()
    return spec
