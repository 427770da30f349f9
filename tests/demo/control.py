"""Talk to a daemon: JSON-RPC for looking, ``walrusctl`` for what a person would do."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.support.guards import GUARD_S

ROOT = Path(__file__).resolve().parents[2]


class RefusedError(Exception):
    """Raised when a daemon or ``walrusctl`` answers with an error."""


class Control:
    """The control interface of one daemon, through its Unix socket."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://walrusd",
            timeout=GUARD_S,
            # A connection kept open is closed by the daemon in the end, maybe while we send.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def is_ready(self) -> bool:
        """Return whether every service of the daemon runs."""
        try:
            return (await self._client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def call(self, method: str, **params: Any) -> Any:
        """Return the result of a method.

        Raises:
            RefusedError: if the daemon answers with an error.
            httpx.TransportError: if it does not answer.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = (await self._client.post("/", json=request)).json()
        if "error" in answer:
            detail = answer["error"].get("data") or {}
            raise RefusedError(f"{method}: {answer['error']['message']} {detail.get('hint', '')}")
        return answer["result"]

    async def ctl(self, *arguments: str) -> Any:
        """Return what ``walrusctl --json`` prints for ``arguments``.

        Raises:
            RefusedError: if it ends with an exit status other than 0.
        """
        return await run_ctl(*arguments, "--socket", str(self.socket))

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the daemon's events until it goes away."""
        try:
            async with self._client.stream("GET", "/events", timeout=None) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
        except httpx.TransportError:
            return


async def run_ctl(*arguments: str) -> Any:
    """Run ``walrusctl --json`` with ``arguments`` and return what it prints.

    Raises:
        RefusedError: if it ends with an exit status other than 0.
    """
    done = await trio.run_process(
        [sys.executable, "-m", "walrusctl", *arguments, "--json"],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise RefusedError(f"walrusctl {' '.join(arguments)}: {said}")
    return json.loads(done.stdout)
