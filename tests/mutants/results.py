"""What became of each mutant, written as soon as it is known: a run that was ended goes on."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SURVIVED, UNTESTED, TIMEOUT = "survived", "untested", "timeout"
KILLED = {"failed", "import", TIMEOUT}


@dataclass(frozen=True)
class Result:
    """What became of a mutant.

    ``outcome``: ``failed``, ``import`` (the tests could not be imported) or ``timeout`` if it was
    noticed, by ``test``; ``survived`` if all of ``ran`` tests passed, and ``left_out`` more would
    have taken too long; ``untested`` if no test executes its module.
    """

    name: str
    outcome: str
    test: str = ""
    ran: int = 0
    left_out: int = 0
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        """Whether some test noticed it."""
        return self.outcome in KILLED


class Journal:
    """The results on one tree, a line each."""

    def __init__(self, path: Path, tree: str) -> None:
        self._path, self._tree = path, tree

    def read(self) -> dict[str, Result]:
        """Return the results on this tree by mutant; none if the file is about another tree.

        A last line that was not written to its end counts for nothing.
        """
        if not self._path.exists():
            return {}
        first, *lines = self._path.read_text("utf-8").split("\n")
        if first != self._tree:
            return {}
        found = [Result(**json.loads(line)) for line in lines[:-1]]
        return {result.name: result for result in found}

    def begin(self, results: Iterable[Result]) -> None:
        """Write a new file with what is known."""
        lines = [self._tree, *(_to_line(result) for result in results)]
        temporary = self._path.with_suffix(".new")
        temporary.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        temporary.replace(self._path)

    def add(self, result: Result) -> None:
        """Append a result."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_to_line(result) + "\n")


def _to_line(result: Result) -> str:
    fields: dict[str, Any] = asdict(result)
    return json.dumps(fields)
