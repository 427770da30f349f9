"""The benchmark of looks, on a small market."""

from pathlib import Path

from tests.bench import looks


def test_looks_at_few_and_many_tasks_are_compared(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(looks, "FEW", 2)
    monkeypatch.setattr(looks, "MANY", 6)
    monkeypatch.setattr(looks, "STRANGERS_JOINS", 5)
    found = looks.measure_looks(tmp_path, rounds=1)
    assert [each.name for each in found] == ["staker.look.6_tasks", "staker.look.5_joins"]
    assert found[0].note.endswith("3 looks at 2 tasks")
    assert found[1].baseline == found[0].value
