"""The plan: everything that fixes a training run bit for bit, except the data and the seed.

Its bytes are canonical JSON without floats; its digest is stored on the chain. No torch here: the
daemon reads plans, and must stay small.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import PlanRefused
from walrusd.training.plan.dataspec import (
    DataSchema,
    ImageSchema,
    TabularFloatSchema,
    TabularSchema,
    TokenSchema,
    read_data_schema,
)
from walrusd.training.plan.modelspec import ModelSpec, read_model_spec
from walrusd.training.plan.optimspec import (
    ClippingSpec,
    OptimizerSpec,
    read_clipping,
    read_optimizer,
)
from walrusd.training.plan.schedule import ScheduleSpec, read_schedule
from walrusd.training.plan.strict import Fields, canonical_json

EXACT_Q20 = "exact-q20/2"
"""20-bit grid per tensor, one float64 product per 8192 terms."""

EXACT_Q8R = "exact-q8r/2"
"""8-bit grid per row and per column, sums of integers: faster, and coarser."""

PROFILES = (EXACT_Q20, EXACT_Q8R)

LOSSES = ("softmax-cross-entropy", "mse")
MAX_BATCH = 65_536
MAX_SEGMENTS = 65_536
MAX_SEGMENT_STEPS = 1_000_000
MAX_ACTIVATIONS = 1 << 31
"""Elements in the outputs of all layers of one micro-batch together."""


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
    optimizer: OptimizerSpec
    micro_batches: tuple[int, ...]
    segments: int
    segment_steps: int
    dataset: DataSchema
    update: UpdateSpec
    loss: str = "softmax-cross-entropy"
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    clipping: ClippingSpec | None = None
    profile: str = EXACT_Q20

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
        """The number of trained weights, which is the length of an update."""
        return sum(tensor.size for tensor in self.model.tensors())

    @property
    def state_bytes(self) -> int:
        """Bytes of one canonical state: weights, the optimizer's slots, the counters."""
        tensors = 1 + len(self.optimizer.slots)
        return 4 * tensors * self.weight_count + 8 + 8 * len(self.optimizer.powers)

    def rate(self, step: int) -> float:
        """Return the learning rate of ``step``, a float32 value."""
        return self.schedule.rate(self.optimizer.lr, step, self.steps)

    def segment_work(self) -> int:
        """Return the multiply–adds of one segment; the backward pass counts twice the forward."""
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
            "profile": self.profile,
            "model": self.model.to_json(),
            "init_seed": self.init_seed.hex(),
            "loss": self.loss,
            "optimizer": self.optimizer.to_json(),
            "schedule": self.schedule.to_json(),
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
            "clipping": "none" if self.clipping is None else self.clipping.to_json(),
        }

    def to_bytes(self) -> bytes:
        """Return the canonical bytes."""
        return canonical_json(self.to_json())

    def digest(self) -> bytes:
        """Return ``H(PLAN ‖ canonical bytes)``."""
        return hash_tagged(Tag.PLAN, self.to_bytes())


def _read_update(fields: Fields) -> UpdateSpec:
    spec = UpdateSpec(
        scale_bits=fields.integer("scale_bits", 1, 40),
        value_bits=fields.integer("value_bits", 2, 32),
    )
    fields.finish()
    return spec


