"""Parses ``multipart/form-data`` (RFC 7578), in which quilts are sent, in memory."""

import email.message
import json
from collections.abc import Mapping
from typing import Any

from walrusd.errors import MalformedData
from walrusd.storage.quilt import QuiltItem

METADATA_FIELD = "_metadata"


def parse_form(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return the fields of a form, in order.

    Raises:
        MalformedData: if it is not one.
    """
    kind, boundary = _read_header(content_type, "boundary")
    if kind != "multipart/form-data" or not boundary:
        raise MalformedData("a quilt is sent as multipart/form-data with a boundary")
    sections = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise MalformedData("the form is truncated")
    return [_parse_section(section) for section in sections[1:-1]]


def collect_items(fields: list[tuple[str, bytes]]) -> list[QuiltItem]:
    """Return the files of a form with the tags that its ``_metadata`` field gives them.

    Raises:
        MalformedData: if there are no files, or the metadata is malformed.
    """
    tags: dict[str, Mapping[str, str]] = {}
    contents: list[tuple[str, bytes]] = []
    for name, data in fields:
        if name == METADATA_FIELD:
            tags |= _parse_tags(data)
        else:
            contents.append((name, data))
    if not contents:
        raise MalformedData("no files in the form")
    return [QuiltItem(name, data, tags.get(name, {})) for name, data in contents]


def _parse_section(section: bytes) -> tuple[str, bytes]:
    head, found, data = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise MalformedData("a part of the form has no header")
    for line in head.split(b"\r\n"):
        key, _, value = line.decode("utf-8", "replace").partition(":")
        if key.strip().lower() == "content-disposition":
            _, name = _read_header(value.strip(), "name")
            if name:
                return name, data
    raise MalformedData("a part of the form has no name")


def _read_header(value: str, parameter: str) -> tuple[str, str | None]:
    message = email.message.Message()
    message["content-type"] = value
    found = message.get_param(parameter)
    return value.partition(";")[0].strip().lower(), found if isinstance(found, str) else None


def _parse_tags(data: bytes) -> dict[str, Mapping[str, str]]:
    try:
        entries: list[dict[str, Any]] = json.loads(data)
        return {
            entry["identifier"]: {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in entry.get("tags", {}).items()
            }
            for entry in entries
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MalformedData("the form's _metadata is not a list of identifiers and tags") from error
