"""The rows that a third party has: in the forms in which datasets are listed, or bare."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.containers import make_container_header
from tests.support.market.world import DIGITS, make_plan
from tests.support.refusals import refused
from walrusd.errors import MalformedData
from walrusd.training.plan.plan import read_plan
from walrusd.verify.rows import open_given_rows

PLAN = read_plan(make_plan())
WIDTH = PLAN.dataset.row_bytes
ROWS = DIGITS.read_bytes()[: 9 * WIDTH]


def read(path: Path) -> bytes:
    rows = open_given_rows(PLAN, path)
    return bytes(rows.rows(np.arange(rows.count)))


@pytest.mark.parametrize("name", ["rows.bin", "rows", "segment.rows"])
def test_bare_rows_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ROWS)
    assert read(tmp_path / name) == ROWS


@pytest.mark.parametrize("name", ["t.safetensors", "t.SAFETENSORS"])
def test_a_container_is_one_in_letters_of_any_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(make_container_header(PLAN.dataset, 9) + ROWS)
    assert read(tmp_path / name) == ROWS
    (tmp_path / name).write_bytes(make_container_header(PLAN.dataset, 8) + ROWS)
    with refused("proof.invalid", "schema"):
        open_given_rows(PLAN, tmp_path / name)


@pytest.mark.parametrize("name", ["t.csv", "t.CSV"])
def test_a_table_is_read_as_it_is_listed(tmp_path: Path, name: str) -> None:
    lines = (ROWS[i : i + WIDTH] for i in range(0, len(ROWS), WIDTH))
    (tmp_path / name).write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    assert read(tmp_path / name) == ROWS
    (tmp_path / name).write_text("1,2\n")
    with refused("rpc.bad_request", "2", "65"):
        open_given_rows(PLAN, tmp_path / name)


@pytest.mark.parametrize("name", ["t.tsv", "t.txt", "t"])
def test_text_is_no_rows(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"1\t2\t3\n" * WIDTH)
    with refused("rpc.bad_request", "reads"):
        open_given_rows(PLAN, tmp_path / name)


def test_what_is_not_whole_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(ROWS[:-1])
    with pytest.raises(MalformedData):
        open_given_rows(PLAN, tmp_path / "t")
    with refused("rpc.bad_request", "read"):
        open_given_rows(PLAN, tmp_path / "none")
