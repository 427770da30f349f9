"""How long a task takes at most, stage by stage. The windows are those of its terms."""

from collections.abc import Mapping
from dataclasses import dataclass

from walrusd.units import Millis


@dataclass(frozen=True)
class Stage:
    """A stage of a task: it ends when its ``windows`` have, or before. ``when`` says if at all."""

    name: str
    windows: tuple[str, ...]
    when: str = "always"

    def compute_duration(self, terms: Mapping[str, int]) -> Millis:
        """Return how long the stage takes at most under ``terms``, in milliseconds."""
        return Millis(sum(terms[window] for window in self.windows))


_JURY = ("jury_commit_ms", "jury_reveal_ms")
STAGES: tuple[Stage, ...] = (
    Stage("joining", ("join_ms",)),
    Stage("training", ("train_ms",)),
    Stage("opening", ("open_ms",)),
    Stage("opening late", ("grace_ms",), "if a contributor opens late, for a fee"),
    Stage("opening again", ("open_ms", "grace_ms"), "if a seat cannot read the opening"),
    Stage("verifying", ("verify_ms",)),
    Stage("verifying by substitutes", ("verify_ms",), "if a seat is silent"),
    Stage("a jury", _JURY, "for each accusation and each audited submission"),
    Stage("a second jury", _JURY, "if the first has no majority"),
)
"""The stages, in their order; one dispute is among them, each further one takes its own juries."""


def compute_longest_life(terms: Mapping[str, int]) -> Millis:
    """Return how long a task with one dispute takes at most, in milliseconds."""
    return Millis(sum(stage.compute_duration(terms) for stage in STAGES))
