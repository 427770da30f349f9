"""ListEvents and SubscribeEvents: cursors, filters, watermarks, end reasons."""

import struct
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import trio

from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.executed import place_event
from walrusd.devnet.ledger.store import Checkpoint, StoredEvent
from walrusd.devnet.rpc.field_masks import apply_mask
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.request_fields import parse_type, refuse_field, require_address

_LIMIT, _MAX_LIMIT = 50, 1_000
_LAST = 0xFFFFFFFF
_CURSOR = struct.Struct(">QI")
Position = tuple[int, int]
"""(transaction number, event number), the order of the ledger."""


def encode_cursor(position: Position) -> bytes:
    """Return the opaque cursor of a position."""
    return _CURSOR.pack(*position)


def _event_type(text: str) -> str:
    """Return a canonical type or module; ``0x2::coin`` names all types of a module."""
    if text.count("::") == 1:
        package, _, module = text.partition("::")
        return f"{require_address(package, 'event_type')}::{module}"
    return parse_type(text, "event_type")


def matches(wanted: pb.EventFilter | None, event: pb.Event) -> bool:
    """Return whether an event passes a filter, an OR of ANDs; None passes all."""
    if wanted is None:
        return True
    return any(
        all(_literal_holds(literal, event) != bool(literal.negated) for literal in term.literals)
        for term in wanted.terms
    )


def _literal_holds(literal: pb.EventLiteral, event: pb.Event) -> bool:
    if literal.sender is not None:
        return bool(require_address(literal.sender.address, "sender") == event.sender)
    if literal.emit_module is not None:
        package, _, module = (literal.emit_module.module or "").partition("::")
        same = require_address(package, "emit_module") == event.package_id
        return same and module in ("", event.module)
    if literal.event_type is not None:
        text = literal.event_type.event_type or ""
        wanted = _event_type(text) if "::" in text else require_address(text, "event_type")
        have = str(event.event_type)
        return have == wanted or have.startswith((wanted + "::", wanted + "<"))
    raise GRPCError(Status.UNIMPLEMENTED, "the devnet does not know this event filter")


@dataclass
class _Scan:
    """The interval of one ListEvents call. ``first``/``end``: checkpoints, end exclusive."""

    after: Position
    before: Position
    first: int
    end: int
    first_number: int
    end_number: int
    reason: pb.QueryEndReason
    descending: bool


