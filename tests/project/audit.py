"""``python -m tests.project.audit``: known vulnerabilities of the versions in constraints.txt.

pip-audit asks the advisories of PyPI. It ends with 0 if the service knows none of the packages, as
with a mirror that has no advisories; here that counts as not audited.

Exceptions stand in pyproject.toml, each with its reason and the day on which it ends::

    [[tool.audit.exceptions]]
    id = "PYSEC-2026-1"
    reason = "we never parse such files"
    until = 2027-01-31
"""

import datetime as dt
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2
"""Exit statuses."""


@dataclass(frozen=True)
class Finding:
    """What an audit says."""

    status: int
    lines: tuple[str, ...]


def judge(
    report: Mapping[str, Any] | None,
    exceptions: Sequence[Mapping[str, Any]],
    today: dt.date,
) -> Finding:
    """Return what follows from pip-audit's report; None is no report."""
    if report is None:
        return Finding(UNKNOWN, ("NOT AUDITED: the advisory service could not be reached",))
    packages = report["dependencies"]
    unknown = sorted(each["name"] for each in packages if "skip_reason" in each)
    excepted = {each["id"] for each in exceptions if today <= each["until"]}
    found = [
        f"{each['name']} {each['version']}: {advisory['id']}, mended in "
        f"{' or '.join(advisory['fix_versions']) or 'no version yet'}"
        for each in packages
        for advisory in each.get("vulns", ())
        if not excepted & {advisory["id"], *advisory.get("aliases", ())}
    ]
    if unknown:
        named = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
        found.append(
            f"NOT AUDITED: the advisory service knows nothing of {len(unknown)} of "
            f"{len(packages)} packages: {named}"
        )
    if len(found) > bool(unknown):
        return Finding(VULNERABLE, tuple(found))
    if unknown:
        return Finding(UNKNOWN, tuple(found))
    return Finding(CLEAN, (f"{len(packages)} packages, no known vulnerability",))


def run_pip_audit(constraints: Path) -> tuple[dict[str, Any] | None, str]:
    """Return pip-audit's report, None if it made none, and what it printed."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "report.json"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--requirement", constraints),
                *("--no-deps", "--disable-pip", "--progress-spinner", "off"),
                *("--format", "json", "--output", path),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads(path.read_text("utf-8")) if path.is_file() else None
    return report, done.stderr


def main() -> int:
    """Audit, and return the exit status."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    report, said = run_pip_audit(ROOT / "constraints.txt")
    if report is None:
        print(*said.strip().splitlines()[-1:], file=sys.stderr)
    exceptions = config["tool"].get("audit", {}).get("exceptions", [])
    finding = judge(report, exceptions, dt.datetime.now(tz=dt.UTC).date())
    print("\n".join(finding.lines), file=sys.stderr if finding.status else sys.stdout)
    return finding.status


if __name__ == "__main__":
    sys.exit(main())
