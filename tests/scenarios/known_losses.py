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
    "ring-is-the-jury": Loss(
        "an honest contributor",
        "whoever has most of a jury, by luck or by seats, has any work convicted",
        "the contract itself judges the computation",
    ),
    "ring-refuses-places": Loss(
        "an honest contributor",
        "seats of a ring accuse falsely, one after another, until no substitute is left: the stake "
        "goes back, the reward does not come; each accuser pays the case and the silence penalty",
        "a place is given on to honest people as long as there are any",
    ),
    "bribed-seats-go-free": Loss(
        "whoever relies on the audit",
        "bribed seats attested a forgery, and its contributor, once it is audited, shows nothing: "
        "it loses its stake, they keep theirs, and their fee",
        "who attests what nobody can show any more is not paid for it",
    ),
    "booked-for-nothing": Loss(
        "other publishers",
        "a publisher lets its own contributors book half of the pool under terms that ask nothing "
        "of who lets them lapse: until their training ends others find it busy, and are void",
        "what is booked and not used costs as much as its seats would have earned",
    ),
}


def known_loss(name: str) -> Callable[[Play], Play]:
    """Mark a play as showing a loss of the table."""
    assert name in KNOWN_LOSSES, name

    def mark(play: Play) -> Play:
        play.known_loss = name  # type: ignore[attr-defined]  # a function takes attributes
        return play

    return mark
