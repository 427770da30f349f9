"""``python -m tests.project.coverage ROOM=PERCENT…``: what the last run reached of each room.

A table of lines and branches together, and for a room below its limit the lines it misses. The
data are those of ``coverage run``; ``make coverage`` makes them.
"""

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[2]
Report = Callable[[str, io.StringIO], float]
"""Writes the missing lines of the files of a pattern, and returns the percentage reached."""


def read_data() -> Report:
    """Return what reports on the data that ``pyproject.toml`` names."""
    data = Coverage(config_file=str(ROOT / "pyproject.toml"))
    data.load()

    def report(pattern: str, file: io.StringIO) -> float:
        return data.report(include=[pattern], file=file, show_missing=True, skip_covered=True)

    return report


def check_rooms(limits: Sequence[str], report: Report) -> tuple[str, str]:
    """Return the table, and what is missing in rooms below their limits (empty if none is)."""
    lines, missing = [f"{'room':<14}{'at least':>9}{'reached':>9}"], ""
    for limit in limits:
        room, _, least = limit.partition("=")
        listed = io.StringIO()
        reached = report(str(ROOT / "walrusd" / room / "*"), listed)
        is_below = reached < float(least)
        lines.append(f"{room:<14}{least:>8}%{reached:>8.1f}%{'  below' if is_below else ''}")
        missing += f"\n{room}:\n{listed.getvalue()}" if is_below else ""
    return "\n".join(lines), missing


if __name__ == "__main__":
    table, missing = check_rooms(sys.argv[1:], read_data())
    print(f"{table}\n{missing}")
    sys.exit(1 if missing else 0)
