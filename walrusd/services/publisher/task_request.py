"""What a publisher asks for: a task, read from the parameters of a request."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.crypto.paillier.keys import DEFAULT_BITS, MAX_BITS, MIN_BITS
from walrusd.errors import BadRequest
from walrusd.market.aggregate import NO_PARENT
from walrusd.market.public_text import check_public_text
from walrusd.services.publisher.terms import read_terms
from walrusd.training.plan.plan import Plan, read_plan
from walrusd.units import parse_address

PARAMETERS = frozenset(
    {"title", "plan", "terms", "datasets", "parent", "weights_path", "paillier_bits", "again"}
)
MAX_TITLE_BYTES = 128
MAX_DATASETS = 8
"""The contract's limit."""


@dataclass(frozen=True)
class TaskRequest:
    """A task as its publisher wants it opened.

    ``weights`` are those that the owner gave, with the path of their file; without them the plan's
    seed makes the weights. ``once`` names the request: the same one opens its task once.
    """

    title: str
    plan: Plan
    terms: ob.Terms
    datasets: tuple[ob.DatasetRef, ...]
    parent: str
    key_bits: int
    weights: bytes | None
    weights_path: Path | None
    once: str


async def read_request(params: dict[str, Any]) -> TaskRequest:
    """Return the task that parameters describe; a file of weights is read.

    Raises:
        BadRequest, PlanRefused, ModelRefused: naming the parameter that is wrong.
    """
    plan = read_plan(params.get("plan"))
    terms = read_terms(params.get("terms"), plan)
    datasets = read_datasets(params.get("datasets"))
    title, parent = read_title(params), read_parent(params)
    weights = await read_given_weights(params)
    return TaskRequest(
        title=title,
        plan=plan,
        terms=terms,
        datasets=tuple(datasets),
        parent=parent,
        key_bits=read_key_bits(params),
        weights=weights,
        weights_path=None if weights is None else Path(params["weights_path"]),
        once=f"open_task:{digest_request(params, weights)}",
    )


def check_names(params: dict[str, Any]) -> None:
    """Refuse unknown parameters: most likely they are misspelt.

    Raises:
        BadRequest: naming them.
    """
    unknown = sorted(set(params) - PARAMETERS)
    if unknown:
        raise BadRequest(
            f"a task has no {', '.join(unknown)}", hint=f"known are {', '.join(sorted(PARAMETERS))}"
        )


def read_title(params: dict[str, Any]) -> str:
    """Return the title. Raises BadRequest if it is not text of the right length."""
    title = params.get("title") or "untitled"
    if not isinstance(title, str):
        raise BadRequest(f"title must be text of 1 to {MAX_TITLE_BYTES} bytes")
    check_public_text(title, "title", MAX_TITLE_BYTES, least=1)
    return title


def read_parent(params: dict[str, Any]) -> str:
    """Return the id of the parent task, zero for none. Raises BadRequest if it is malformed."""
    parent = params.get("parent")
    try:
        return NO_PARENT if parent is None else parse_address(parent)
    except (ValueError, AttributeError) as error:
        raise BadRequest("parent must be the object id of a task") from error


def read_datasets(value: Any) -> list[ob.DatasetRef]:
    """Return the approved datasets. Raises BadRequest if the list is malformed."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_DATASETS:
        raise BadRequest(f"datasets must be a list of 1 to {MAX_DATASETS} {{dataset, version}}")
    found = []
    for item in value:
        try:
            dataset, number = parse_address(item["dataset"]), item.get("version", 1)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRequest("each dataset must be {dataset: id, version: number}") from error
        if type(number) is not int or not 1 <= number < 1 << 64:
            raise BadRequest("the version of a dataset must be a whole number, 1 or more")
        found.append(ob.DatasetRef(dataset, number))
    return found


async def read_given_weights(params: dict[str, Any]) -> bytes | None:
    """Return the weights file that the owner names, or None if the plan's seed makes the weights.

    Raises:
        BadRequest: if it cannot be read.
    """
    path = params.get("weights_path")
    if path is None:
        return None
    if not isinstance(path, str):
        raise BadRequest("weights_path must be the path of a safetensors file")
    try:
        return await trio.Path(path).read_bytes()
    except OSError as error:
        raise BadRequest(
            f"the weights file {path} cannot be read: {error.strerror}",
            hint="the path is read by the daemon",
        ) from error


def read_key_bits(params: dict[str, Any]) -> int:
    """Return the bits of a Paillier task's modulus. Raises BadRequest if it is not supported."""
    bits = params.get("paillier_bits", DEFAULT_BITS)
    if type(bits) is not int or not MIN_BITS <= bits <= MAX_BITS or bits % 16:
        raise BadRequest(
            f"paillier_bits must be a multiple of 16 from {MIN_BITS} to {MAX_BITS}",
            hint=f"{DEFAULT_BITS} is the default",
        )
    return bits


def digest_request(params: dict[str, Any], weights: bytes | None) -> str:
    """Return the digest that names a request in logs and for retries.

    It covers the given weights, so that the same path with other content is another task.
    """
    content = hashlib.sha256(weights or b"").hexdigest()
    return hashlib.sha256(json.dumps([params, content], sort_keys=True).encode()).hexdigest()
