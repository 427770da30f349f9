"""Where a play is performed. The specification takes part everywhere: it says what is right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tests.contract.market import Bazaar

SEATS = 18
"""How many verifiers there are when a play begins."""


class Specification(Protocol):
    """A specification: the one there is, as ``Bazaar`` has it, or one with a rule changed."""

    functions: dict[str, Any]
    deploy: Callable[..., Any]


class Stage(Protocol):
    """What a scenario needs of the place where it happens.

    ``world`` is the specification's market; elsewhere it makes each call there, too.
    """

    name: str
    world: Bazaar

    def gain(self, person: str) -> int:
        """Return what somebody has in coins beyond what was given, in Mist, gas aside."""
        ...

    def compare(self) -> None:
        """Compare everything that happened here with the specification.

        Raises:
            AssertionError: if anything differs.
        """
        ...


class SpecificationStage:
    """The executable specification, in process. Coins and invariants are checked at every call."""

    name = "specification"

    def __init__(self, verifiers: int, rules: type[Specification]) -> None:
        class SpecificationBazaar(Bazaar):
            functions = rules.functions
            deploy = staticmethod(rules.deploy)

        self.world = SpecificationBazaar(verifiers=verifiers)

    def gain(self, person: str) -> int:
        return self.world.gain(person)

    def compare(self) -> None:
        """Do nothing: what there is to check was checked at every call."""


@contextmanager
def open_specification(
    verifiers: int = SEATS, rules: type[Specification] = Bazaar
) -> Iterator[SpecificationStage]:
    """Yield the specification with so many seats registered."""
    yield SpecificationStage(verifiers, rules)
