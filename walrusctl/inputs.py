"""Reads files that people write, in the form that the daemon expects."""

import json
import tomllib
from pathlib import Path
from typing import Any

import click


def read_document(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file (suffix .json) or a TOML file (any other).

    Raises:
        click.BadParameter: if it cannot be read or parsed.
    """
    try:
        text = path.read_text("utf-8")
        document = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as exc:
        raise click.BadParameter(f"cannot read {path}: {exc.strerror}") from exc
    except ValueError as exc:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise click.BadParameter(f"{path} is not {kind}: {exc}") from exc
    if not isinstance(document, dict):
        raise click.BadParameter(f"{path} does not contain an object")
    return document


def read_task(path: Path) -> dict[str, Any]:
    """Return a task to publish; files that it names are read, or their paths made absolute.

    ``plan`` may be the path of a plan file. ``weights_path`` is opened by the daemon, which may
    run in another directory. Relative paths start at the task file's directory.

    Raises:
        click.BadParameter: as :func:`read_document`.
    """
    document = read_document(path)
    base = path.absolute().parent
    if isinstance(document.get("plan"), str):
        document["plan"] = read_document(base / document["plan"])
    if isinstance(document.get("weights_path"), str):
        document["weights_path"] = str(base / document["weights_path"])
    return document
