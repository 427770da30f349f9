"""The arithmetic of the latency benchmark."""

import pytest

from tests.bench.latency import Times, compute_quantile, summarize


def test_a_quantile_is_reached_by_that_share():
    samples = list(range(100, -1, -1))
    assert compute_quantile(samples, 0.5) == pytest.approx(50)
    assert compute_quantile(samples, 0.99) == pytest.approx(99)


def test_decisions_and_actions_are_compared_with_bare_hearing():
    times = Times([40.0] * 10, [250.0] * 9 + [500.0], [10.0] * 20)
    found = {m.name: m for m in summarize(times, "on an idle machine")}
    assert found["latency.event_to_decision.median"].ratio == pytest.approx(4)
    assert found["latency.event_to_action.median"].value == pytest.approx(250)
    assert 450 < found["latency.event_to_action.p99"].value < 500
    assert all("idle machine" in m.note for m in found.values())
