"""Credits: amounts that their owners may claim. Payments are never pushed."""

from walrusd.chain.layouts.objects import Credit
from walrusd.devnet.contract.constants import BURN
from walrusd.devnet.move.context import MoveContext


def credit(entries: list[Credit], owner: str, amount: int) -> None:
    """Add ``amount`` Mist to the entry of ``owner``, or append one; 0 does nothing."""
    if amount == 0:
        return
    for entry in entries:
        if entry.owner == owner:
            entry.amount += amount
            return
    entries.append(Credit(owner, amount))


def take_credit(entries: list[Credit], owner: str) -> int:
    """Remove the entry of ``owner``, keeping the order, and return its Mist; 0 if it has none."""
    for at, entry in enumerate(entries):
        if entry.owner == owner:
            del entries[at]
            return entry.amount
    return 0


def burn(ctx: MoveContext, amount: int) -> None:
    """Send ``amount`` Mist to the burn address; 0 makes no coin."""
    if amount:
        ctx.transfer(ctx.new_coin(amount), BURN)
