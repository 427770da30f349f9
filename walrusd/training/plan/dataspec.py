"""Declarative dataset schemas: how the fixed-width bytes of a row become inputs and targets.

A schema is part of a plan and of a dataset's terms, so its JSON form is strict and canonical (SPEC
§0). ``run/data.py`` decodes rows by it. No torch here.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from walrusd.errors import PlanRefused
from walrusd.training.plan.strict import Fields

MAX_FEATURES = 8192
MAX_CLASSES = 65_536
MAX_LENGTH = 8192
MAX_VOCABULARY = 1 << 20
MAX_PIXELS = 1 << 22

_SMALL_VOCABULARY = 1 << 16


@dataclass(frozen=True)
class TabularSchema:
    """Rows of ``features`` bytes and one label byte; a feature's value is ``byte · 2**scale``."""

    kind: ClassVar[str] = "tabular-u8"
    targets_are: ClassVar[Literal["classes"]] = "classes"
    features: int
    scale: int
    classes: int

    @property
    def row_bytes(self) -> int:
        """The width of a row in bytes."""
        return self.features + 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row's float32 inputs."""
        return (self.features,)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "features": self.features,
            "scale_log2": self.scale,
            "classes": self.classes,
        }


@dataclass(frozen=True)
class TabularFloatSchema:
    """Rows of ``features`` and then ``targets`` float32 values, little-endian: for regression."""

    kind: ClassVar[str] = "tabular-f32"
    targets_are: ClassVar[Literal["values"]] = "values"
    features: int
    targets: int

    @property
    def row_bytes(self) -> int:
        """The width of a row in bytes."""
        return 4 * (self.features + self.targets)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row's float32 inputs."""
        return (self.features,)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "features": self.features, "targets": self.targets}


@dataclass(frozen=True)
class ImageSchema:
    """Rows of ``channels·height·width`` bytes and a label; a value is ``byte · 2**scale``.

    The label is one byte, or a little-endian u16 when there are more than 256 classes.
    """

    kind: ClassVar[str] = "image-u8"
    targets_are: ClassVar[Literal["classes"]] = "classes"
    shape: tuple[int, int, int]
    scale: int
    classes: int

    @property
    def label_bytes(self) -> int:
        """The width of the label in bytes."""
        return 1 if self.classes <= 256 else 2

    @property
    def row_bytes(self) -> int:
        """The width of a row in bytes."""
        return math.prod(self.shape) + self.label_bytes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row's float32 inputs: ``(channels, height, width)``."""
        return self.shape

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "shape": list(self.shape),
            "scale_log2": self.scale,
            "classes": self.classes,
        }


@dataclass(frozen=True)
class TokenSchema:
    """Rows of ``length + 1`` token numbers: the first ``length`` are inputs, the last the labels.

    A token is a little-endian u16, or u32 when the vocabulary has more than 65,536 entries.
    """

    kind: ClassVar[str] = "tokens"
    targets_are: ClassVar[Literal["tokens"]] = "tokens"
    length: int
    vocabulary: int

    @property
    def token_bytes(self) -> int:
        """The width of a token in bytes."""
        return 2 if self.vocabulary <= _SMALL_VOCABULARY else 4

    @property
    def row_bytes(self) -> int:
        """The width of a row in bytes."""
        return (self.length + 1) * self.token_bytes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row's int64 token numbers."""
        return (self.length,)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "length": self.length, "vocabulary": self.vocabulary}


DataSchema = TabularSchema | TabularFloatSchema | ImageSchema | TokenSchema


def _read_tabular(fields: Fields) -> TabularSchema:
    return TabularSchema(
        features=fields.integer("features", 1, MAX_FEATURES),
        scale=fields.integer("scale_log2", -16, 8),
        classes=fields.integer("classes", 2, 256),
    )


def _read_tabular_float(fields: Fields) -> TabularFloatSchema:
    return TabularFloatSchema(
        features=fields.integer("features", 1, MAX_FEATURES),
        targets=fields.integer("targets", 1, MAX_FEATURES),
    )


def _read_image(fields: Fields) -> ImageSchema:
    channels, height, width = fields.integers("shape", 1, MAX_FEATURES, range(3, 4))
    if channels * height * width > MAX_PIXELS:
        raise fields.refuse("shape", f"a shape of at most {MAX_PIXELS} bytes")
    return ImageSchema(
        shape=(channels, height, width),
        scale=fields.integer("scale_log2", -16, 8),
        classes=fields.integer("classes", 2, MAX_CLASSES),
    )


def _read_tokens(fields: Fields) -> TokenSchema:
    return TokenSchema(
        length=fields.integer("length", 1, MAX_LENGTH),
        vocabulary=fields.integer("vocabulary", 2, MAX_VOCABULARY),
    )


def read_data_schema(fields: Fields) -> DataSchema:
    """Read the schema of a dataset from its JSON form.

    Raises:
        PlanRefused: naming the key that is wrong.
    """
    schema: DataSchema
    match fields.choice("kind", "tabular-u8", "tabular-f32", "image-u8", "tokens"):
        case "tabular-u8":
            schema = _read_tabular(fields)
        case "tabular-f32":
            schema = _read_tabular_float(fields)
        case "image-u8":
            schema = _read_image(fields)
        case _:
            schema = _read_tokens(fields)
    fields.finish()
    return schema


def parse_data_schema(document: Any) -> DataSchema:
    """Read a schema that is a document of its own, for instance in a dataset's terms.

    Raises:
        PlanRefused: naming the key that is wrong, as ``dataset.<key>``.
    """
    if not isinstance(document, dict):
        raise PlanRefused("dataset must be an object", key="dataset")
    return read_data_schema(Fields(document, "dataset"))
