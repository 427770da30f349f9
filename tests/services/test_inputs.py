"""What a person writes: terms, schemas, tables. Every mistake is named."""

import math
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.containers import make_container_header
from tests.support.market.world import make_plan
from walrusd.core.terms_review import review_terms
from walrusd.errors import BadRequest
from walrusd.market.ids import read_id
from walrusd.market.import_rows import looks_like_text, open_table, read_schema
from walrusd.services.publisher.estimate import make_rules
from walrusd.services.publisher.terms import read_terms
from walrusd.training.plan.plan import read_plan

PLAN = read_plan(make_plan())


def read_table(path, schema):
    """Return all rows of a file, and their schema."""
    table = open_table(path, schema)
    return b"".join(table.pieces()), table.schema


SCHEMA = {"kind": "tabular-u8", "features": 2, "scale_log2": -4, "classes": 3}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "terms must be an object"),
        ("x", "terms must be an object"),
        ({"rewrad": 1}, "terms has no rewrad"),
        ({"weights": "loud"}, "terms.weights must be one of"),
        ({"weights": []}, "terms.weights must be one of"),
        ({"reward": "5"}, "terms.reward must be an amount"),
        ({"reward": None}, "terms.reward must be an amount"),
        ({"reward": -1}, "terms.reward must be an amount"),
        ({"k_min": 3.0}, "terms.k_min must be a whole number"),
        ({"k_min": True}, "terms.k_min must be a whole number"),
        ({"k_min": 1 << 64}, "terms.k_min must be a whole number"),
        ({"k_min": -1}, "terms.k_min must be a whole number"),
        *(
            ({"join": wrong}, "terms.join must be a duration: .*")
            for wrong in ("1x", "1.5h", "30m1h", "", None, True, -1, math.nan, math.inf, 10**12)
        ),
    ],
)
def test_a_wrong_term_is_named(document, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        read_terms(document, PLAN)


def test_terms_have_defaults_and_the_plan_gives_the_rest() -> None:
    terms = read_terms({"reward": "1.5 SUI", "join": 0.25, "weights": "samples"}, PLAN)
    assert terms.reward == 1_500_000_000
    assert terms.join_ms == 250
    assert terms.weights_rule == 1
    assert (terms.segments, terms.state_bytes) == (PLAN.segments, PLAN.state_bytes)
    assert read_terms(None, PLAN).k_min == 3


@pytest.mark.parametrize(
    ("written", "millis"),
    [("90s", 90_000), ("1h30m", 5_400_000), ("2d", 172_800_000), (60, 60_000)],
)
def test_a_window_is_a_duration_or_a_number_of_seconds(written, millis: int) -> None:
    assert read_terms({"verify": written}, PLAN).verify_ms == millis


def test_a_wrong_window_is_quoted_with_an_example() -> None:
    with pytest.raises(BadRequest) as caught:
        read_terms({"verify": "soon"}, PLAN)
    assert "terms.verify" in caught.value.message
    assert "'soon'" in caught.value.message
    assert "1h30m" in caught.value.hint


def test_a_segment_of_more_work_than_the_contract_counts_is_refused() -> None:
    plan = replace(PLAN, segment_steps=1 << 60)
    with pytest.raises(BadRequest, match=f"takes {plan.segment_work()} multiply-adds"):
        read_terms(None, plan)


def test_default_terms_have_no_weakness_for_a_plan_of_32_segments_or_more() -> None:
    """What docs/economics.md says of the defaults."""
    for segments in (32, 64, 1024):
        plan = replace(PLAN, segments=segments)
        assert review_terms(make_rules(read_terms(None, plan))) == ()
    plan = replace(PLAN, segments=31)
    weak = review_terms(make_rules(read_terms(None, plan)))
    assert [each.rule for each in weak] == ["verifier_fee"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "images"},
        {"features": 0},
        {"features": 1 << 20},
        {"features": "2"},
        {"features": True},
        {"classes": 1},
        {"classes": 257},
        {"scale_log2": 9},
        {"scale_log2": 0.5},
        {"colour": 1},
    ],
)
def test_a_schema_no_plan_could_use_is_refused(change) -> None:
    with pytest.raises(BadRequest):
        read_schema({**SCHEMA, **change})


