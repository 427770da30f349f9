"""The daemon's HTTP surface, as an ASGI application.

POST /         JSON-RPC 2.0
GET  /events   server-sent events
GET  /healthz  200 while the loop answers
GET  /readyz   200 when every service runs, else 503, with their states
GET  /metrics  Prometheus text
"""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from walrusd.errors import BadRequest
from walrusd.rpc.api import Api
from walrusd.rpc.dispatch import dispatch, error_response
from walrusd.rpc.events import EventStream
from walrusd.rpc.methods import make_handlers
from walrusd.rpc.schema import INVALID_REQUEST, MAX_BODY_BYTES
from walrusd.runtime.broadcast import Broadcast

Readiness = Callable[[], tuple[bool, dict[str, Any]]]
"""Returns whether the daemon is ready, and the reasons."""


def make_rpc_app(
    api: Api,
    *,
    broadcast: Broadcast,
    readiness: Readiness,
    metrics: CollectorRegistry | None = None,
) -> Starlette:
    """Build the application; without ``metrics`` there is no ``/metrics``."""
    handlers = make_handlers(api)

    async def rpc(request: Request) -> Response:
        try:
            body = await read_body(request)
        except BadRequest as exc:
            # The rest of the body is not read, so the connection cannot be used again.
            return Response(
                error_response(INVALID_REQUEST, exc),
                status_code=413,
                headers={"connection": "close"},
                media_type="application/json",
            )
        except ClientDisconnect:
            return Response(status_code=400)
        answer = await dispatch(body, handlers)
        return Response(answer, 200 if answer else 204, media_type="application/json")

    async def events(_request: Request) -> Any:
        return EventStream(broadcast)

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        is_ready, detail = readiness()
        return JSONResponse({"ready": is_ready, **detail}, 200 if is_ready else 503)

    routes = [
        Route("/", rpc, methods=["POST"]),
        Route("/events", events, methods=["GET"]),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
    ]
    if metrics is not None:
        registry = metrics

        async def show_metrics(_request: Request) -> Response:
            return Response(
                generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST}
            )

        routes.append(Route("/metrics", show_metrics, methods=["GET"]))
    return Starlette(routes=routes)


class Front:
    """Forwards to another application, which can be replaced while it serves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request."""
        await self.app(scope, receive, send)


async def read_body(request: Request) -> bytes:
    """Return the request's body.

    Raises:
        BadRequest: as soon as it exceeds ``MAX_BODY_BYTES`` bytes.
        ClientDisconnect: if the client goes away before its end.
    """
    error = BadRequest(
        f"the request has more than {MAX_BODY_BYTES} bytes",
        hint="pass large data by path, not by value",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise error
    body = bytearray()
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise error
    return bytes(body)
