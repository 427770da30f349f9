"""Move structs as dataclasses whose annotations say how each field is written in BCS.

Ten times faster than the general BCS library in pysui (3 µs against 36 µs for an event), and the
same table gives the JSON rendering and the Move type names.
"""

import dataclasses
import functools
import typing
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, dataclass_transform

from walrusd.chain.values.codecs import (
    AddressCodec,
    BalanceCodec,
    Boolean,
    ByteVector,
    Codec,
    Optional,
    Reader,
    Unsigned,
    Vector,
)


@dataclass(frozen=True)
class StructCodec(Codec):
    """A Move struct: its fields in order."""

    cls: type["Layout"]

    @property
    def move_type(self) -> str:  # type: ignore[override]  # a constant there, computed here
        """``module::Name``, without the package."""
        return f"{self.cls.MODULE}::{self.cls.__name__}"

    def encode(self, value: "Layout") -> bytes:
        """Return the fields' bytes."""
        return value.to_bcs()

    def decode(self, reader: Reader) -> "Layout":
        """Read the fields."""
        return self.cls.read(reader)

    def to_json(self, value: "Layout") -> dict[str, Any]:
        """An object."""
        return value.to_json()


U8 = Annotated[int, Unsigned(1)]
U16 = Annotated[int, Unsigned(2)]
U64 = Annotated[int, Unsigned(8)]
U256 = Annotated[int, Unsigned(32)]
Bool = Annotated[bool, Boolean()]
Addr = Annotated[str, AddressCodec()]
Id = Annotated[str, AddressCodec("0x2::object::ID")]
Uid = Annotated[str, AddressCodec("0x2::object::UID")]
Bytes = Annotated[bytes, ByteVector()]
Balance = Annotated[int, BalanceCodec()]
"""``Balance<SUI>``: written as its u64 value, in Mist. The supply check adds these up."""


def codec_of(annotation: Any) -> Codec:
    """Return the codec of an annotation.

    Raises:
        TypeError: if a layout may not use the annotation.
    """
    if typing.get_origin(annotation) is Annotated:
        codec = typing.get_args(annotation)[1]
        assert isinstance(codec, Codec)
        return codec
    if typing.get_origin(annotation) is list:
        return Vector(codec_of(typing.get_args(annotation)[0]))
    if type(None) in typing.get_args(annotation):
        (item,) = (a for a in typing.get_args(annotation) if a is not type(None))
        return Optional(codec_of(item))
    if isinstance(annotation, type) and issubclass(annotation, Layout):
        return StructCodec(annotation)
    raise TypeError(f"no BCS codec for {annotation!r}")


@dataclass_transform()
class Layout:
    """Base of every struct that is written as BCS. Subclasses are mutable dataclasses.

    ``MODULE`` is the Move module that defines the struct; its Move name is the class name.
    """

    MODULE: ClassVar[str]

    def __init_subclass__(cls, module: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if module is not None:
            cls.MODULE = module
        dataclasses.dataclass(cls)

    @classmethod
    @functools.cache
    def codecs(cls) -> dict[str, Codec]:
        """Return the codec of each field, in order."""
        hints = typing.get_type_hints(cls, include_extras=True)
        return {f.name: codec_of(hints[f.name]) for f in dataclasses.fields(cls)}  # type: ignore[arg-type]  # every subclass is a dataclass

    def to_bcs(self) -> bytes:
        """Return the canonical bytes."""
        return b"".join(c.encode(getattr(self, name)) for name, c in self.codecs().items())

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read one value and leave the reader after it."""
        return cls(**{name: codec.decode(reader) for name, codec in cls.codecs().items()})

    @classmethod
    def from_bcs(cls, data: bytes) -> Self:
        """Read one value that fills ``data`` exactly.

        Raises:
            MalformedData: if it does not.
        """
        reader = Reader(data)
        value = cls.read(reader)
        reader.finish()
        return value

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a Sui node renders them."""
        return {name: c.to_json(getattr(self, name)) for name, c in self.codecs().items()}
