"""All logs are JSON lines without secrets and control characters."""

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from walrusd.runtime.logs import configure_logs
from walrusd.runtime.redact import redact
from walrusd.settings import LogFormat

KEY = "suiprivkey1qzdlfxn2qa2lj5uprl8pyhexs02sg2wrhdy7qaq50cqgnffw4c2477kg9h3"


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_have_fields_time_level_and_origin(stream) -> None:
    configure_logs("info", LogFormat.JSON, stream)
    structlog.get_logger("walrusd.test").info("stake_submitted", task="0x1", amount_mist=5)
    structlog.get_logger("walrusd.test").debug("unseen")
    (line,) = lines(stream)
    assert line["event"] == "stake_submitted"
    assert (line["task"], line["amount_mist"]) == ("0x1", 5)
    assert (line["level"], line["logger"]) == ("info", "walrusd.test")
    assert line["timestamp"].endswith("Z")


def test_libraries_come_out_in_the_same_form(stream) -> None:
    configure_logs("debug", LogFormat.JSON, stream)
    logging.getLogger("hypercorn.error").warning("socket %d", 5)
    logging.getLogger("httpx").info("GET http://secret.example/")
    (line,) = lines(stream)
    assert (line["event"], line["logger"]) == ("socket 5", "hypercorn.error")


@pytest.mark.parametrize("form", LogFormat)
def test_no_secret_is_logged(stream, form: LogFormat) -> None:
    configure_logs("info", form, stream)
    log = structlog.get_logger("walrusd.test")
    log.info("opened", kek="hunter1", nested={"private_key": "hunter2", "public_key": "shown"})
    log.info("imported", source=f"from {KEY}", raw=b"hunter3", header="Bearer hunter4")
    logging.getLogger("library").error("key %s", KEY)
    log.error("failed", passphrase="hunter5", exc_info=ValueError(f"bad key {KEY}"))
    text = stream.getvalue()
    assert "hunter" not in text
    assert "shown" in text
    assert "ValueError" in text
    assert KEY not in text


EVIL = "\x1b[1A\x1b[2K\x1b]52;c;aGk=\x07\r\n\x9b31m\u202egpj.exe\u2028\u200b\x7f\ud800"


class Strange:
    """Something whose repr is a stranger's text."""

    def __repr__(self) -> str:
        return EVIL


def assert_harmless(text: str) -> None:
    assert text.replace("\n", "").isprintable(), repr(text)


@pytest.mark.parametrize("form", LogFormat)
def test_strangers_texts_reach_no_log_raw(stream, form: LogFormat) -> None:
    configure_logs("info", form, stream)
    log = structlog.get_logger("walrusd.test")
    log.info(EVIL, reason=EVIL, word=EVIL.replace(" ", ""), **{EVIL: 1})
    log.info("nested", fields={EVIL: [EVIL, (EVIL, {"x": EVIL})]}, other=Strange())
    log.info("error", error=ValueError(EVIL), group=ExceptionGroup(EVIL, [OSError(EVIL)]))
    logging.getLogger("library").warning("object %s is left out: %s", EVIL, EVIL)
    count = stream.getvalue().count("\n")
    assert count == 4, "one line each, and none that a stranger begins"
    assert_harmless(stream.getvalue())
    try:
        int(EVIL)
    except ValueError:
        log.exception("broke")
        logging.getLogger("library").exception("broke %s", EVIL)
    log.info("where", stack=EVIL, stack_info=True)
    assert_harmless(stream.getvalue())
    assert "Traceback" in stream.getvalue()
    assert "\\x1b[1A" in stream.getvalue(), "it is shown, escaped"


@pytest.mark.parametrize("form", LogFormat)
def test_a_line_of_a_stranger_cannot_fill_the_log(stream, form: LogFormat) -> None:
    configure_logs("info", form, stream)
    structlog.get_logger("walrusd.test").info("x" * 10**6, reason="y" * 10**6)
    assert len(stream.getvalue()) < 20_000


@given(text=st.text(st.characters(codec=None, categories=None), max_size=40))
def test_any_text_is_logged_on_one_printable_line(text: str) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        for form in LogFormat:
            stream = io.StringIO()
            configure_logs("info", form, stream)
            structlog.get_logger("walrusd.test").info(text, value=text, values=[text])
            assert stream.getvalue().count("\n") == 1
            assert_harmless(stream.getvalue())
    finally:
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()


@pytest.mark.parametrize(
    "name",
    ["kek", "dek", "data_key", "private_key", "sui_seed", "passphrase", "access_token", "blinding"],
)
def test_secret_names(name: str) -> None:
    assert redact({name: "x", name.upper(): "x"}) == {
        name: "[redacted]",
        name.upper(): "[redacted]",
    }


@pytest.mark.parametrize("name", ["task", "key", "public_key", "seedling", "tokenizer", "privacy"])
def test_other_names(name: str) -> None:
    assert redact({name: ["x", ("y",)]}) == {name: ["x", ["y"]]}
