"""The arithmetic of the benchmarks, and one quick run of all of them."""

import json

import pytest

from tests.bench.__main__ import format_ratio, main
from tests.bench.measure import Measurement, time_in_turns


def test_a_ratio_compares_with_the_baseline():
    found = Measurement("x", 3.0, "ms", 1.5, "note")
    assert found.to_json() == {
        "name": "x",
        "value": 3.0,
        "unit": "ms",
        "baseline": 1.5,
        "ratio": 2.0,
        "note": "note",
    }


def test_small_ratios_are_fractions():
    assert [format_ratio(ratio) for ratio in (2.345, 0.1, 0.001)] == [
        "2.35 x",
        "0.10 x",
        "1/1000 x",
    ]


def test_measurements_take_turns_and_warm_up_first(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("tests.bench.measure.time.perf_counter", lambda: next(clock))
    order = []
    medians = time_in_turns([lambda: order.append("a"), lambda: order.append("b")], rounds=3)
    assert order == ["a", "b"] * 4
    assert medians == [1000, 1000]


@pytest.mark.slow
def test_all_benchmarks_run(tmp_path):
    assert main(["--rounds", "1", "--out", str(tmp_path / "results.json")]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    names = {"name", "value", "unit", "baseline", "ratio", "note"}
    assert all(set(entry) == names and entry["value"] > 0 for entry in results)
    assert {entry["name"].partition(".")[0] for entry in results} == {
        "training",
        "pedersen",
        "paillier",
        "transaction",
        "latency",
    }
