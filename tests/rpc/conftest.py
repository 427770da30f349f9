"""A daemon's control interface on a real Unix socket, with an Api that records what it is asked."""

import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.support.guards import GUARD_S
from walrusd.errors import BlobCorrupt, ContentMismatch, InsufficientBalance, StorageUnreachable
from walrusd.rpc.app import make_rpc_app
from walrusd.rpc.listen import open_control_socket, serve_rpc
from walrusd.rpc.schema import METHODS
from walrusd.runtime.broadcast import Broadcast
from walrusd.runtime.metrics import Metrics

FAILURES = {
    "broke": InsufficientBalance("3 SUI are missing", missing_mist=3),
    "forged": ContentMismatch("the blob is another one"),
    "spoilt": BlobCorrupt("an endpoint sent other bytes"),
    "offline": StorageUnreachable("no aggregator answers"),
    "nested": ExceptionGroup("g", [ExceptionGroup("g", [StorageUnreachable("no aggregator")])]),
    "full": OSError(28, "No space left on device", "/x"),
    "bug": OSError("hunter2"),
    "invariant": AssertionError("hunter2"),
}


class RecordingApi:
    """Answers every method with its own arguments; a few ids make it fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.gate: trio.Event | None = None
        self._called = trio.Event()
        for method in METHODS:
            setattr(self, method.attribute, self._make(method.attribute))

    def _make(self, name: str):
        async def answer(**arguments: Any) -> dict[str, Any]:
            self.calls.append((name, arguments))
            self._called.set()
            failure = FAILURES.get(str(arguments.get("task")))
            if failure is not None:
                raise failure
            if self.gate is not None:
                await self.gate.wait()
            return {"method": name, **arguments}

        return answer

    async def wait_for_calls(self, count: int) -> None:
        with trio.fail_after(GUARD_S):
            while len(self.calls) < count:
                self._called = trio.Event()
                await self._called.wait()


class ServedInterface:
    """The running interface and a client for it."""

    def __init__(self, api: RecordingApi, socket_path: Path) -> None:
        self.api = api
        self.socket_path = socket_path
        self.broadcast = Broadcast()
        self.metrics = Metrics()
        self.ready: tuple[bool, dict[str, Any]] = (True, {})
        self.stop = trio.Event()
        self.client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket_path)),
            base_url="http://walrusd",
            timeout=GUARD_S,
            # A connection kept open is closed by the server in the end, maybe while we send.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def serve(self, *, task_status) -> None:
        app = make_rpc_app(
            self.api,
            broadcast=self.broadcast,
            readiness=lambda: self.ready,
            metrics=self.metrics.registry,
        )
        control = open_control_socket(self.socket_path, {})
        await serve_rpc(app, control, stop=self.stop, task_status=task_status)

    @asynccontextmanager
    async def connect(self):
        """Yield a bare connection, for what no decent client would send."""
        async with await trio.open_unix_socket(self.socket_path) as stream:
            yield stream

    async def post(self, content: Any) -> httpx.Response:
        with trio.fail_after(GUARD_S):
            if isinstance(content, bytes):
                return await self.client.post("/", content=content)
            return await self.client.post("/", json=content)

    async def call(self, method: str, params: Any = None) -> dict[str, Any]:
        request = {"jsonrpc": "2.0", "id": 1, "method": method}
        response = await self.post(request if params is None else {**request, "params": params})
        return response.json()


@pytest.fixture
def socket_dir():
    """A short path: a socket's has at most 107 bytes, and pytest's are long."""
    path = Path(tempfile.mkdtemp(prefix="wrpc"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def daemon(nursery, socket_dir):
    daemon = ServedInterface(RecordingApi(), socket_dir / "control.sock")
    await nursery.start(daemon.serve)
    async with daemon.client:
        yield daemon
    nursery.cancel_scope.cancel()
