"""The arithmetic of the benchmarks, and one quick run of all of them."""

import json

import pytest

from tests.bench.__main__ import format_goal, format_ratio, main
from tests.bench.goals import GOALS, list_missed
from tests.bench.measure import Measurement, time_in_turns
from tests.bench.quality import (
    PROFILES,
    Quality,
    judge,
    make_digit_subjects,
    make_quality_table,
    train_exactly,
    train_ordinarily,
)
from tests.bench.verification import measure_attestation
from walrusd.training.run.weights import init_weights


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


def test_goals_are_met_or_missed():
    good = Measurement("training.gpt256.2_threads", 2.3, "ms", 1.0, "note")
    bad = Measurement("training.gpt256.q8r.trace.1_threads", 0.06, "ms", 1.0, "note")
    late = Measurement("latency.event_to_decision.median", 1_001.0, "ms", 1.0, "note")
    other = Measurement("training.products", 9.0, "ms", 1.0, "note")
    assert [format_goal(each) for each in (good, bad, late, other)] == [
        "≤ 2.3 x",
        "≤ 0.05 x MISSED",
        "≤ 1000 ms MISSED",
        "",
    ]
    assert [line.partition(":")[0] for line in list_missed([good, bad, late, other])] == [
        bad.name,
        late.name,
    ]


def test_measurements_take_turns_and_warm_up_first(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("tests.bench.measure.time.perf_counter", lambda: next(clock))
    order = []
    medians = time_in_turns([lambda: order.append("a"), lambda: order.append("b")], rounds=3)
    assert order == ["a", "b"] * 4
    assert medians == [1000, 1000]


def test_quality_is_compared_seed_by_seed():
    found = Quality("m", "p", exact=(1.0, 2.5), ordinary=(1.25, 2.0))
    assert (found.spread, found.difference, found.largest) == (0.75, 0.125, 0.5)
    entry = found.to_measurement()
    assert (entry.name, entry.value, entry.baseline) == ("quality.m.p", 1.75, 1.625)
    assert make_quality_table([found]).row_count == 1


def test_both_sides_of_the_quality_table_learn_the_same():
    perceptron = make_digit_subjects()[0]
    perceptron.document["steps"] = 21
    plan, seed = perceptron.make_plan(1, PROFILES[0]), b"q" * 32
    before = judge(perceptron, plan, init_weights(plan))
    exact = judge(perceptron, plan, train_exactly(perceptron, plan, seed))
    ordinary = judge(perceptron, plan, train_ordinarily(perceptron, plan, seed))
    assert exact == pytest.approx(ordinary, abs=1e-3)
    assert exact < before - 0.5


@pytest.mark.parametrize("committee", [1, 3, 16])
def test_an_attestation_of_one_of_1024_segments_takes_two_kilobytes_at_most(committee):
    found = measure_attestation(1024, committee)
    assert 0 < found.value <= found.baseline == 2048


@pytest.mark.slow
def test_all_benchmarks_run(tmp_path):
    few = ["--rounds", "1", "--seeds", "1", "--quality-steps", "45"]
    assert main([*few, "--out", str(tmp_path / "results.json")]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    names = {"name", "value", "unit", "baseline", "ratio", "note"}
    assert all(set(entry) == names and entry["value"] > 0 for entry in results)
    found = [Measurement(e["name"], e["value"], e["unit"], e["baseline"], "") for e in results]
    for goal in GOALS:
        assert any(map(goal.applies_to, found)), f"nothing is measured for {goal}"
    assert {entry["name"].partition(".")[0] for entry in results} == {
        "tracing",
        "training",
        "quality",
        "pedersen",
        "paillier",
        "stream",
        "transaction",
        "latency",
        "verification",
    }
