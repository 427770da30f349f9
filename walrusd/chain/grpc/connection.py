"""One HTTP/2 connection on trio: the h2 state machine, one reader, one writer, many streams.

Callers only change the h2 state and wake the writer, so cancelling a caller can never truncate a
frame and so break the connection for all other calls.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import trio

from walrusd.chain.grpc.wire import GRPCError, Status

log = logging.getLogger(__name__)

WINDOW = 4 << 20
"""Flow-control window in bytes: of each stream, and added to the connection's default."""

Event = h2.events.Event
EventSink = Callable[[Event | None], None]


@dataclass(frozen=True)
class KeepAlive:
    """When to suspect a silent connection, in seconds.

    While calls are open, or one ended without any answer, a PING is sent once nothing has arrived
    for ``interval``; if no byte follows within ``patience``, the connection counts as lost. A call
    on an idle connection waits at most ``grace`` before that PING.
    """

    interval: float = 30.0
    patience: float = 10.0
    grace: float = 2.0


class Connection:
    """HTTP/2 over ``stream``; ``run`` must be running for anything to happen."""

    def __init__(
        self, stream: trio.abc.Stream, *, client: bool, keepalive: KeepAlive | None = None
    ) -> None:
        self.stream = stream
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=client, header_encoding=None)
        )
        # Settings given later would be applied on acknowledgement but never sent.
        self.h2.local_settings = h2.settings.Settings(
            client=client,
            initial_values={
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1000,
            },
        )
        self.inbox: dict[int, EventSink] = {}
        self._over: set[int] = set()
        self.closed = trio.Event()
        self.ready = False
        self.draining = False
        self._keepalive = keepalive
        self._heard = trio.current_time()
        self._asked: float | None = None
        self._begun = trio.Event()
        self._changed = trio.Event()
        self._wake = trio.Event()
        self._scope = trio.CancelScope()
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(WINDOW)
        self.kick()

    @property
    def usable(self) -> bool:
        """Return whether new streams may be opened."""
        return not self.closed.is_set() and not self.draining

    def notify(self) -> None:
        """Wake everyone in ``until``. The event is replaced, so no wake-up can be missed."""
        self._changed.set()
        self._changed = trio.Event()

    def kick(self) -> None:
        """Wake the writer."""
        self._wake.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for ``condition``; there is no checkpoint between its success and the return.

        Raises:
            GRPCError: UNAVAILABLE, if the connection is lost first.
        """
        while not condition():
            if self.closed.is_set():
                raise GRPCError(Status.UNAVAILABLE, "connection lost")
            await self._changed.wait()
        if self.closed.is_set():
            raise GRPCError(Status.UNAVAILABLE, "connection lost")

    def can_open_stream(self) -> bool:
        """Return whether a stream may be opened now, or never again on this connection."""
        return self.draining or (
            self.ready
            and self.h2.open_outbound_streams < self.h2.remote_settings.max_concurrent_streams
        )

    async def send_data(self, stream_id: int, data: bytes, *, end: bool) -> None:
        """Queue ``data`` as flow control allows; waits for the peer's window.

        Raises:
            h2.exceptions.ProtocolError: if the peer has reset the stream.
            GRPCError: UNAVAILABLE, if the connection is lost.
        """
        view = memoryview(data)

        def may_send() -> bool:
            return (
                not view
                or stream_id in self._over
                or self.h2.local_flow_control_window(stream_id) > 0
            )

        while True:
            await self.until(may_send)
            if stream_id in self._over:
                raise h2.exceptions.StreamClosedError(stream_id)
            room = min(
                self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size
            )
            part, view = view[: max(room, 0)], view[max(room, 0) :]
            self.h2.send_data(stream_id, bytes(part), end_stream=end and not view)
            self.kick()
            if not view:
                return

    def acknowledge(self, event: h2.events.DataReceived) -> None:
        """Return the flow-control credit of ``event`` to the peer, once it was consumed."""
        if not event.flow_controlled_length:
            return
        try:
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
        except h2.exceptions.ProtocolError:
            return  # the connection is closed and has no window any more
        self.kick()

    def reset(self, stream_id: int) -> None:
        """Reset a stream; does nothing if it has ended."""
        try:
            self.h2.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
        except h2.exceptions.ProtocolError:
            return
        self.kick()

    def note_begun(self) -> None:
        """Wake the watchdog: a caller is waiting for the peer."""
        self._begun.set()

    def expect_answer(self) -> None:
        """Note that a call was begun: from now on, silence may mean a lost connection."""
        if self._asked is None:
            self._asked = trio.current_time()
        self.kick()

    @property
    def silence(self) -> float:
        """Return for how many seconds a call has waited without any byte from the peer."""
        return 0.0 if self._asked is None else trio.current_time() - self._asked

    def retire(self) -> None:
        """Accept no new calls; the connection closes with the last open one."""
        self.draining = True
        self.notify()
        if not self.inbox:
            self.abandon()

    def abandon(self) -> None:
        """Close the connection now: open calls fail and no new ones may start."""
        self.draining = True
        self._scope.cancel()

    async def run(
        self,
        on_request: Callable[[h2.events.RequestReceived], None] | None = None,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Read and write until the connection is lost or the caller is cancelled."""
        try:
            with self._scope:
                async with self.stream, trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    if self._keepalive is not None:
                        nursery.start_soon(self._watch, self._keepalive)
                    task_status.started()
                    await self._read(on_request)
                    nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as group:
            log.debug("connection lost: %r", group.exceptions)
        except* h2.exceptions.ProtocolError as group:
            log.info("the peer violated HTTP/2: %r", group.exceptions)
        finally:
            self.closed.set()
            for sink in list(self.inbox.values()):
                sink(None)
            self.notify()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            if data := self.h2.data_to_send():
                await self.stream.send_all(data)

    async def _read(self, on_request: Callable[[h2.events.RequestReceived], None] | None) -> None:
        while data := await self.stream.receive_some():
            self._heard, self._asked = trio.current_time(), None
            for event in self.h2.receive_data(bytes(data)):
                if isinstance(event, h2.events.ConnectionTerminated):
                    if event.error_code:
                        log.info("the peer ended the connection: %s", event.error_code)
                        return
                    self._drain()
                elif isinstance(event, h2.events.RemoteSettingsChanged):
                    self.ready = True
                elif isinstance(event, h2.events.RequestReceived) and on_request is not None:
                    on_request(event)
                else:
                    self._deliver(event)
            self.notify()
            self.kick()
            if self.draining and not self.inbox:
                return

    def _drain(self) -> None:
        """Let open streams finish after a graceful GOAWAY (RFC 9113, section 6.8)."""
        self.draining = True
        # h2 takes every GOAWAY as the end of the connection and would reject further frames.
        self.h2.state_machine.state = (
            h2.connection.ConnectionState.CLIENT_OPEN
            if self.h2.config.client_side
            else h2.connection.ConnectionState.SERVER_OPEN
        )

    def _deliver(self, event: Event) -> None:
        stream_id: int = getattr(event, "stream_id", None) or 0
        sink = self.inbox.get(stream_id)
        if sink is not None:
            # h2 does not say when a closed flow-control window will never reopen: remember it here.
            if isinstance(event, h2.events.StreamReset) or (
                isinstance(event, h2.events.StreamEnded) and self.h2.config.client_side
            ):
                self._over.add(stream_id)
            sink(event)
        elif isinstance(event, h2.events.DataReceived):
            self.acknowledge(event)  # for a stream without a reader

    def forget(self, stream_id: int) -> None:
        """Forget a stream; its later events are ignored."""
        self.inbox.pop(stream_id, None)
        self._over.discard(stream_id)
        self.notify()

    async def _watch(self, keepalive: KeepAlive) -> None:
        """Close the connection if a caller waits and the peer does not answer a PING."""
        while True:
            while not self.inbox and self._asked is None:
                # No caller waits: an idle connection need not be probed.
                self._begun = trio.Event()
                await self._begun.wait()
            silent_at = self._heard + keepalive.interval
            if self._asked is not None:
                silent_at = max(silent_at, self._asked + keepalive.grace)
            if trio.current_time() < silent_at:
                await trio.sleep_until(silent_at)
                continue
            heard = self._heard
            self.h2.ping(b"walrusd?")
            self.kick()
            await trio.sleep(keepalive.patience)
            if self._heard == heard:
                log.info("the peer has been silent for %s s", trio.current_time() - heard)
                self.abandon()
