"""The OpenRPC description of the control interface, generated from the method table."""

from typing import Any

from walrusd.rpc.schema import METHODS, PROTOCOL_VERSION, Method


def compute_openrpc_document() -> dict[str, Any]:
    """Return the answer to ``rpc.discover`` (OpenRPC 1.3.2)."""
    return {
        "openrpc": "1.3.2",
        "info": {
            "title": "walrusd",
            "version": PROTOCOL_VERSION,
            "description": "Control interface of a walrusd daemon, JSON-RPC 2.0 over HTTP.",
        },
        "methods": [_describe(method) for method in METHODS],
        "components": {"schemas": {"ErrorData": _ERROR_DATA}},
    }


def _describe(method: Method) -> dict[str, Any]:
    return {
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": [
            {
                "name": param.name,
                "description": param.description,
                "required": param.required,
                "schema": param.to_json_schema(),
            }
            for param in method.params
        ],
        "result": {
            "name": "result",
            "schema": {
                "type": "object",
                "properties": {key: {"description": text} for key, text in method.result.items()},
                "required": list(method.result),
            },
        },
    }


_ERROR_DATA: dict[str, Any] = {
    "type": "object",
    "description": "The content of `error.data` of every error.",
    "properties": {
        "code": {"type": "string", "description": "stable, for programs"},
        "message": {"type": "string", "description": "what happened"},
        "hint": {"type": "string", "description": "what to do next; may be empty"},
    },
    "required": ["code", "message", "hint"],
}
