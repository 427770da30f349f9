"""A list of named checks: which were made, how each went, and what it found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from walrusd.errors import PeerFault

PASSED, FAILED, NOT_CHECKED = "passed", "failed", "not checked"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Item:
    """One line of the list. ``detail`` says what was found, what was wrong, or why not checked."""

    name: str
    status: str
    detail: str = ""
    subject: str = ""
    """What the check is of, where there are several: a segment, a submission."""

    @property
    def ok(self) -> bool | None:
        """Whether the check passed; None if it was not made."""
        return None if self.status == NOT_CHECKED else self.status == PASSED


class Checklist:
    """The list as it grows; ``on_item`` sees each line when it is known."""

    def __init__(self, on_item: Callable[[Item], None] = lambda _item: None) -> None:
        self.items: list[Item] = []
        self._on_item = on_item

    def _add(self, item: Item) -> None:
        self.items.append(item)
        self._on_item(item)

    def passed(self, name: str, detail: str = "", *, subject: str = "") -> None:
        """Append a check that passed."""
        self._add(Item(name, PASSED, detail, subject))

    def failed(self, name: str, why: str | PeerFault, *, subject: str = "") -> None:
        """Append a check that failed."""
        detail = why if isinstance(why, str) else f"{why.message} [{why.code}]"
        self._add(Item(name, FAILED, detail, subject))

    def skipped(self, name: str, why: str, *, subject: str = "") -> None:
        """Append a check that was not made."""
        self._add(Item(name, NOT_CHECKED, why, subject))

    def run(self, name: str, check: Callable[[], str | None], *, subject: str = "") -> bool:
        """Make a check and return whether it passed.

        The check raises a PeerFault if it fails, and may return a detail of what it found.
        """
        try:
            detail = check()
        except PeerFault as fault:
            self.failed(name, fault, subject=subject)
            return False
        self.passed(name, detail or "", subject=subject)
        return True

    def find(
        self,
        name: str,
        check: Callable[[], Result],
        describe: Callable[[Result], str] = lambda _found: "",
        *,
        subject: str = "",
    ) -> Result | None:
        """Make a check and return what it found, or None if it failed.

        The check raises a PeerFault if it fails; ``describe`` gives the detail of what it found.
        """
        try:
            found = check()
        except PeerFault as fault:
            self.failed(name, fault, subject=subject)
            return None
        self.passed(name, describe(found), subject=subject)
        return found

    @property
    def failures(self) -> list[Item]:
        """The checks that failed."""
        return [item for item in self.items if item.status == FAILED]
