"""The whole demonstration, as ``make demo`` runs it."""

import json
import subprocess
import sys

import pytest

from tests.demo.cast import CONTRIBUTORS, VERIFIERS, choose_cast
from tests.demo.control import ROOT
from tests.demo.task import SEGMENT_STEPS, SEGMENTS
from tests.support.guards import PLAY_S

SEED = 4


@pytest.mark.slow
def test_the_honest_are_paid_and_the_cheat_is_slashed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo", "--seed", str(SEED), "--dir", str(tmp_path / "demo")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PLAY_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    cheat = choose_cast(SEED).cheat.name
    assert (report["ok"], report["cheat"], report["failures"]) == (True, cheat, [])
    assert {line["name"] for line in report["submissions"]} == set(CONTRIBUTORS)
    for line in report["submissions"]:
        # Committee, jurors and alternates are all but the substitute.
        assert len(set(line["verifiers"])) == 2
        assert len({*line["jurors"], *line["verifiers"]}) == len(VERIFIERS) - 1
        if line["name"] == cheat:
            assert (line["outcome"], line["reason"]) == ("rejected", "challenge_confirmed")
            assert (line["payout"], line["stake"]) == (0, 2_000_000_000)
            assert line["accuser"] in line["verifiers"]
        else:
            assert (line["outcome"], line["reason"]) == ("accepted", "attested")
            assert line["accuser"] == "an audit"
            assert line["payout"] == 3_500_000_000
            assert 0 < line["net"] <= 1_502_000_000
    assert report["accuracy_before"] < 0.3 < 0.9 < report["accuracy_after"]
    assert report["aggregate_verified"] is report["coins_conserved"] is True
    assert set(report["loss_curves"]) == set(CONTRIBUTORS)
    for curve in report["loss_curves"].values():
        assert len(curve) == SEGMENTS * SEGMENT_STEPS
        assert curve[-1] < 0.6 < curve[0]
    assert (tmp_path / "demo" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert cheat in done.stdout
