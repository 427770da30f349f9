"""Writes tables of docs/rpc.md and docs/devnet.md: ``python -m tests.docs.tables``."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from walrusd.devnet.admin import COMMANDS
from walrusd.rpc import schema
from walrusd.rpc.schema import METHODS, Param
from walrusd.runtime.metrics import Metrics

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = (DOCS / "rpc.md", DOCS / "devnet.md")
_TABLE = re.compile(
    r"(<!-- made by python -m tests\.docs\.tables: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL
)

ERRORS = {
    "PARSE_ERROR": "the body is no JSON",
    "INVALID_REQUEST": "the JSON is no request, the batch or the body is too large",
    "METHOD_NOT_FOUND": "there is no such method",
    "INVALID_PARAMS": "a parameter is missing, unknown, or of another type",
    "INTERNAL_ERROR": "a bug; the daemon's log has more",
    "OUR_FAULT": "a mistake on this machine: its configuration, the arguments, missing funds",
    "PEER_FAULT": "another party broke the protocol",
    "WORLD_FAULT": "an outside thing failed, a node, storage or the disk: trying again may help",
}


def make_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def write_methods() -> str:
    """Return the table of methods."""
    rows = [
        [f"`{m.name}`", ", ".join(map(describe_param, m.params)) or "none", m.summary]
        for m in METHODS
    ]
    rows.append(["`rpc.discover`", "none", "This table, as an OpenRPC document"])
    return make_table(["method", "parameters", "what it does"], rows)


def describe_param(param: Param) -> str:
    """Return a parameter's name, whether it may be left out, its type and its meaning."""
    mark = "" if param.required else "?"
    return f"`{param.name}{mark}` ({param.kind}): {param.description}"


def write_errors() -> str:
    """Return the table of error numbers."""
    rows = [[str(getattr(schema, name)), meaning] for name, meaning in ERRORS.items()]
    return make_table(["number", "meaning"], rows)


def write_metrics() -> str:
    """Return the table of the daemon's own metrics."""
    metrics = Metrics()
    metrics.watch_restarts("x", lambda: 0.0)
    rows = []
    for family in metrics.registry.collect():
        if not family.name.startswith("process_"):
            labels = "".join(f'{{{key}="…"}}' for key in family.samples[0].labels)
            rows.append([f"`{family.name}{labels}`", family.type, family.documentation])
    return make_table(["metric", "type", "meaning"], rows)


def write_admin() -> str:
    """Return the table of the devnet's admin API."""
    rows = [[f"`{name}`", meaning] for name, meaning in COMMANDS.items()]
    return make_table(["request", "what it does; parameters in braces"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "methods": write_methods,
    "errors": write_errors,
    "metrics": write_metrics,
    "admin": write_admin,
}


def put_tables(text: str) -> str:
    """Return a page with its tables replaced."""
    return _TABLE.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(put_tables(page.read_text("utf-8")), "utf-8")
