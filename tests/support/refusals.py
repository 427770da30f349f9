"""Errors by their stable code, and by what they name; their sentences may be written anew."""

import re
from types import TracebackType
from typing import Any, Self

from walrusd.errors import WalrusdError
from walrusd.runtime.groups import first_leaf


class refused:  # noqa: N801  # reads as a statement: ``with refused(…):``
    """Expect one typed error, alone or as the first of a group; it is in ``value`` afterwards.

    ``names`` are whole words of the message that are data and no prose: a key, an id, a file, a
    number, or the one word that tells two causes of one code apart. ``fields`` are the error's.
    """

    def __init__(self, code: str, *names: object, **fields: Any) -> None:
        self.code, self.names, self.fields = code, [str(name) for name in names], fields
        for name in self.names:
            assert name, "an empty name is in every message"
            assert not re.search(r"\s", name), f"{name!r} is a sentence: compare the code"
        self._value: WalrusdError | None = None

    @property
    def value(self) -> WalrusdError:
        """The error that was raised."""
        assert self._value is not None, "nothing was raised yet"
        return self._value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        assert error is not None, f"nothing was raised, {self.code} expected"
        leaf = first_leaf(error) if isinstance(error, BaseExceptionGroup) else error
        if not isinstance(leaf, WalrusdError):
            return False
        assert leaf.code == self.code, f"{leaf.code}, not {self.code}: {leaf.message}"
        for name in self.names:
            assert is_named(name, leaf.message), f"{name} is not named: {leaf.message}"
        found = {name: leaf.fields.get(name) for name in self.fields}
        assert found == self.fields, f"other fields: {leaf.fields}"
        self._value = leaf
        return True


def is_named(name: str, message: str) -> bool:
    """Return whether ``name`` stands in ``message`` as a whole word or number."""
    before = r"(?<!\w)" if name[0].isalnum() or name[0] == "_" else ""
    after = r"(?!\w)" if name[-1].isalnum() or name[-1] == "_" else ""
    return re.search(before + re.escape(name) + after, message) is not None
