"""What a look at a submission found wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from walrusd.errors import FraudFound, OpeningUnusable, PartAbsent


@dataclass
class Findings:
    """What was found wrong. ``absent`` may still come; the others stay as they are."""

    frauds: list[FraudFound] = field(default_factory=list)
    unusable: OpeningUnusable | None = None
    absent: PartAbsent | None = None

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Note what a check finds, and go on."""
        try:
            yield
        except FraudFound as error:
            self.frauds.append(error)
        except OpeningUnusable as error:
            self.unusable = self.unusable or error
        except PartAbsent as error:
            self.absent = self.absent or error