@pytest.mark.parametrize("document", [None, [], "tabular-u8", {}])
def test_a_schema_is_an_object(document) -> None:
    with pytest.raises(BadRequest, match="a dataset's schema must"):
        read_schema(document)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b"1,2,0\n255,0,2\n", b"\x01\x02\x00\xff\x00\x02"),
        (b"a,b,label\n1,2,0\n\n", b"\x01\x02\x00"),
        (b"\xef\xbb\xbf1, 2 ,0\r\n", b"\x01\x02\x00"),
    ],
)
def test_csv_becomes_rows(tmp_path: Path, text: bytes, rows: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    assert read_table(path, read_schema(SCHEMA)) == (rows, read_schema(SCHEMA))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not a whole number of rows"),
        (b"a,b,label\n", "not a whole number of rows"),
        (b"-1,2,0\n", "row 1: not integers"),
        (b"0.5,2,0\n1,2,0\n", "row 1: not integers"),
        (b"1,2,0\n1,256,0\n", "row 2: not integers"),
        (b"1,2,0\n1_0,2,0\n", "row 2: not integers"),
        ("1,2,0\n²,2,0\n".encode(), "row 2: not integers"),
        (b"1,2,0\n1,2\n", "row 2: 2 columns, not 3"),
        (b"1,2,3\n", "label 3 is not one of 3 classes"),
        (b"\xff\xfe1,2,0\n", "is not CSV in UTF-8"),
        (b'1,2,0\n"' + b"9" * 200_000, "is not CSV in UTF-8"),
    ],
)
def test_a_bad_table_is_refused_with_its_row(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    with pytest.raises(BadRequest, match=message):
        read_table(path, read_schema(SCHEMA))


def test_what_is_no_file_is_said_to_be_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path, message in (
        (tmp_path, "there is no file .*, but a folder"),
        (tmp_path / "pipe.csv", "there is no file .*, but a device or a pipe"),
        (Path("/dev/zero"), "there is no file /dev/zero, but a device or a pipe"),
        (tmp_path / "none.csv", r"there is no file \S*none\.csv$"),
        (tmp_path / ("a" * 5000 + ".csv"), "cannot be read: File name too long"),
    ):
        with pytest.raises(BadRequest, match=message):
            read_table(path, read_schema(SCHEMA))


def test_a_table_without_a_row_is_said_to_have_none(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,label\n")
    with pytest.raises(BadRequest, match="it has no rows"):
        read_table(path, read_schema(SCHEMA))


def test_raw_rows_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"\x01\x02\x00\x05")
    with pytest.raises(BadRequest, match="not a whole number of rows of 3 bytes"):
        read_table(path, read_schema(SCHEMA))
    with pytest.raises(BadRequest, match="there is no file"):
        read_table(tmp_path, read_schema(SCHEMA))


TOKENS = {"kind": "tokens", "length": 3, "vocabulary": 256}


def test_text_becomes_rows_that_overlap_by_one_token(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"abcdefgh")
    data, schema = read_table(path, read_schema(TOKENS))
    assert data == "abcddefg".encode("utf-16-le")
    assert schema.row_bytes == 8
    path.write_bytes(b"abc")
    with pytest.raises(BadRequest, match="not a whole number of rows"):
        read_table(path, read_schema(TOKENS))
    path.write_bytes(b"ab\xffd")
    with pytest.raises(BadRequest, match="token 255 is outside the vocabulary of 255"):
        read_table(path, read_schema(TOKENS | {"vocabulary": 255}))


def test_numbers_become_float_rows(tmp_path: Path) -> None:
    path, schema = tmp_path / "t.csv", {"kind": "tabular-f32", "features": 2, "targets": 1}
    path.write_bytes(b"a,b,y\n1.5,-2,3e4\n")
    assert read_table(path, read_schema(schema))[0] == struct.pack("<3f", 1.5, -2.0, 3e4)
    for text, message in [
        (b"1,2\n", "row 1: 2 columns, not 3"),
        (b"1,2,3\n1,2,x\n", "row 2: not numbers"),
        (b"1,2,nan\n", "NaN or infinite"),
        (b"1,2,1e99\n", "NaN or infinite"),
    ]:
        path.write_bytes(text)
        with pytest.raises(BadRequest, match=message):
            read_table(path, read_schema(schema))


def test_a_container_brings_its_schema(tmp_path: Path) -> None:
    path, schema = tmp_path / "t.safetensors", read_schema(TOKENS)
    rows = bytes(range(0, 48, 2)).replace(b"", b"\0")[1:]
    path.write_bytes(make_container_header(schema, 6) + rows)
    assert read_table(path, None) == (rows, schema)
    assert read_table(path, schema) == (rows, schema)
    with pytest.raises(BadRequest, match="does not have the schema"):
        read_table(path, read_schema(SCHEMA))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(BadRequest, match="its header says"):
        read_table(path, None)
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(BadRequest, match="not a dataset container"):
        read_table(path, None)
    raw = tmp_path / "t.bin"
    raw.write_bytes(rows)
    with pytest.raises(BadRequest, match="needs a schema"):
        read_table(raw, None)
    raw.rename(tmp_path / "t.csv")
    with pytest.raises(BadRequest, match="CSV holds tables"):
        read_table(tmp_path / "t.csv", schema)


ROWS = b"\x01\x02\x00\xff\x00\x02"


@pytest.mark.parametrize(
    "name", ["t.tsv", "t.parquet", "t.npy", "t.json", "t.dat", "t.rows", "t", ".csv", "t.csv.gz"]
)
@pytest.mark.parametrize("raw", [None, False])
def test_a_file_of_another_kind_is_refused_and_not_guessed(tmp_path: Path, name, raw) -> None:
    path = tmp_path / name
    path.write_bytes(b"1\t2\t0\n" * 3)  # a whole number of rows
    for schema in (None, read_schema(SCHEMA)):
        with pytest.raises(BadRequest, match=f"{name}: walrusd does not know") as caught:
            open_table(path, schema, raw=raw)
        assert path.suffix in caught.value.message
        assert ".safetensors" in caught.value.message
        assert "--raw" in caught.value.hint


def test_raw_rows_are_called_so_whatever_their_suffix(tmp_path: Path) -> None:
    for name in ("t.rows", "t", "t.csv", "t.txt", "t.safetensors", "t.bin", "t.BIN"):
        path = tmp_path / name
        path.write_bytes(ROWS)
        assert b"".join(open_table(path, read_schema(SCHEMA), raw=True).pieces()) == ROWS
    with pytest.raises(BadRequest, match=r"does not know files that end in \.bin") as caught:
        open_table(tmp_path / "t.bin", read_schema(SCHEMA), raw=False)
    assert "bare rows of 3 bytes" in caught.value.hint
    with pytest.raises(BadRequest, match="needs a schema") as caught:
        open_table(tmp_path / "t.bin", None, raw=True)
    assert "--schema FILE" in caught.value.hint


def test_a_suffix_counts_in_letters_of_any_case(tmp_path: Path) -> None:
    (tmp_path / "t.CSV").write_bytes(b"1,2,0\n255,0,2\n")
    assert read_table(tmp_path / "t.CSV", read_schema(SCHEMA))[0] == ROWS
    (tmp_path / "t.Txt").write_bytes(b"abcdefgh")
    assert read_table(tmp_path / "t.Txt", read_schema(TOKENS))[0] == "abcddefg".encode("utf-16-le")
    schema = read_schema(SCHEMA)
    (tmp_path / "t.SafeTensors").write_bytes(make_container_header(schema, 2) + ROWS)
    assert read_table(tmp_path / "t.SafeTensors", None) == (ROWS, schema)


def test_text_of_another_kind_than_tokens_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"1 2 0\n" * 3)
    with pytest.raises(BadRequest, match="text holds tokens, not rows of kind tabular-u8"):
        read_table(path, read_schema(SCHEMA))


def test_text_is_told_from_rows(tmp_path: Path) -> None:
    for data, is_text in [
        (b"1\t2\t0\n", True), (b"a b\r\n", True), (ROWS, False), (b"", False),
        (b"printable", False), (b"a\nb\x00", False), ("gr\u00f6\u00dfe\n".encode(), False),
    ]:  # fmt: skip
        (tmp_path / "t").write_bytes(data)
        assert looks_like_text(tmp_path / "t") is is_text
    with pytest.raises(BadRequest, match="cannot be read"):
        looks_like_text(tmp_path)


def test_an_id_is_an_id() -> None:
    with pytest.raises(BadRequest, match="not a Sui address") as caught:
        read_id("everything", "task")
    assert "task id" in caught.value.hint
