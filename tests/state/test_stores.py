"""Records and work items survive, in order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.state import Database, KeyValue, Work, WorkItem

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with Database.open(tmp_path_factory.mktemp("state") / "db") as opened:
        yield opened


@given(value=json_values)
def test_any_json_value_comes_back(database: Database, value) -> None:
    store = KeyValue(database)
    store.put("values", "key", value)
    assert store.get("values", "key") == value


def test_namespaces_are_apart(tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database:
        store = KeyValue(database)
        store.put("one", "b", 2)
        store.put("one", "a", 1)
        store.put("two", "a", 3)
        store.delete("two", "a")
        store.delete("two", "never there")
        assert store.items("one") == {"a": 1, "b": 2}
        assert list(store.items("one")) == ["a", "b"]
        assert store.items("two") == {}
        with pytest.raises(ValueError, match="JSON"):
            store.put("one", "a", float("nan"))
        assert store.get("one", "a") == 1


def test_work_keeps_its_order_when_it_progresses(tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database:
        work = Work(database)
        for key in ("z", "a", "m"):
            work.put("trainer", key, {"step": 0})
        work.put("verifier", "z", {})
        work.put("trainer", "z", {"step": 5})
        work.delete("trainer", "a")
        work.put("trainer", "a", {"step": 0})
    with Database.open(tmp_path / "db") as database:
        work = Work(database)
        assert work.items("trainer") == [
            WorkItem("trainer", "z", {"step": 5}),
            WorkItem("trainer", "m", {"step": 0}),
            WorkItem("trainer", "a", {"step": 0}),
        ]
        assert work.get("trainer", "z") == {"step": 5}
        assert work.get("trainer", "gone") is None
