"""Logs are JSON lines, whoever writes them, and hold no secret."""

import io
import json
import logging

import pytest
import structlog

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
