"""Durations: what is printed reads back as the same, and what is no duration is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "millis"),
    [
        ("90s", 90_000),
        ("15m", 900_000),
        ("1h", 3_600_000),
        ("2d", 172_800_000),
        ("1h30m", 5_400_000),
        ("1h 30m", 5_400_000),
        ("1d2h3m4.5s", 93_784_500),
        (" 90 ", 90_000),
        ("1.25", 1_250),
        ("90m", 5_400_000),
        ("0s", 0),
        (90, 90_000),
        (0.25, 250),
        (0, 0),
    ],
)
def test_a_duration_has_parts_with_units_or_is_a_number_of_seconds(written, millis) -> None:
    assert parse_duration(written) == millis


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "h", "1 h", "1H", "1m1h", "1h1h", "1.5h", "-1s", "+1s", "1w", "1min"),
        *("1e3", "1,5s", "1.2345s", "١s", "1h-30m", "nan", "inf", "9" * 13, "1hour", "1d  2h"),
        *(
            None,
            True,
            [],
            {},
            -1,
            -0.001,
            float("nan"),
            float("inf"),
            10**12,
            1e300,
            10**400,
            "3661d",
        ),
    ],
)
def test_anything_else_is_refused_with_the_value(written) -> None:
    with pytest.raises(ValueError, match="duration") as caught:
        parse_duration(written)
    assert repr(written) in str(caught.value)


@pytest.mark.parametrize(
    ("millis", "printed"),
    [
        (0, "0s"),
        (1, "0.001s"),
        (250, "0.25s"),
        (60_000, "1m"),
        (90_000, "1m30s"),
        (129_600_000, "1d12h"),
        (86_400_001, "1d0.001s"),
        (-60_000, "-1m"),
    ],
)
def test_a_duration_is_printed_in_parts(millis, printed) -> None:
    assert format_duration(millis) == printed


@given(st.integers(0, LONGEST))
def test_what_is_printed_reads_back_as_the_same(millis: int) -> None:
    assert parse_duration(format_duration(millis)) == millis


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,3}[dhms][0-9.]{0,4}[dhms]?", fullmatch=True))
def test_whatever_reads_as_a_duration_prints_as_the_same_duration(written: str) -> None:
    try:
        millis = parse_duration(written)
    except ValueError:
        return
    assert parse_duration(format_duration(millis)) == millis
