"""The files of ``tests/vectors/training`` are what is computed from fractions."""

import pytest

from tests.training.vectors.files import FOLDER, MAKERS, render


@pytest.mark.parametrize("name", MAKERS)
def test_the_files_are_what_is_computed(name):
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == render(name)


def test_there_is_no_other_file():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(MAKERS)
