"""JSON-RPC 2.0 on trio.

jsonrpcserver reads, checks and answers requests, but awaits handlers with asyncio or not at all. So
each body goes through its synchronous dispatcher, whose methods only note the calls; a nursery then
makes them, and their results take the places of the notes. Only what the library exports is used.
Every error has ``data = {"code", "message", "hint", …}``.
"""

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial, wraps
from typing import Any

import trio
from jsonrpcserver import JsonRpcError, Success, dispatch_to_serializable

from walrusd.errors import BadRequest, WalrusdError
from walrusd.rpc.schema import INVALID_REQUEST, MAX_BATCH, METHOD_NOT_FOUND, PARSE_ERROR

Handler = Callable[..., Awaitable[Any]]

_HINTS = {
    PARSE_ERROR: "send one JSON object, or a list of them",
    INVALID_REQUEST: 'a request is {"jsonrpc": "2.0", "method": …, "params": …, "id": …}',
    METHOD_NOT_FOUND: "rpc.discover lists the methods",
}


class _Calls:
    """The calls of one request body, noted in its order and made together afterwards."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.methods = {name: self._noting(handler) for name, handler in handlers.items()}
        self.size = 1  # requests, notifications and unknown methods too
        self._noted: list[Callable[[], Awaitable[Any]]] = []
        self._outcomes: dict[int, dict[str, Any]] = {}

    def deserialize(self, raw: bytes) -> Any:
        body = json.loads(
            raw.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_read_number
        )
        self.size = len(body) if isinstance(body, list) else 1
        return body

    def _noting(self, handler: Handler) -> Callable[..., Any]:
        @wraps(handler)  # the library compares arguments with its signature
        def note(*positional: Any, **named: Any) -> Any:
            self._noted.append(partial(handler, *positional, **named))
            return Success(len(self._noted) - 1)

        return note

    async def make(self) -> None:
        async with trio.open_nursery() as nursery:
            for number, call in enumerate(self._noted):
                nursery.start_soon(self._make_one, number, call)

    async def _make_one(self, number: int, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            self._outcomes[number] = {"result": await call()}
        except JsonRpcError as exc:
            error = {"code": exc.code, "message": exc.message, "data": exc.data}
            self._outcomes[number] = {"error": error}

    def complete(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Put the outcome of its call into an answer, or ``data`` into the library's error."""
        if "error" in answer:
            return _with_data(answer)
        outcome = self._outcomes[answer["result"]]
        return {"jsonrpc": "2.0", **outcome, "id": answer["id"]}


async def dispatch(raw: bytes, handlers: Mapping[str, Handler]) -> bytes:
    """Answer one request body; requests of a batch run concurrently.

    A handler returns a JSON value, or raises ``JsonRpcError`` with ``data`` of our form. A
    malformed body gets a JSON-RPC error. Notifications, and batches of them, get no bytes.
    Cancelled: the handlers are cancelled.
    """
    calls = _Calls(handlers)
    answers = dispatch_to_serializable(raw, calls.methods, deserializer=calls.deserialize)
    if calls.size > MAX_BATCH and isinstance(answers, list | None):
        error = BadRequest(
            f"a batch of {calls.size} requests", hint=f"send at most {MAX_BATCH} in a batch"
        )
        return error_response(INVALID_REQUEST, error)
    await calls.make()
    if answers is None:
        return b""
    is_batch = isinstance(answers, list)
    return json.dumps(
        [calls.complete(answer) for answer in answers] if is_batch else calls.complete(answers)
    ).encode()


def error_response(number: int, error: WalrusdError) -> bytes:
    """Return a complete response for an error that belongs to no single request."""
    body = {"code": number, "message": error.message, "data": error.to_json()}
    return json.dumps({"jsonrpc": "2.0", "error": body, "id": None}).encode()


def _with_data(answer: dict[str, Any]) -> dict[str, Any]:
    """Add our ``data`` to an error that the library itself created."""
    error = answer["error"]
    detail = f": {error['data']}" if isinstance(error.get("data"), str) else ""
    typed = BadRequest(error["message"] + detail, hint=_HINTS.get(error["code"], ""))
    return {**answer, "error": {**error, "data": typed.to_json()}}


def _read_number(text: str) -> float:
    """Refuse what is beyond float64: as an id it would be answered with ``Infinity``."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
