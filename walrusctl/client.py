"""Calls a daemon over its Unix socket."""

import json
from collections.abc import Iterator
from typing import Any

from walrusd.rpc.schema import INTERNAL_ERROR

CONNECT_TIMEOUT_S = 5.0
_BASE_URL = "http://walrusd"


class CallFailed(Exception):
    """Raised when the daemon answered with a typed error; ``data`` has code, message, hint."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data["message"])
        self.data = data


class Unreachable(CallFailed):
    """Raised when no daemon answers."""

    def __init__(self, socket: str, reason: str) -> None:
        super().__init__(
            {
                "code": "rpc.unreachable",
                "message": f"no walrusd answers on {socket}: {reason}",
                "hint": "check `systemctl status walrusd`, --socket, and your group",
            }
        )


class Client:
    """One daemon. httpx is imported at the first call, as it would slow down ``--help``."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of a method; waits without a time limit.

        Raises:
            CallFailed: if the daemon refuses.
            Unreachable: if no daemon answers, or it ended.
        """
        import httpx  # noqa: PLC0415  # see the class

        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            with self._open() as http:
                answer = http.post("/", json=request).json()
        except httpx.HTTPError as exc:
            raise Unreachable(self._socket, _reason(exc)) from exc
        except ValueError as exc:
            raise Unreachable(self._socket, "the server there is not walrusd") from exc
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            raise CallFailed(_error_data(answer["error"]))
        if not isinstance(answer, dict) or "result" not in answer:
            raise Unreachable(self._socket, "the server there is not walrusd")
        return answer["result"]

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the daemon's events until it stops.

        Raises:
            Unreachable: if no daemon answers.
        """
        import httpx  # noqa: PLC0415  # see the class

        try:
            with self._open() as http, http.stream("GET", "/events") as response:
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line[5:])
        except httpx.RemoteProtocolError:
            return  # the daemon stopped in the middle of a chunk
        except httpx.HTTPError as exc:
            raise Unreachable(self._socket, _reason(exc)) from exc

    def _open(self) -> Any:
        import httpx  # noqa: PLC0415  # see the class

        return httpx.Client(
            transport=httpx.HTTPTransport(uds=self._socket),
            base_url=_BASE_URL,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
        )


def _reason(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _error_data(error: dict[str, Any]) -> dict[str, Any]:
    data = error.get("data")
    if isinstance(data, dict) and "code" in data and "message" in data:
        return data
    number = error.get("code", INTERNAL_ERROR)
    return {"code": "internal", "message": f"{error.get('message')} ({number})", "hint": ""}
