"""Read one table of a configuration file, with an error message for every way it can be wrong."""

import difflib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from walrusd.durations import EXAMPLES, format_duration, parse_duration
from walrusd.errors import ConfigError, UnknownConfigKey
from walrusd.settings.amounts import parse_amount, parse_share
from walrusd.units import BasisPoints, Mist, ObjectId, parse_address

T = TypeVar("T")
REQUIRED: Any = object()
"""Default of a key that has none."""


class TableReader:
    """Typed access to a TOML table that remembers which keys were asked for.

    Every error names the file, the key with its section, and what was expected there.
    """

    def __init__(self, source: Path, section: str, table: dict[str, Any]) -> None:
        self._source = source
        self._section = section
        self._table = table
        self._known: set[str] = set()

    def value(
        self, key: str, expected: str, convert: Callable[[Any], T], default: T = REQUIRED
    ) -> T:
        """Return ``convert(value)``; a ``ValueError`` from it means an unexpected value."""
        self._known.add(key)
        if key not in self._table:
            if default is REQUIRED:
                raise ConfigError(
                    f"{self._source}: {self._name(key)} is missing; expected {expected}",
                    hint=f"add {key} = … under [{self._section}]",
                    key=self._name(key),
                )
            return default
        value = self._table[key]
        try:
            return convert(value)
        except ValueError as exc:
            raise ConfigError(
                f"{self._source}: {self._name(key)} must be {expected}, not {value!r}",
                hint=str(exc),
                key=self._name(key),
            ) from exc

    def string(self, key: str, expected: str, default: str = REQUIRED) -> str:
        """Return a non-empty string."""
        return self.value(key, expected, _string, default)

    def boolean(self, key: str, default: bool = REQUIRED) -> bool:
        """Return true or false."""
        return self.value(key, "true or false", _boolean, default)

    def integer(self, key: str, low: int, high: int, default: int = REQUIRED) -> int:
        """Return an integer between ``low`` and ``high``, both included."""
        expected = f"an integer from {low} to {high}"
        return self.value(key, expected, lambda value: _integer(value, low, high), default)

    def seconds(self, key: str, low: float, high: float, default: float = REQUIRED) -> float:
        """Return a duration in seconds between ``low`` and ``high``, both included.

        The file has it as :mod:`walrusd.durations` reads it.
        """
        least, most = (format_duration(round(limit * 1000)) for limit in (low, high))

        def convert(value: Any) -> float:
            seconds = parse_duration(value) / 1000
            if not low <= seconds <= high:
                raise ValueError(f"it must be from {least} to {most}")
            return seconds

        expected = f"a duration from {least} to {most}, such as {EXAMPLES}"
        return self.value(key, expected, convert, default)

    def amount(self, key: str, default: Mist = REQUIRED) -> Mist:
        """Return an amount of money."""
        return self.value(
            key, 'an amount such as "1.5 SUI" or an integer of Mist', parse_amount, default
        )

    def share(self, key: str, default: BasisPoints = REQUIRED) -> BasisPoints:
        """Return a share of something."""
        return self.value(key, 'a share such as "5%"', parse_share, default)

    def path(self, key: str, expected: str, default: Path | None = REQUIRED) -> Path | None:
        """Return a path; a relative one starts at the directory of the configuration file."""
        base = self._source.parent

        def convert(value: Any) -> Path | None:
            return base / Path(_string(value)).expanduser()

        return self.value(key, expected, convert, default)

    def required_path(self, key: str, expected: str) -> Path:
        """Return a path that must be given."""
        path = self.path(key, expected)
        assert path is not None
        return path

    def choice(self, key: str, choices: Collection[str], default: str = REQUIRED) -> str:
        """Return one of ``choices``."""
        expected = "one of " + ", ".join(repr(str(item)) for item in sorted(choices))
        return self.value(key, expected, lambda value: _choice(value, choices), default)

    def choices(self, key: str, choices: Collection[str]) -> frozenset[str]:
        """Return a non-empty set of ``choices``."""
        expected = "a list with some of " + ", ".join(repr(str(item)) for item in sorted(choices))

        def convert(value: Any) -> frozenset[str]:
            found = frozenset(_choice(item, choices) for item in _list(value))
            if not found:
                raise ValueError("the list is empty")
            return found

        return self.value(key, expected, convert)

    def urls(self, key: str, *, required: bool = True) -> tuple[str, ...]:
        """Return HTTP addresses, without trailing slashes, in the order given."""

        def convert(value: Any) -> tuple[str, ...]:
            urls = tuple(_url(item) for item in _list(value))
            if required and not urls:
                raise ValueError("the list is empty")
            return urls

        return self.value(
            key, "a list of http:// or https:// URLs", convert, REQUIRED if required else ()
        )

    def object_id(self, key: str, expected: str) -> ObjectId | None:
        """Return one Sui object id in canonical form; None when the key is absent."""
        return self.value(
            key, expected, lambda value: ObjectId(parse_address(_string(value))), None
        )

    def object_ids(self, key: str, expected: str) -> tuple[ObjectId, ...]:
        """Return a list of Sui object ids, each once, in its order; empty if the key is absent."""

        def convert(value: Any) -> tuple[ObjectId, ...]:
            return tuple(dict.fromkeys(ObjectId(_identifier(item)) for item in _list(value)))

        return self.value(key, expected, convert, ())

    def identifiers(self, key: str, expected: str) -> frozenset[str]:
        """Return a set of Sui addresses or object ids; empty when the key is absent."""
        return self.value(
            key, expected, lambda value: frozenset(map(_identifier, _list(value))), frozenset()
        )

    def finish(self) -> None:
        """Refuse unknown keys.

        Raises:
            UnknownConfigKey: naming the first one, and the known key it may have been meant as.
        """
        unknown = sorted(self._table.keys() - self._known)
        if unknown:
            raise unknown_key(self._source, self._name(unknown[0]), unknown[0], self._known)

    def _name(self, key: str) -> str:
        return f"{self._section}.{key}"


def unknown_key(source: Path, name: str, key: str, known: Collection[str]) -> UnknownConfigKey:
    """Return the error for an unknown key, with the nearest known one."""
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "known here: " + ", ".join(sorted(known))
    return UnknownConfigKey(f"{source}: unknown key {name}", hint=hint, key=name)


def _string(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be a non-empty string in quotes")
    return value


def _identifier(value: Any) -> str:
    # Commands accept four digits as the beginning of an id. Here they would be an address that no
    # one has: the list would allow, or deny, no one.
    return parse_address(_string(value), short_digits=3)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false, without quotes")  # noqa: TRY004  # see value()
    return value


def _integer(value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"it must be an integer from {low} to {high}, without quotes")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("it must be a list in square brackets")  # noqa: TRY004  # see value()
    return value


def _choice(value: Any, choices: Collection[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        raise ValueError(f"did you mean {near[0]!r}?" if near else "it is none of these")
    return value


def _url(value: Any) -> str:
    text = _string(value)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError(f"{text!r} is not an http:// or https:// URL")
    return text.rstrip("/")
