"""Strangers' texts reach a terminal escaped, whatever command prints them, and errors too."""

import contextlib
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tests.walrusctl.strangers import (
    COMMANDS,
    EVIL,
    REPLIES,
    Screen,
    assert_harmless,
)
from walrusctl.__main__ import main
from walrusctl.client import CallFailed, Client, Unreachable
from walrusctl.layout import PrintableConsole
from walrusctl.render import render_event, render_result
from walrusctl.tables import LISTS
from walrusd.rpc.schema import METHODS

WIDTHS = [40, 80, 160, None]
TEXT = st.text(st.characters(codec=None, categories=None), max_size=20) | st.just(EVIL)
VALUES = st.recursive(
    TEXT | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def run(monkeypatch, *arguments: str, width: int | None = None) -> str:
    """Run a command on a terminal of a width, or in a pipe; return all that it printed."""
    out, err = io.StringIO() if width is None else Screen(), io.StringIO()
    monkeypatch.setenv("COLUMNS", str(width or 80))
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.suppress(SystemExit),
    ):
        main(list(arguments))
    return out.getvalue() + err.getvalue()


def test_every_method_has_a_reply_here() -> None:
    assert REPLIES.keys() == COMMANDS.keys() == {method.name for method in METHODS}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("method", REPLIES)
def test_every_command_prints_strangers_texts_escaped(
    monkeypatch, tmp_path, method: str, width: int | None
) -> None:
    task = tmp_path / "task.json"
    task.write_text("{}")
    arguments = [str(task) if word == "FILE" else word for word in COMMANDS[method]]
    monkeypatch.setattr(Client, "call", lambda *_: REPLIES[method])
    for more in ([], ["--full"], ["--json"]):
        assert_harmless(run(monkeypatch, *arguments, *more, width=width))
    shown = run(monkeypatch, *arguments)
    if "\\u001b[1A" in json.dumps(REPLIES[method]):
        assert "\\x1b[1A" in shown or "\\u001b[1A" in shown
    assert "\nerror: c" not in shown, "a stranger cannot begin a line"


@pytest.mark.parametrize("method", REPLIES)
def test_every_error_is_printed_escaped(monkeypatch, tmp_path, method: str) -> None:
    task = tmp_path / "task.json"
    task.write_text("{}")
    arguments = [str(task) if word == "FILE" else word for word in COMMANDS[method]]
    data = {"code": EVIL, "message": EVIL, "hint": EVIL, "fields": {EVIL: EVIL}}

    def refuse(*_: object) -> None:
        raise CallFailed(data)

    monkeypatch.setattr(Client, "call", refuse)
    for more in ([], ["--json"]):
        for width in (None, 80):
            shown = run(monkeypatch, *arguments, *more, width=width)
            assert_harmless(shown)
            assert "\nerror: c" not in shown


@pytest.mark.parametrize("more", [[], ["--full"], ["--json"]])
def test_events_are_printed_escaped(monkeypatch, more: list[str]) -> None:
    event = {"type": EVIL, EVIL: EVIL, "event": {"title": EVIL, "x": [EVIL]}, "losses": [1.0] * 99}
    monkeypatch.setattr(Client, "events", lambda _self: iter([event, event]))
    shown = run(monkeypatch, "watch", *more, width=80)
    assert_harmless(shown)
    assert shown.count("\n") == 2


# Bytes that are no UTF-8 come as these surrogates, and no others.
TYPED = EVIL.replace("\ud800", "\udc9b")


@pytest.mark.parametrize("arguments", [
    ("task", TYPED), (TYPED,), ("task", "show", "--" + TYPED), ("keys", "deny", TYPED),
    ("task", "publish", TYPED), ("dataset", "add", TYPED, "--title", "x", "--schema", TYPED),
    ("dataset", "search", TYPED), ("task", "show", TYPED), ("status", "--socket", "/no/" + TYPED),
    ("keys", "deny", TYPED, "--reason", TYPED),
])  # fmt: skip
# httpcore leaves the socket that could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_typed_is_echoed_escaped(monkeypatch, arguments: tuple[str, ...]) -> None:
    def refuse(_self: object, method: str, params: object) -> None:
        raise CallFailed({"code": "x", "message": f"{method} of {params!s} {EVIL}", "hint": EVIL})

    def miss(*_: object) -> None:
        raise Unreachable(f"/no/{EVIL}", EVIL)

    for call in (refuse, miss):
        monkeypatch.setattr(Client, "call", call)
        assert_harmless(run(monkeypatch, *arguments, width=80))


def test_a_malformed_file_is_complained_of_escaped(monkeypatch, tmp_path) -> None:
    path = tmp_path / "\x1b[2K.toml"
    path.write_text('a = "\x1b[1A\x9b"\n[\x1b')
    assert_harmless(run(monkeypatch, "task", "publish", str(path), width=80))


def test_what_forgets_to_escape_is_caught_where_it_is_printed(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal has no styles
    out = Screen()
    console = PrintableConsole(file=out, width=80, force_terminal=True, highlight=False)
    console.print(Text(EVIL, "bold"), EVIL.replace("[", "("), soft_wrap=True)
    assert_harmless(out.getvalue())
    assert "\x1b[1m" in out.getvalue(), "our own styles are kept"


def test_a_mistake_of_ours_is_traced_escaped(monkeypatch, capsys) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError(EVIL)

    monkeypatch.setattr(Client, "call", break_down)
    monkeypatch.setattr(sys, "argv", ["walrusctl", "status"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(RuntimeError) as caught:
        main()
    sys.excepthook(RuntimeError, caught.value, caught.value.__traceback__)
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert_harmless(shown)


@given(
    st.sampled_from(sorted(method.name for method in METHODS)),
    st.dictionaries(TEXT, VALUES, max_size=3),
    st.dictionaries(
        st.sampled_from(sorted(LISTS)),
        st.lists(st.dictionaries(st.sampled_from(
            sorted({name for columns in LISTS.values() for name, _ in columns})), VALUES,
            max_size=4), max_size=2), max_size=2),
    st.booleans(), st.sampled_from([1, 20, 40, 80, None]),
)  # fmt: skip
def test_any_reply_is_printed_harmlessly(method, facts, lists, full, width) -> None:
    out = io.StringIO() if width is None else Screen()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("COLUMNS", str(width or 80))
        render_result(method, {**facts, **lists}, full=full)
    assert_harmless(out.getvalue())
    event = render_event({**facts, "type": EVIL}, full=full)
    assert event.isprintable()
