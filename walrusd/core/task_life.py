"""How long a task takes at most, stage by stage. The windows are those of its terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from walrusd.core.seats.eligibility import count_committee
from walrusd.units import Millis


@dataclass(frozen=True)
class Stage:
    """A stage of a task: it ends when its ``windows`` have, or before. ``when`` says if at all.

    ``times`` is how often it may come, as a function of the terms.
    """

    name: str
    windows: tuple[str, ...]
    when: str = "always"
    times: Callable[[Mapping[str, int]], int] = lambda _terms: 1

    def compute_duration(self, terms: Mapping[str, int]) -> Millis:
        """Return how long the stage takes at most under ``terms``, in milliseconds."""
        return Millis(self.times(terms) * sum(terms[window] for window in self.windows))


MAX_ROUNDS = 2
"""How often silent seats may be replaced."""
MAX_UNPROVED = 3
"""How many accusations on a bond may fail before no more are heard."""
MAX_SAMPLES = 2
"""How many audit samples may be drawn."""

_OPENING = ("open_ms", "grace_ms")
_JURY = (*_OPENING, "jury_commit_ms", "jury_reveal_ms", "jury_reveal_ms")


def _count_attempts(terms: Mapping[str, int]) -> int:
    """Return how often places may get envelopes: rounds of replacements, and each substitute."""
    return MAX_ROUNDS + terms["substitutes"]


def _count_juries(terms: Mapping[str, int]) -> int:
    """Return how many juries there may be, two a case.

    Each seat accuses once, one of them again after an opening that was absent; then those on a
    bond, the audit's samples, and the question whether the opening is absent.
    """
    return 2 * (count_committee(terms) + MAX_UNPROVED + MAX_SAMPLES + 2)


STAGES: tuple[Stage, ...] = (
    Stage("joining", ("join_ms",)),
    Stage("training", ("train_ms",)),
    Stage("committing late", ("grace_ms",), "if a contributor commits late, for a fee"),
    Stage(
        "opening and verifying",
        (*_OPENING, "verify_ms"),
        "once; again for each round of replacements and each substitute",
        _count_attempts,
    ),
    Stage("juries", _JURY, "for each accusation and each audited submission", _count_juries),
    Stage(
        "audits and the update's key",
        _OPENING,
        "until an audit is begun, and the key delivered",
        lambda _terms: MAX_SAMPLES + 1,
    ),
)
"""The stages, in their order, with every case that there may be. A wait for seats is not counted:
no clock runs then."""


def compute_longest_life(terms: Mapping[str, int]) -> Millis:
    """Return how long the clocks of a task may run, in milliseconds: what the market limits."""
    return Millis(sum(stage.compute_duration(terms) for stage in STAGES))