class EventService:
    """Answers from the store; subscriptions are woken by the node and then read the store.

    Args:
        node: its view of the chain.
        heartbeat: seconds without events after which a subscription gets a progress frame.
        scan_limit: events scanned per ListEvents call before it ends with SCAN_LIMIT.

    Both RPCs raise ``GRPCError`` for a filter or cursor that they do not support.
    """

    def __init__(self, node: Replica, *, heartbeat: float = 5.0, scan_limit: int = 10_000) -> None:
        self.node = node
        self._store = node.ledger.store
        self.subscribers = 0
        self._heartbeat = heartbeat
        self._scan_limit = scan_limit

    # --- ListEvents ---------------------------------------------------------------------------

    async def list_events(
        self, request: pb.ListEventsRequest
    ) -> AsyncGenerator[pb.ListEventsResponse, None]:
        """Yield matching events in ledger order, each with a cursor to resume from."""
        options = request.options or pb.QueryOptions()
        if request.filter is not None and not request.filter.terms:
            raise refuse_field("filter.terms", "at least one filter term is required")
        scan = self._plan(request, options)
        limit = min(options.limit or _LIMIT, _MAX_LIMIT)
        found = looked = 0
        covered: int | None = None
        at = scan.before if scan.descending else scan.after
        while batch := self._read(scan, at):
            for stored in batch:
                at = (stored.number, stored.position)
                looked += 1
                covered = _boundary(scan, stored.checkpoint, covered)
                event = place_event(stored)
                if matches(request.filter, event):
                    found += 1
                    done = found >= limit
                    yield pb.ListEventsResponse(
                        event=apply_mask(event, request.read_mask),
                        watermark=_watermark(at, covered),
                        end=pb.QueryEnd(reason=pb.QueryEndReason.ITEM_LIMIT) if done else None,
                    )
                    if done:
                        return
                if looked >= self._scan_limit:
                    yield pb.ListEventsResponse(
                        watermark=_watermark(at, covered),
                        end=pb.QueryEnd(reason=pb.QueryEndReason.SCAN_LIMIT),
                    )
                    return
        yield pb.ListEventsResponse(
            watermark=self._final_watermark(scan, covered), end=pb.QueryEnd(reason=scan.reason)
        )

    def _plan(self, request: pb.ListEventsRequest, options: pb.QueryOptions) -> _Scan:
        tip = self.node.tip
        descending = options.ordering is pb.Ordering.DESCENDING
        asked, end = request.start_checkpoint or 0, tip.sequence + 1
        if request.end_checkpoint is not None and request.end_checkpoint < asked:
            raise refuse_field(
                "end_checkpoint", "must be greater than or equal to start_checkpoint"
            )
        first = self._first(request.start_checkpoint, options.after)
        reasons = pb.QueryEndReason
        reason = reasons.LEDGER_TIP
        if request.end_checkpoint is not None and request.end_checkpoint <= end:
            end, reason = request.end_checkpoint, reasons.CHECKPOINT_BOUND
        if descending:
            reason = reasons.CHECKPOINT_BOUND
        after, before = self._bound(options.after), self._bound(options.before)
        if after is not None and after[0] >= tip.end_number:
            # The cursor is of a node ahead of this one, which has nothing after it yet.
            after, first = None, end
        first = min(first, end)
        first_number = self._number_at(first, tip)
        end_number = max(self._number_at(end, tip), first_number)
        if after is not None:
            first = max(first, self._checkpoint_of(after[0]))
        if before is not None and before[0] < end_number and not descending:
            reason = reasons.CURSOR_BOUND
        if after is not None and after[0] >= first_number and descending:
            reason = reasons.CURSOR_BOUND
        return _Scan(
            after=(-1, 0) if after is None else after,
            before=(1 << 62, 0) if before is None else before,
            first=first,
            end=end,
            first_number=first_number,
            end_number=end_number,
            reason=reason,
            descending=descending,
        )

    def _first(self, asked: int | None, after: bytes | None) -> int:
        """Return where the scan starts: never in history that this node has pruned."""
        lowest = self.node.lowest
        place = self._bound(after)
        start = asked if place is None else self._checkpoint_of(place[0])
        if start is not None and start < lowest:
            raise GRPCError(Status.OUT_OF_RANGE, f"checkpoints below {lowest} are pruned")
        return max(asked or 0, lowest)

    def _number_at(self, sequence: int, tip: Checkpoint) -> int:
        """Return the number of the first transaction of a checkpoint."""
        found = self._store.checkpoint(sequence)
        return tip.end_number if found is None else found.first_number

    def _checkpoint_of(self, number: int) -> int:
        found = self._store.transactions_between(number, number + 1)
        if not found or found[0].checkpoint is None:
            return self.node.tip.sequence + 1
        return found[0].checkpoint

    def _bound(self, cursor: bytes | None) -> Position | None:
        if not cursor:
            return None
        if len(cursor) != _CURSOR.size:
            raise refuse_field("options", "not a cursor of this server")
        number, position = _CURSOR.unpack(cursor)
        return number, position

    def _read(self, scan: _Scan, at: Position) -> list[StoredEvent]:
        store, size = self._store, 500
        if scan.descending:
            found = store.events_before(at, scan.first_number, scan.end_number, size)
            return [e for e in found if (e.number, e.position) > scan.after]
        found = store.events_after(at, scan.first_number, scan.end_number, size)
        return [e for e in found if (e.number, e.position) < scan.before]

    def _final_watermark(self, scan: _Scan, covered: int | None) -> pb.Watermark:
        if scan.descending:
            bound = max(scan.after, (scan.first_number, 0))
            whole = scan.reason is not pb.QueryEndReason.CURSOR_BOUND
            return _watermark(bound, scan.first if whole else covered)
        bound = max((scan.end_number - 1, _LAST), scan.after, (0, 0))
        if scan.reason is pb.QueryEndReason.CURSOR_BOUND:
            return _watermark(max(scan.before, scan.after), covered)
        whole = scan.end > scan.first
        return _watermark(bound, scan.end - 1 if whole else covered)

    # --- SubscribeEvents ----------------------------------------------------------------------

    async def subscribe_events(
        self, request: pb.SubscribeEventsRequest
    ) -> AsyncGenerator[pb.SubscribeEventsResponse, None]:
        """Yield matching events from now on, and progress frames; never ends."""
        woken = trio.Event()

        def wake(_: Checkpoint) -> None:
            woken.set()

        self.node.listeners.append(wake)
        self.subscribers += 1
        try:
            seen = self.node.tip
            yield _progress(seen)
            beat = trio.current_time() + self._heartbeat
            while True:
                due = min(beat, self.node.next_arrival())
                with trio.move_on_at(due):
                    await woken.wait()
                woken = trio.Event()
                tip = self.node.tip
                for stored in self._between(seen, tip):
                    event = place_event(stored)
                    if matches(request.filter, event):
                        yield pb.SubscribeEventsResponse(
                            event=apply_mask(event, request.read_mask),
                            watermark=_watermark(
                                (stored.number, stored.position), stored.checkpoint - 1
                            ),
                        )
                if tip is not seen or trio.current_time() >= beat:
                    beat = trio.current_time() + self._heartbeat
                    yield _progress(tip)
                seen = tip
        finally:
            self.node.listeners.remove(wake)
            self.subscribers -= 1

    def _between(self, seen: Checkpoint, tip: Checkpoint) -> list[StoredEvent]:
        out: list[StoredEvent] = []
        at: Position = (seen.end_number, -1)
        while batch := self._store.events_after(at, seen.end_number, tip.end_number, 500):
            out += batch
            at = (batch[-1].number, batch[-1].position)
        return out


def _watermark(position: Position, covered: int | None) -> pb.Watermark:
    return pb.Watermark(cursor=encode_cursor(position), checkpoint=covered)


def _progress(tip: Checkpoint) -> pb.SubscribeEventsResponse:
    position = (max(tip.end_number - 1, 0), _LAST)
    return pb.SubscribeEventsResponse(watermark=_watermark(position, tip.sequence))


def _boundary(scan: _Scan, checkpoint: int, covered: int | None) -> int | None:
    """Return the last fully scanned checkpoint when an event of a later one is reached."""
    if scan.descending:
        return checkpoint + 1 if checkpoint + 1 < scan.end else covered
    return checkpoint - 1 if checkpoint - 1 >= scan.first else covered
