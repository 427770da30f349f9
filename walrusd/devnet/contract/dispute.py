"""Module ``dispute``: what a jury's revealed values say."""

from typing import NamedTuple

from walrusd.chain.layouts.objects import Dispute, Juror


class Revealed(NamedTuple):
    """What one replay of a segment gives: the work chain and the state root, 32 bytes each."""

    chain: bytes
    state_root: bytes


def compute_majority(dispute: Dispute) -> Revealed | None:
    """Return the value that more than half of all jurors revealed, if there is one."""
    for candidate in dispute.jurors:
        value = Revealed(candidate.chain, candidate.state_root)
        count = sum(1 for juror in dispute.jurors if holds_value(juror, value))
        if candidate.chain and 2 * count > len(dispute.jurors):
            return value
    return None


def holds_value(juror: Juror, value: Revealed) -> bool:
    """Return whether a juror revealed ``value``."""
    return juror.chain == value.chain and juror.state_root == value.state_root


def accuser_holds_value(dispute: Dispute, value: Revealed) -> bool:
    """Return whether the accuser revealed ``value``."""
    return dispute.accuser_chain == value.chain and dispute.accuser_state_root == value.state_root


def have_all_revealed(dispute: Dispute) -> bool:
    """Return whether every juror and the accuser have revealed."""
    return dispute.accuser_chain != b"" and all(juror.chain != b"" for juror in dispute.jurors)
