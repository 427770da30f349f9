"""Datasets are found by the words of their titles and descriptions, in any script."""

from types import SimpleNamespace

import pytest

from walrusd.control.dataset_commands import DatasetCommands

LISTED = [
    {"dataset": "1", "title": "Größen", "description": "数据集 of sizes"},
    {"dataset": "2", "title": "\ud800 u00f6", "description": None},
]


@pytest.mark.parametrize(
    ("text", "found"),
    [("größen", "1"), ("数据集 SIZES", "1"), ("u00f6", "2"), ("ud800", ""), ("null", "")],
)
async def test_words_are_found_as_they_are_written(text: str, found: str) -> None:
    async def all_datasets() -> list:
        return LISTED

    commands = SimpleNamespace(_listings=SimpleNamespace(all=all_datasets))
    result = await DatasetCommands.search(commands, text)  # type: ignore[arg-type]  # what it uses
    assert "".join(item["dataset"] for item in result["datasets"]) == found
