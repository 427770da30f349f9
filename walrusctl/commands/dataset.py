"""Datasets: list your own, find others."""

from pathlib import Path
from typing import Any

import click

from walrusctl.confirm import ask, must_ask, yes_option
from walrusctl.inputs import read_document
from walrusctl.session import Session, with_session


@click.group()
def dataset() -> None:
    """List your datasets on the market and find others."""


@dataset.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--title", required=True, help="Short name, public.")
@click.option("--description", default="", help="What the data is, public.")
@click.option(
    "--schema",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML or JSON file with the layout of a row; a container has its own.",
)
@click.option("--raw", is_flag=True, help="PATH contains bare rows, laid out as the schema says.")
@yes_option
@with_session
def add(
    session: Session,
    path: Path,
    title: str,
    description: str,
    schema: Path | None,
    *,
    raw: bool,
    yes: bool,
) -> None:
    """Encrypt the data at PATH, store it on Walrus and list it on the market.

    The daemon reads PATH, so it must be able to. The suffix names the format: .safetensors is a
    container, .csv a table, .txt text to be tokenized; other files need --raw. Costs: gas, and
    storage if your publisher charges for it.
    """
    given: dict[str, Any] = {} if schema is None else {"schema": read_document(schema)}
    if raw:
        given["raw"] = True
    if must_ask(session, yes=yes):
        ask(f"Store {path} encrypted and list it? Pays gas, and storage if your publisher charges.")
    session.call_and_show(
        "dataset.add",
        path=str(path.absolute()),
        title=title,
        description=description,
        **given,
    )


@dataset.command("list")
@click.option("--mine", is_flag=True, help="Only this daemon's datasets.")
@with_session
def list_(session: Session, *, mine: bool) -> None:
    """List the datasets on the market."""
    session.call_and_show("dataset.list", mine=mine)


@dataset.command()
@click.argument("dataset")
@with_session
def show(session: Session, dataset: str) -> None:
    """Show the listing of DATASET."""
    session.call_and_show("dataset.show", dataset=dataset)


@dataset.command()
@click.argument("words", nargs=-1, required=True)
@with_session
def search(session: Session, words: tuple[str, ...]) -> None:
    """List datasets whose title or description contains every word."""
    session.call_and_show("dataset.search", text=" ".join(words))
