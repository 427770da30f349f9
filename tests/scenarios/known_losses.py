"""What the protocol of today does to honest people, or lets a cheat do for nothing.

A play with one of these names asserts what happens, not what should. Whoever mends the protocol
changes the play's expectations, takes away the mark, and the row here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Play = TypeVar("Play", bound=Callable[..., Any])


class Loss(NamedTuple):
    """Who is harmed, how it comes about today, and what should happen instead."""

    victim: str
    today: str
    instead: str


KNOWN_LOSSES = {
    "friend-accuses-first": Loss(
        "the publisher and the seats",
        "a contributor whose opening nobody can read lets a friend accuse first: no jury can "
        "decide, and both get their stakes back",
        "a case that comes to nothing ends the case, not the submission: never opened, stake lost",
    ),
    "unseatable-jury": Loss(
        "an honest contributor",
        "terms ask for more jurors than the pool has: whoever accuses attested work prevents the "
        "reward, and gets the bond back",
        "such terms are refused, and a jury that cannot be seated dismisses the accusation",
    ),
    "unpayable-bond": Loss(
        "honest seats",
        "terms ask for a bond that no one has: nobody accuses a forger, silent seats are fined, "
        "and the stake goes back",
        "an accusation costs at most the case, and a seat can pay it with its stake",
    ),
    "short-windows": Loss(
        "honest seats",
        "terms ask for more work than fits the window: seats and their substitutes are fined as "
        "silent",
        "only seats that can do the work in half of the window are drawn",
    ),
    "ring-accuses-again": Loss(
        "an honest contributor",
        "after a refuted accusation the same people accuse another part: each has a fresh jury, "
        "until one is theirs, and convicts",
        "each may accuse once; refuted accusations cost more than they can win",
    ),
    "friend-takes-the-share": Loss(
        "the honest accuser",
        "the forger's friend accuses the forgery first and takes the accuser's share of the stake",
        "the share is paid to seats only, or little, and the rest is burned",
    ),
    "dead-seats": Loss(
        "every later verifier, and whoever needs a jury",
        "seats are never removed: whoever fills the pool with seats that no one can pay takes all "
        "the stakes home again, and nobody can register any more",
        "a slot whose seat has left is used again, and registering burns a fee",
    ),
    "grant-for-another-task": Loss(
        "the dataset's owner",
        "a key that was asked for one task lets its holder join another",
        "a grant joins only the task that it names",
    ),
    "stake-backs-twice": Loss(
        "whoever relies on the audit",
        "one seat's stake answers for every submission that it sits on: after the first fine the "
        "others are covered by less, or by nothing",
        "a part of the stake is reserved for each duty",
    ),
}


def known_loss(name: str) -> Callable[[Play], Play]:
    """Mark a play as showing a loss of the table."""
    assert name in KNOWN_LOSSES, name

    def mark(play: Play) -> Play:
        play.known_loss = name  # type: ignore[attr-defined]  # a function takes attributes
        return play

    return mark
