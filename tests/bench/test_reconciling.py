"""The benchmark of reconciling, on a small market."""

from pathlib import Path

from tests.bench import reconciling


def test_few_and_many_tasks_are_compared(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(reconciling, "FEW", 2)
    monkeypatch.setattr(reconciling, "MANY", 6)
    monkeypatch.setattr(reconciling, "STRANGERS_JOINS", 5)
    found = reconciling.measure_reconciling(tmp_path, rounds=1)
    assert [each.name for each in found] == ["staker.reconcile.6_tasks", "staker.reconcile.5_joins"]
    assert found[0].note.endswith("2 tasks, 3 times")
    assert found[1].baseline == found[0].value
