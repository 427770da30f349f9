"""Ids as people write them: in full, by a prefix, or as tables shorten them.

A prefix must be that of one known id. It is never padded with zeros, which would make another id.
A full id is accepted even if it is unknown here.
"""

from collections.abc import Callable, Iterable
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.engine.tools import Tools
from walrusd.errors import AmbiguousId, BadRequest, UnknownId
from walrusd.units import Address

SHORTEST = 4
"""The fewest hexadecimal digits of a prefix."""
FULL = 64
MAX_NAMED = 8
"""The most candidates that an error names."""
_DOTS = ("…", "...", "..")
_HEXADECIMAL = frozenset("0123456789abcdef")
_NAMING_PEOPLE = (
    "TaskOpened",
    "SubmissionJoined",
    "SeatRegistered",
    "DatasetListed",
    "KeyRequested",
)
_PEOPLE = ("publisher", "contributor", "verifier", "owner", "requester")

Find = Callable[[str, str], Iterable[str]]
"""Returns the known ids with a prefix, which includes ``0x``, and a suffix."""


def split_id(text: str) -> tuple[str, str] | None:
    """Return the hexadecimal digits before and after the dots of an id, None if malformed."""
    text = text.strip().lower().removeprefix("0x")
    for dots in _DOTS:
        head, found, tail = text.partition(dots)
        if found:
            break
    if not set(head + tail) <= _HEXADECIMAL or not 1 <= len(head + tail) <= FULL:
        return None
    return head, tail


def is_short(text: str) -> bool:
    """Return whether a text is not a full id, but long enough for a prefix."""
    parts = split_id(text)
    return parts is not None and SHORTEST <= sum(map(len, parts)) < FULL


def _is_name(text: str) -> bool:
    """Return whether a text is meant as a name, such as ``seat:3``, and not as an id."""
    digits = text.strip().lower()
    if digits.startswith("0x") or any(dots in digits for dots in _DOTS):
        return False
    return not set(digits) <= _HEXADECIMAL


def match_id(text: str, kind: str, find: Find) -> Address:
    """Return the full id that a person means, looked up among the known ones if shortened.

    ``kind`` is a word for what the id should name.

    Raises:
        BadRequest: if it is not an id, or too short.
        UnknownId: if no known id matches.
        AmbiguousId: if several do; ``candidates`` lists them.
    """
    hint = f"a {kind} id is 0x and 64 hexadecimal digits, or its first {SHORTEST} or more"
    parts = split_id(text)
    if parts is None:
        raise BadRequest(f"not a Sui address: {text!r}", hint=hint)
    head, tail = parts
    if len(head) == FULL:
        return Address("0x" + head)
    if len(head + tail) < SHORTEST:
        raise BadRequest(f"{text!r} is too short for the beginning of an id", hint=hint)
    matches = sorted(set(find("0x" + head, tail)))
    parts_shown = [f"begins with 0x{head}"] * bool(head) + [f"ends with {tail}"] * bool(tail)
    shown = " and ".join(parts_shown)
    if not matches:
        raise UnknownId(f"no {kind} known here {shown}", hint="give the id in full, or list again")
    if len(matches) > 1:
        named = ", ".join(matches[:MAX_NAMED]) + (", …" if len(matches) > MAX_NAMED else "")
        raise AmbiguousId(
            f"the id of {len(matches)} {kind}s known here {shown}: {named}",
            hint="give more digits",
            candidates=matches[:MAX_NAMED],
        )
    return Address(matches[0])


def read_id(text: str, kind: str) -> Address:
    """Return an id that a person gave in full.

    Raises:
        BadRequest: if it is malformed.
        UnknownId: if it is shortened.
    """
    return match_id(text, kind, lambda _head, _tail: ())


class Ids:
    """Reads ids, completing them by what this daemon knows of the market."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def read(self, text: str, kind: str) -> Address:
        """Return the id of a task, submission, dataset or request.

        Raises:
            BadRequest, UnknownId, AmbiguousId: as :func:`match_id`.
        """
        return match_id(text, kind, lambda h, t: self._tools.chain_log.find(h, t, kind=kind))

    def read_subject(self, text: str) -> str:
        """Return the subject of an explanation: any full id or address, or another name as it is.

        Raises:
            BadRequest, UnknownId, AmbiguousId: as :func:`match_id`.
        """
        return text if _is_name(text) else match_id(text, "subject", self._find_any)

    def complete(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a task, with shortened ids completed.

        Malformed values are not changed, and are refused when they are read.

        Raises:
            UnknownId, AmbiguousId: as :func:`match_id`.
        """
        completed = dict(params)
        if isinstance(parent := params.get("parent"), str) and is_short(parent):
            completed["parent"] = self.read(parent, "task")
        if isinstance(datasets := params.get("datasets"), list):
            completed["datasets"] = [self._complete_dataset(item) for item in datasets]
        return completed

    def _complete_dataset(self, item: Any) -> Any:
        named = item.get("dataset") if isinstance(item, dict) else None
        if not isinstance(named, str) or not is_short(named):
            return item
        return {**item, "dataset": self.read(named, "dataset")}

    def _find_any(self, head: str, tail: str) -> set[str]:
        tools = self._tools
        found = {*tools.chain_log.find(head, tail), *tools.journal.find(head, tail)}
        if found:
            return found
        people = {tools.address}
        for name in _NAMING_PEOPLE:
            layout = ev.EVENTS[name]
            for logged in tools.chain_log.events(name):
                event = layout.from_bcs(logged.body)
                people |= {getattr(event, who) for who in _PEOPLE if hasattr(event, who)}
        return {who for who in people if who.startswith(head) and who.endswith(tail)}
