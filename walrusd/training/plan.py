"""The plan: everything that fixes a training run bit for bit, except the data and the seed.

Its bytes are canonical JSON without floats; its digest stands on the chain. No torch here: the
daemon reads plans, and must stay small.
"""

import json
from dataclasses import dataclass
from typing import Any

from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import PlanRefused
from walrusd.training.dataspec import DataSchema, TabularSchema, read_data_schema
from walrusd.training.modelspec import MAX_WIDTH, ModelSpec, read_model_spec
from walrusd.training.strict import Fields, canonical_json, format_hex_float

PROFILE = "exact-q20/1"
"""20-bit grid per tensor, one float64 product, k ≤ 8192."""

MAX_BATCH = 65_536
MAX_SEGMENTS = 65_536
MAX_SEGMENT_STEPS = 1_000_000


@dataclass(frozen=True)
class SgdSpec:
    """SGD with momentum; both parameters are float32 values."""

    lr: float
    momentum: float

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": "sgd",
            "lr": format_hex_float(self.lr),
            "momentum": format_hex_float(self.momentum),
        }


@dataclass(frozen=True)
class UpdateSpec:
    """The update is ``round((W_S − W_0)·2**scale_bits)`` in ``value_bits`` bits with sign."""

    scale_bits: int
    value_bits: int

    @property
    def limit(self) -> int:
        """The largest magnitude allowed: ``2**(value_bits − 1) − 1``."""
        return (1 << (self.value_bits - 1)) - 1


@dataclass(frozen=True)
class Plan:
    """One training plan. Build it with ``read_plan`` or ``parse_plan``, which check it.

    ``segments`` segments of ``segment_steps`` steps; each step takes ``sum(micro_batches)`` rows,
    computed micro-batch by micro-batch, their gradients added in order.
    """

    model: ModelSpec
    init_seed: bytes
    optimizer: SgdSpec
    micro_batches: tuple[int, ...]
    segments: int
    segment_steps: int
    dataset: DataSchema
    update: UpdateSpec

    @property
    def batch(self) -> int:
        """Rows per step."""
        return sum(self.micro_batches)

    @property
    def steps(self) -> int:
        """Steps of the whole run, ``S·T``."""
        return self.segments * self.segment_steps

    @property
    def weight_count(self) -> int:
        """The number of weights, which is the length of an update."""
        return sum(tensor.size for tensor in self.model.tensors())

    @property
    def state_bytes(self) -> int:
        """Bytes of one canonical state: weights, momentum, the step counter."""
        return 2 * 4 * self.weight_count + 8

    def segment_work(self) -> int:
        """Return the multiply–adds of one segment; backward costs twice the forward pass."""
        return 3 * self.model.multiply_adds() * self.batch * self.segment_steps

    def segment_range(self, segment: int) -> range:
        """Return the steps of ``segment``; both are counted from 1.

        Raises:
            ValueError: if the plan has no such segment.
        """
        if not 1 <= segment <= self.segments:
            raise ValueError(f"a plan of {self.segments} segments has no segment {segment}")
        first = (segment - 1) * self.segment_steps + 1
        return range(first, first + self.segment_steps)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "version": 1,
            "profile": PROFILE,
            "model": self.model.to_json(),
            "init_seed": self.init_seed.hex(),
            "loss": "softmax-cross-entropy",
            "optimizer": self.optimizer.to_json(),
            "schedule": "constant",
            "batch": self.batch,
            "micro_batches": list(self.micro_batches),
            "steps": self.steps,
            "segments": self.segments,
            "segment_steps": self.segment_steps,
            "dataset": self.dataset.to_json(),
            "update": {
                "scale_bits": self.update.scale_bits,
                "value_bits": self.update.value_bits,
            },
            "dropout": "none",
            "clipping": "none",
        }

    def to_bytes(self) -> bytes:
        """Return the canonical bytes."""
        return canonical_json(self.to_json())

    def digest(self) -> bytes:
        """Return ``H(PLAN ‖ canonical bytes)``."""
        return hash_tagged(Tag.PLAN, self.to_bytes())


