"""Responses as of Walrus 1.56: AIP-193 errors, plain texts, headers."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

DAEMON_DOMAIN = "daemon.walrus.space"
NODE_DOMAIN = "storage.walrus.space"


def make_refusal(
    code: int, status: str, reason: str, message: str, *, domain: str = DAEMON_DOMAIN
) -> Response:
    """Return an error with a machine-readable reason."""
    detail = {"@type": "ErrorInfo", "reason": reason, "domain": domain, "metadata": {}}
    body = {"status": status, "code": code, "message": message, "details": [detail]}
    return JSONResponse({"error": body}, code)


def refuse_text(code: int, message: str) -> Response:
    """Return an error as plain text, as the HTTP layer of Walrus does."""
    return PlainTextResponse(message, code)


def blob_not_found() -> Response:
    """404 of an aggregator."""
    return make_refusal(404, "NOT_FOUND", "BLOB_NOT_FOUND", "no blob with this id is stored")


def node_not_found(what: str) -> Response:
    """404 of a storage node; ``what`` is METADATA or SLIVER."""
    return make_refusal(
        404, "NOT_FOUND", f"{what}_NOT_FOUND", "not stored here", domain=NODE_DOMAIN
    )


def bad_range(code: int, message: str) -> Response:
    """416 for a Range header, 400 for a byte range in the query."""
    status = "RANGE_NOT_SATISFIABLE" if code == 416 else "INVALID_ARGUMENT"
    return make_refusal(code, status, "INVALID_BYTE_RANGE", f"invalid byte range: {message}")


def injected(code: int) -> Response:
    """An injected failure."""
    if code == 429:
        return refuse_text(429, "too many requests; try again later")
    if code == 503:
        return make_refusal(503, "UNAVAILABLE", "BLOB_UNAVAILABLE", "not retrievable just now")
    if code == 504:
        return make_refusal(504, "DEADLINE_EXCEEDED", "INSUFFICIENT_CONFIRMATIONS", "too few nodes")
    if code == 404:
        return blob_not_found()
    if code == 451:
        return make_refusal(451, "FORBIDDEN", "FORBIDDEN_BLOB", "this blob is blocked here")
    return make_refusal(code, "INTERNAL", "INTERNAL_ERROR", "something went wrong")


def read_headers(request: Request, etag: str) -> dict[str, str]:
    """Headers of a read; a Content-Type only if the client asks for a specific one."""
    headers = {
        "access-control-allow-origin": "*",
        "cache-control": "public, max-age=86400, stale-while-revalidate=3600",
        "etag": etag,
        "x-content-type-options": "nosniff",
    }
    accept = request.headers.get("accept", "*/*")
    if "*" not in accept:
        headers["content-type"] = accept
    return headers
