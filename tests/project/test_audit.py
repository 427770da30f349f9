"""What an audit says: clean, vulnerable, or that nobody could be asked."""

import datetime as dt
import os
from pathlib import Path

import pytest

from tests.project import audit
from tests.project.audit import CLEAN, UNKNOWN, VULNERABLE, judge

TODAY = dt.date(2026, 6, 1)
ADVISORY = {"id": "PYSEC-1", "aliases": ["CVE-9"], "fix_versions": ["1.1", "2.0"]}
GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "1.0", "vulns": [ADVISORY]}
STRANGE = {"name": "strange", "skip_reason": "not found"}


def except_(identifier: str, until: dt.date = TODAY) -> dict:
    return {"id": identifier, "reason": "we never parse it", "until": until}


@pytest.mark.parametrize(
    ("packages", "exceptions", "status", "words"),
    [
        ([GOOD], [], CLEAN, ["1 packages, no known"]),
        ([GOOD, BAD], [], VULNERABLE, ["bad 1.0: PYSEC-1, mended in 1.1 or 2.0"]),
        ([BAD], [except_("PYSEC-1")], CLEAN, []),
        ([BAD], [except_("CVE-9")], CLEAN, []),
        ([BAD], [except_("PYSEC-2")], VULNERABLE, []),
        ([BAD], [except_("PYSEC-1", TODAY - dt.timedelta(1))], VULNERABLE, []),
        ([GOOD, STRANGE], [], UNKNOWN, ["NOT AUDITED", "1 of 2 packages: strange"]),
        ([BAD, STRANGE], [], VULNERABLE, ["PYSEC-1", "NOT AUDITED"]),
    ],
)
def test_what_follows_from_a_report(packages, exceptions, status, words) -> None:
    finding = judge({"dependencies": packages}, exceptions, TODAY)
    assert finding.status == status
    assert all(word in "\n".join(finding.lines) for word in words)


def test_no_report_is_not_a_clean_one() -> None:
    finding = judge(None, [], TODAY)
    assert finding.status == UNKNOWN
    assert "could not be reached" in finding.lines[0]


def test_a_program_that_fails_leaves_no_report(tmp_path: Path, monkeypatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'no route to host' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(audit.sys, "executable", os.fspath(program))
    report, said = audit.run_pip_audit(tmp_path / "constraints.txt")
    assert report is None
    assert "no route to host" in said
    assert judge(report, [], TODAY).status == UNKNOWN