def _read_optimizer(fields: Fields) -> SgdSpec:
    fields.choice("kind", "sgd")
    # The lower bound keeps lr·momentum products far from the subnormal range.
    spec = SgdSpec(
        lr=fields.float32("lr", 2.0**-40, 1024.0), momentum=fields.float32("momentum", 0.0, 1.0)
    )
    if spec.momentum == 1.0:
        raise fields.refuse("momentum", "less than 1")
    fields.finish()
    return spec


def _read_update(fields: Fields) -> UpdateSpec:
    spec = UpdateSpec(
        scale_bits=fields.integer("scale_bits", 1, 40),
        value_bits=fields.integer("value_bits", 2, 32),
    )
    fields.finish()
    return spec


def read_plan(document: Any) -> Plan:
    """Check a plan that a person may have written, and return it.

    Keys may come in any order and ``lr`` and ``momentum`` may be decimal text; the digest is
    that of the canonical form.

    Raises:
        PlanRefused: naming the key and what is expected there.
    """
    fields = Fields(document, "")
    fields.integer("version", 1, 1)
    fields.choice("profile", PROFILE)
    fields.choice("loss", "softmax-cross-entropy")
    fields.choice("schedule", "constant")
    fields.choice("dropout", "none")
    fields.choice("clipping", "none")
    batch = fields.integer("batch", 1, MAX_BATCH)
    # A micro-batch is the contraction length of the weight gradient.
    micro_batches = fields.integers("micro_batches", 1, MAX_WIDTH, range(1, MAX_BATCH + 1))
    steps = fields.integer("steps", 1, MAX_SEGMENTS * MAX_SEGMENT_STEPS)
    plan = Plan(
        model=read_model_spec(fields.fields("model")),
        init_seed=fields.digest("init_seed"),
        optimizer=_read_optimizer(fields.fields("optimizer")),
        micro_batches=micro_batches,
        segments=fields.integer("segments", 1, MAX_SEGMENTS),
        segment_steps=fields.integer("segment_steps", 1, MAX_SEGMENT_STEPS),
        dataset=read_data_schema(fields.fields("dataset")),
        update=_read_update(fields.fields("update")),
    )
    if plan.batch != batch:
        raise fields.refuse("micro_batches", f"sizes that add up to the batch of {batch}")
    if plan.steps != steps:
        raise fields.refuse("steps", f"segments · segment_steps = {plan.steps}")
    if not isinstance(plan.dataset, TabularSchema):
        raise fields.refuse("dataset.kind", '"tabular-u8"')
    if plan.dataset.features != plan.model.inputs:
        raise fields.refuse("dataset.features", f"the model's inputs, {plan.model.inputs}")
    if plan.dataset.classes != plan.model.classes:
        raise fields.refuse("dataset.classes", f"the model's classes, {plan.model.classes}")
    fields.finish()
    return plan


def parse_plan(data: bytes) -> Plan:
    """Read the canonical bytes of a plan, as peers exchange them.

    Raises:
        PlanRefused: if the bytes are not a plan, or not its canonical encoding.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PlanRefused("the plan is not JSON") from error
    plan = read_plan(document)
    if plan.to_bytes() != data:
        raise PlanRefused("the plan is not in its canonical encoding")
    return plan


def compute_plan_digest(plan: Plan) -> bytes:
    """Return the 32 bytes that stand on the chain for ``plan``."""
    return plan.digest()


def check_plan_for_rows(plan: Plan, rows: int) -> None:
    """Check that a dataset of ``rows`` rows leaves something to order.

    Raises:
        PlanRefused: if the batch is larger than half the rows.
    """
    if 2 * plan.batch > rows:
        raise PlanRefused(
            f"batch must be at most half of the dataset's {rows} rows, not {plan.batch}",
            key="batch",
        )
