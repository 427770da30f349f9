"""A list of checks for a reader who knows nothing else: what, what it proves, how it went."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from walrusd.errors import PeerFault
from walrusd.text import make_printable

PASSED, FAILED, NOT_CHECKED = "passed", "failed", "not checked"

PROVES = {
    # A file alone.
    "layout": "these bytes are a verification file of version 1 and nothing else",
    "digest": "the header is whole: it has the digest that stands behind it",
    "anchor": "this is the very file that the contributor fixed on the chain",
    "sections": "no byte of the contents was changed since the header was made",
    "trace": "the checkpoints of the training, one a segment, are those that were committed",
    "row root": "there is one commitment for every 4,096 numbers of the update, all in one root",
    "row commitments": "every commitment is a valid point: it hides its numbers, and binds to them",
    "ciphertext root": "every number of the update is in an encrypted block, all in one root",
    "Paillier key": "the publisher's key makes encryption binding: a block has one content",
    "knowledge of the update": "the contributor knows what it encrypted: it copied nobody's work",
    "cost proof": "the contributor knows the final loss it committed to; the chain checks which",
    # With keys.
    "cost function": "the loss of every step is the one that was committed, and can be read",
    "final cost": "the opened final loss is the one that was committed",
    "opening": "the opened checkpoints are those of the committed trace",
    "update": "the opened update is the committed one, and fits the bits it declares",
    "update opened": "the commitments or encrypted blocks hold exactly the opened update",
    "opened rows": "the opened rows belong to the listed dataset",
    # With the model and the dataset.
    "plan": "this is the plan that the work was done by",
    "model": "the training started from these weights",
    "difference": "the update is what the training changed: end weights less start weights",
    "dataset": "these rows are the listed dataset, to the last byte",
    "replay": "this work was done: done again here, it gives the committed checkpoint bit for bit",
    "losses": "the losses in the cost function are those of the replayed steps",
    # An aggregate.
    "contract": "the rules on the chain are the ones that this program was built from",
    "task": "the task is settled, and its publisher has recorded a sum",
    "terms": "the plan and the key are those that the task fixed when it was opened",
    "recorded sum": "the published sum is the one that was recorded on the chain",
    "parts": "the sum is made of the accepted submissions, all of them, with their weights",
    "file": "the submission's verification file is the one on the chain, and holds in itself",
    "sum": "the published sum is the weighted sum of the committed updates, which stay hidden",
}
"""What each check proves, in words that presuppose the README alone."""


@dataclass(frozen=True)
class Item:
    """One line of the list. ``detail`` says what was found, what was wrong, or why not checked."""

    name: str
    status: str
    detail: str = ""
    subject: str = ""
    """What the check is of, where there are several: a segment, a submission."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; ``ok`` is null for what was not checked."""
        ok = None if self.status == NOT_CHECKED else self.status == PASSED
        shown = {"name": self.name, "status": self.status, "ok": ok}
        if self.subject:
            shown["subject"] = self.subject
        return {**shown, "proves": PROVES[self.name], "detail": self.detail}


class Checklist:
    """The list as it grows; ``on_item`` sees each line when it is known."""

    def __init__(self, on_item: Callable[[Item], None] = lambda _item: None) -> None:
        self.items: list[Item] = []
        self._on_item = on_item

    def add(self, name: str, status: str, detail: str = "", *, subject: str = "") -> bool:
        """Append a line; return whether the check passed."""
        item = Item(name, status, detail, subject)
        self.items.append(item)
        self._on_item(item)
        return status == PASSED

    def run(self, name: str, check: Callable[[], object], *, subject: str = "") -> bool:
        """Run a check that raises a PeerFault if it fails, or returns a text that it found."""
        try:
            found = check()
        except PeerFault as fault:
            return self.add(name, FAILED, f"{fault.message} [{fault.code}]", subject=subject)
        return self.add(name, PASSED, found if isinstance(found, str) else "", subject=subject)

    def skip(self, name: str, why: str, *, subject: str = "") -> None:
        """Append a check that was not made."""
        self.add(name, NOT_CHECKED, why, subject=subject)

    @property
    def failed(self) -> list[Item]:
        """The checks that failed."""
        return [item for item in self.items if item.status == FAILED]

    def to_json(self) -> list[dict[str, Any]]:
        """Return all lines as JSON."""
        return [item.to_json() for item in self.items]

    def conclude(self) -> str:
        """Return one sentence for the end of the list."""
        made = [item for item in self.items if item.status != NOT_CHECKED]
        left = len(self.items) - len(made)
        if self.failed:
            return f"{len(self.failed)} of {len(made)} checks FAILED: do not trust it."
        rest = f" {left} more could not be made, for the reasons given." if left else ""
        return f"All {len(made)} checks that could be made passed.{rest}"


def describe_lines(item: Item) -> list[str]:
    """Return a line for people, and one for a detail, which may quote a file and adds no other."""
    mark = {PASSED: "passed ", FAILED: "FAILED ", NOT_CHECKED: "not checked"}[item.status]
    name = f"{item.name} {item.subject}".rstrip()
    lines = [f"{mark:11}  {name}: {PROVES[item.name]}"]
    if item.detail:
        lines.append(f"{'':13}{item.detail}")
    return [make_printable(line) for line in lines]
