"""Ids as people give them: in full, by their beginning, or as tables shorten them.

A beginning must be that of one known id. It is never filled up with zeros: that would be another
id, which nobody meant. An id in full is taken even if nothing is known of it here.
"""

from collections.abc import Callable, Iterable
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.engine.tools import Tools
from walrusd.errors import AmbiguousId, BadRequest, UnknownId
from walrusd.units import Address

SHORTEST = 4
"""Hexadecimal digits that a beginning has at least."""
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
"""Returns the known ids that begin and end so; the beginning has its ``0x``."""


def split_id(text: str) -> tuple[str, str] | None:
    """Return the hexadecimal digits before and after the dots of an id, or None if it is none."""
    text = text.strip().lower().removeprefix("0x")
    for dots in _DOTS:
        head, found, tail = text.partition(dots)
        if found:
            break
    if not set(head + tail) <= _HEXADECIMAL or not 1 <= len(head + tail) <= FULL:
        return None
    return head, tail


def is_short(text: str) -> bool:
    """Return whether a text is an id of too few digits, but of enough for a beginning."""
    parts = split_id(text)
    return parts is not None and SHORTEST <= sum(map(len, parts)) < FULL


def _is_name(text: str) -> bool:
    """Return whether a text is meant as a name, such as ``seat:3``, and not as an id."""
    digits = text.strip().lower()
    if digits.startswith("0x") or any(dots in digits for dots in _DOTS):
        return False
    return not set(digits) <= _HEXADECIMAL


def match_id(text: str, kind: str, find: Find) -> Address:
    """Return the id that a person gave, among the known ones if it is not in full.

    ``kind`` is what the id should be of, as a word for people.

    Raises:
        BadRequest: if it is no id, or too short to tell one from another.
        UnknownId: if nothing known begins, and ends, so.
        AmbiguousId: if several do; ``candidates`` has them.
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
    """Return an id that a person gave where none are known: in full.

    Raises:
        BadRequest: if it is not.
    """
    return match_id(text, kind, lambda _head, _tail: ())


class Ids:
    """Reads ids with what this daemon knows of the market."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def read(self, text: str, kind: str) -> Address:
        """Return the id of a task, submission, dataset or request.

        Raises:
            BadRequest, UnknownId, AmbiguousId: as :func:`match_id`.
        """
        return match_id(text, kind, lambda h, t: self._tools.chain_log.find(h, t, kind=kind))

    def read_subject(self, text: str) -> str:
        """Return what to explain: any id or address, in full; other names as they are.

        Raises:
            BadRequest, UnknownId, AmbiguousId: as :func:`match_id`.
        """
        return text if _is_name(text) else match_id(text, "subject", self._find_any)

    def complete(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a task, with the ids that are shortened there in full.

        What is malformed stays as it is, for whoever reads it.

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