def read_plan(document: Any) -> Plan:
    """Check a plan that a person may have written, and return it.

    Keys may come in any order and numbers may be decimal text; the digest is that of the canonical
    form.

    Raises:
        PlanRefused: naming the key and what is expected there.
    """
    fields = Fields(document, "")
    fields.integer("version", 1, 1)
    profile = fields.choice("profile", *PROFILES)
    batch = fields.integer("batch", 1, MAX_BATCH)
    micro_batches = fields.integers("micro_batches", 1, MAX_BATCH, range(1, MAX_BATCH + 1))
    steps = fields.integer("steps", 1, MAX_SEGMENTS * MAX_SEGMENT_STEPS)
    plan = Plan(
        model=read_model_spec(fields.fields("model")),
        init_seed=fields.digest("init_seed"),
        optimizer=read_optimizer(fields.fields("optimizer")),
        micro_batches=micro_batches,
        segments=fields.integer("segments", 1, MAX_SEGMENTS),
        segment_steps=fields.integer("segment_steps", 1, MAX_SEGMENT_STEPS),
        dataset=read_data_schema(fields.fields("dataset")),
        update=_read_update(fields.fields("update")),
        loss=fields.choice("loss", *LOSSES),
        schedule=_read_schedule(fields),
        clipping=read_clipping(fields),
        profile=profile,
    )
    if plan.batch != batch:
        raise fields.refuse("micro_batches", f"sizes that add up to the batch of {batch}")
    if plan.steps != steps:
        raise fields.refuse("steps", f"segments · segment_steps = {plan.steps}")
    if plan.schedule.warmup > plan.steps:
        raise fields.refuse("schedule.warmup_steps", f"at most the {plan.steps} steps")
    _check_data(plan, fields)
    shapes = plan.model.shapes
    if max(micro_batches) * sum(math.prod(shape) for shape in shapes) > MAX_ACTIVATIONS:
        raise fields.refuse(
            "micro_batches", f"smaller: the layers' outputs have over {MAX_ACTIVATIONS} elements"
        )
    fields.finish()
    return plan


def _read_schedule(fields: Fields) -> ScheduleSpec:
    """Read ``"schedule"``; people may write just ``"constant"``."""
    if fields.is_text("schedule"):
        return ScheduleSpec(fields.choice("schedule", "constant"))
    return read_schedule(fields.fields("schedule"))


def _check_data(plan: Plan, fields: Fields) -> None:
    """Check that rows of the dataset fit the model's inputs and outputs, and the loss both.

    Raises:
        PlanRefused: naming the key that does not fit.
    """
    schema, inputs, outputs = plan.dataset, plan.model.input_shape, plan.model.output_shape
    values = schema.targets_are == "values"
    if values != (plan.loss == "mse"):
        raise fields.refuse("loss", "mse for a dataset of values, softmax-cross-entropy otherwise")
    names = {"tabular-u8": "features", "tabular-f32": "features", "tokens": "length"}
    if schema.kind == "tokens" and not plan.model.takes_tokens:
        raise fields.refuse("dataset.kind", "one with rows of values: the model takes no tokens")
    if schema.kind != "tokens" and plan.model.takes_tokens:
        raise fields.refuse("dataset.kind", "tokens, which the model takes")
    if math.prod(schema.input_shape) != math.prod(inputs):
        key = names.get(schema.kind, "shape")
        raise fields.refuse(f"dataset.{key}", f"the model's inputs, {_show(inputs)}")
    wanted, key = _outputs_of(schema)
    if outputs[-1] != wanted:
        raise fields.refuse(f"dataset.{key}", f"the model's outputs, {outputs[-1]}")
    if outputs[:-1] != (inputs if schema.kind == "tokens" else ()):
        raise fields.refuse("model", "a model with one output per row, or one per token")


def _outputs_of(schema: DataSchema) -> tuple[int, str]:
    match schema:
        case TabularFloatSchema():
            return schema.targets, "targets"
        case TokenSchema():
            return schema.vocabulary, "vocabulary"
        case TabularSchema() | ImageSchema():
            return schema.classes, "classes"


def _show(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(list(shape))


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


def check_plan_for_rows(plan: Plan, rows: int) -> None:
    """Check that a dataset of ``rows`` rows has at least two batches, so that order matters.

    Raises:
        PlanRefused: if the batch is larger than half the rows.
    """
    if 2 * plan.batch > rows:
        raise PlanRefused(
            f"batch must be at most half of the dataset's {rows} rows, not {plan.batch}",
            key="batch",
        )
