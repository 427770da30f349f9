"""JSON-RPC 2.0 on trio.

jsonrpcserver's ``async_dispatch`` gathers with asyncio, so here a nursery runs its parser, its
validator and its single-request dispatcher. These are not exported at its top level, so its version
is pinned. Every error has ``data = {"code", "message", "hint", …}``.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import starmap
from typing import Any

import trio
from jsonrpcserver.async_dispatcher import dispatch_request
from jsonrpcserver.dispatcher import (
    create_request,
    deserialize_request,
    extract_list,
    not_notification,
    to_response,
    validate_request,
)
from jsonrpcserver.main import default_validator
from jsonrpcserver.response import to_serializable
from jsonrpcserver.sentinels import NOCONTEXT
from oslash.either import Right

from walrusd.errors import BadRequest, WalrusdError
from walrusd.rpc.schema import INVALID_REQUEST, MAX_BATCH, METHOD_NOT_FOUND, PARSE_ERROR

Handler = Callable[..., Awaitable[Any]]

_HINTS = {
    PARSE_ERROR: "send one JSON object, or a list of them",
    INVALID_REQUEST: 'a request is {"jsonrpc": "2.0", "method": …, "params": …, "id": …}',
    METHOD_NOT_FOUND: "rpc.discover lists the methods",
}


async def dispatch(raw: bytes, handlers: Mapping[str, Handler]) -> bytes:
    """Answer one request body; requests of a batch run concurrently.

    A malformed body gets a JSON-RPC error. Notifications, and batches of them, get no bytes.
    Cancelled: the handlers are cancelled.
    """
    parsed = deserialize_request(_deserialize, raw).bind(partial(validate_request, _validate))
    if not isinstance(parsed, Right):
        return json.dumps(_with_data(to_serializable(parsed))).encode()
    payload = parsed._value  # noqa: SLF001  # oslash has no public accessor
    is_batch = isinstance(payload, list)
    requests = [create_request(item) for item in (payload if is_batch else [payload])]
    if len(requests) > MAX_BATCH:
        error = BadRequest(
            f"a batch of {len(requests)} requests", hint=f"send at most {MAX_BATCH} in a batch"
        )
        return error_response(INVALID_REQUEST, error)
    results: list[Any] = [None] * len(requests)

    async def answer(index: int, request: Any) -> None:
        results[index] = await dispatch_request(handlers, NOCONTEXT, request)

    async with trio.open_nursery() as nursery:
        for index, request in enumerate(requests):
            nursery.start_soon(answer, index, request)
    responses = starmap(to_response, filter(not_notification, results))
    answers = extract_list(is_batch, [_with_data(to_serializable(item)) for item in responses])
    return b"" if answers is None else json.dumps(answers).encode()


def error_response(number: int, error: WalrusdError) -> bytes:
    """Return a complete response for an error that belongs to no single request."""
    body = {"code": number, "message": error.message, "data": error.to_json()}
    return json.dumps({"jsonrpc": "2.0", "error": body, "id": None}).encode()


def _with_data(response: Any) -> Any:
    """Add our ``data`` to the errors that the library itself creates."""
    error = response.get("error")
    if error is None or (isinstance(error.get("data"), dict) and "code" in error["data"]):
        return response
    detail = f": {error['data']}" if isinstance(error.get("data"), str) else ""
    typed = BadRequest(error["message"] + detail, hint=_HINTS.get(error["code"], ""))
    return {**response, "error": {**error, "data": typed.to_json()}}


def _deserialize(raw: bytes) -> Any:
    return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _validate(request: Any) -> None:
    default_validator(request)
