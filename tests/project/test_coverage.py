"""``make coverage`` fails below the limits it has for every room that decides."""

import re
from pathlib import Path

from tests.project.coverage import check_rooms

ROOT = Path(__file__).resolve().parents[2]
LIMITS = dict(
    limit.split("=")
    for limit in re.search(r"^LEAST := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
)
DEMANDED = {"core": 90, "crypto": 90, "chain": 90, "storage": 90, "state": 90, "services": 85}


def test_every_room_that_decides_or_spends_has_a_limit() -> None:
    assert {room for room, least in DEMANDED.items() if float(LIMITS.get(room, 0)) < least} == set()
    assert all((ROOT / "tests" / room).is_dir() for room in LIMITS)


def test_a_room_below_its_limit_is_listed_with_its_lines() -> None:
    def report(pattern, file):
        file.write("lifecycle.py 7-9")
        return 91.5 if "/core/" in pattern else 89.9

    table, missing = check_rooms(["core=91", "state=90"], report)
    assert [line.split() for line in table.splitlines()[1:]] == [
        ["core", "91%", "91.5%"],
        ["state", "90%", "89.9%", "below"],
    ]
    assert missing == "\nstate:\nlifecycle.py 7-9"
    assert check_rooms(["core=91"], report)[1] == ""
