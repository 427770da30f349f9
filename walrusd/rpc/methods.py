"""Thin handlers: check the parameters, call the Api, translate errors into JSON-RPC errors.

This is the edge of the daemon towards its owner, and one of the two places that catch any
exception: a bug in one call must not end the daemon, and its text, which may contain anything, goes
only to the log.
"""

from typing import Any

import structlog
from jsonrpcserver import JsonRpcError

from walrusd.errors import BadRequest, OurFault, PeerFault, WalrusdError, explain_os_error
from walrusd.rpc.api import Api
from walrusd.rpc.dispatch import Handler
from walrusd.rpc.openrpc import compute_openrpc_document
from walrusd.rpc.schema import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHODS,
    OUR_FAULT,
    PEER_FAULT,
    WORLD_FAULT,
    Method,
    Param,
)
from walrusd.runtime.groups import collapsed

log = structlog.get_logger(__name__)

_KINDS: dict[str, type] = {"string": str, "boolean": bool, "object": dict}
_DEFAULTS: dict[str, Any] = {"boolean": False, "string": ""}


def make_handlers(api: Api) -> dict[str, Handler]:
    """Return a handler for each method of the table, and for ``rpc.discover``."""
    handlers: dict[str, Handler] = {
        method.name: _make_handler(method, getattr(api, method.attribute)) for method in METHODS
    }
    handlers["rpc.discover"] = _discover
    return handlers


async def _discover() -> Any:
    return compute_openrpc_document()


def _make_handler(method: Method, call: Handler) -> Handler:
    async def handle(*positional: Any, **named: Any) -> Any:
        try:
            arguments = bind_params(method, positional, named)
        except BadRequest as exc:
            raise JsonRpcError(INVALID_PARAMS, exc.message, exc.to_json()) from exc
        try:
            with collapsed():
                return await call(**arguments)
        except WalrusdError as exc:
            raise to_rpc_error(exc) from exc
        except Exception as exc:  # the RPC edge, see the module's docstring
            if isinstance(exc, OSError) and exc.errno is not None:
                fault = explain_os_error(exc)
                log.warning("rpc_method_failed", method=method.name, error=fault.message)
                raise to_rpc_error(fault) from exc
            log.exception("rpc_method_failed", method=method.name)
            bug = WalrusdError(
                f"{method.name} failed unexpectedly",
                hint="this is a bug; report it with walrusd's log",
            )
            raise JsonRpcError(INTERNAL_ERROR, bug.message, bug.to_json()) from exc

    return handle


def to_rpc_error(exc: WalrusdError) -> JsonRpcError:
    """Return the JSON-RPC error, whose number tells whose fault it was."""
    if isinstance(exc, OurFault):
        number = OUR_FAULT
    elif isinstance(exc, PeerFault):
        number = PEER_FAULT
    else:
        number = WORLD_FAULT
    return JsonRpcError(number, exc.message, exc.to_json())


def bind_params(
    method: Method, positional: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call by name, with defaults filled in.

    Raises:
        BadRequest: if one is missing, unknown, given twice, or of another type.
    """
    names = [param.name for param in method.params]
    if len(positional) > len(names):
        raise _bad(method, f"takes {len(names)} parameters, not {len(positional)}")
    given = named or dict(zip(names, positional, strict=False))
    unknown = sorted(given.keys() - set(names))
    if unknown:
        raise _bad(method, f"has no parameter {unknown[0]!r}")
    return {param.name: _check(method, param, given) for param in method.params}


def _check(method: Method, param: Param, given: dict[str, Any]) -> Any:
    if param.name not in given:
        if param.required:
            raise _bad(method, f"needs the parameter {param.name!r}")
        return _DEFAULTS.get(param.kind, {})
    value = given[param.name]
    if not isinstance(value, _KINDS[param.kind]):
        raise _bad(method, f"needs {param.name!r} to be a JSON {param.kind}")
    return value


def _bad(method: Method, complaint: str) -> BadRequest:
    wanted = ", ".join(param.name for param in method.params) or "none"
    return BadRequest(f"{method.name} {complaint}", hint=f"parameters: {wanted}")
