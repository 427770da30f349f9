"""How a list of checks is shown to a stranger: what each check proves, and the conclusion."""

from typing import Any

from walrusd.crypto.checklist import FAILED, NOT_CHECKED, PASSED, Checklist, Item
from walrusd.text import make_printable

PROVES = {
    # A file alone.
    "layout": "these bytes are a verification file of version 1 and nothing else",
    "digest": "the header is intact: the digest that follows it is its own",
    "anchor": "this is the file that the contributor committed to on the chain",
    "sections": "no byte of the contents was changed since the header was made",
    "trace": "the checkpoints of the training, one per segment, are the committed ones",
    "row root": "there is one commitment for every 4,096 numbers of the update, all in one root",
    "row commitments": "every commitment is a valid point: it hides its numbers, and fixes them",
    "ciphertext root": "every number of the update is in an encrypted block, all in one root",
    "Paillier key": "the publisher's key makes encryption binding: a block has one content",
    "knowledge of the update": "the contributor knows what it encrypted: it copied no one's work",
    "cost proof": "the contributor knows the final loss it committed to; the opening shows it",
    # With keys.
    "cost function": "the loss of every step is the committed one, and can be read",
    "final cost": "the opened final loss is the committed one",
    "opening": "the opened checkpoints are those of the committed trace",
    "update": "the opened update is the committed one, and fits the bits it declares",
    "update opened": "the commitments or encrypted blocks hold exactly the opened update",
    "opened rows": "the opened rows belong to the listed dataset",
    # With the model and the dataset.
    "plan": "this is the plan that the work followed",
    "model": "the training started from these weights",
    "difference": "the update is what the training changed: end weights less start weights",
    "dataset": "these rows are the listed dataset, byte for byte",
    "replay": "this work was done: replayed here, it gives the committed checkpoint bit for bit",
    "losses": "the losses in the cost function are those of the replayed steps",
    # The replay of one segment.
    "verification file": "the submission's file passes every check that needs no key",
    "start state": "the trace starts from this state",
    # An aggregate.
    "contract": "the contract on the chain is the one that this program was built for",
    "task": "the task is settled, and its publisher has recorded a sum",
    "terms": "the plan and the key are those that the task fixed when it was opened",
    "recorded sum": "the published sum is the one recorded on the chain",
    "parts": "the sum is made of the accepted submissions, all of them, with their weights",
    "file": "the submission's verification file is the one on the chain, and valid",
    "sum": "the published sum is the weighted sum of the committed updates, which stay hidden",
}
"""What each check proves, in words that assume only the README."""


def item_to_json(item: Item) -> dict[str, Any]:
    """Return the JSON form of a check; ``ok`` is null for what was not checked."""
    shown = {"name": item.name, "status": item.status, "ok": item.ok}
    if item.subject:
        shown["subject"] = item.subject
    return {**shown, "proves": PROVES[item.name], "detail": item.detail}


def describe_item(item: Item) -> list[str]:
    """Return a line for people, and one for a detail, which may quote a file but adds no lines."""
    mark = {PASSED: "passed ", FAILED: "FAILED ", NOT_CHECKED: "not checked"}[item.status]
    name = f"{item.name} {item.subject}".rstrip()
    lines = [f"{mark:11}  {name}: {PROVES[item.name]}"]
    if item.detail:
        lines.append(f"{'':13}{item.detail}")
    return [make_printable(line) for line in lines]


def conclude(checks: Checklist) -> str:
    """Return one sentence for the end of the list."""
    made = [item for item in checks.items if item.status != NOT_CHECKED]
    left = len(checks.items) - len(made)
    if checks.failures:
        return f"{len(checks.failures)} of {len(made)} checks FAILED: do not trust it."
    rest = f" {left} more could not be made, for the reasons given." if left else ""
    return f"All {len(made)} checks that could be made passed.{rest}"
