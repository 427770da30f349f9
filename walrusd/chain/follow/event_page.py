"""One page of events, and where to continue after it."""

from walrusd.chain.follow.cursor import Cursor
from walrusd.chain.follow.history import Source
from walrusd.chain.nodes.wire import read_chain_event
from walrusd.chain.values.pysui_parts import pb
from walrusd.chain.values.types import ChainEvent
from walrusd.errors import ChainUnreachable


class EventPage:
    """What one ListEvents call has returned so far. Every frame carries a resume token."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.events: list[ChainEvent] = []
        self.end: pb.QueryEndReason | None = None

    def add(self, frame: pb.ListEventsResponse) -> None:
        """Add one frame; an event that was handled before is left out."""
        position = self.cursor.position
        if frame.event is not None:
            event = read_chain_event(frame.event)
            if event.position > position:
                self.events.append(event)
                position = event.position
        if frame.watermark is not None:
            covered = frame.watermark.checkpoint
            self.cursor = Cursor(
                frame.watermark.cursor or self.cursor.token,
                self.cursor.checkpoint if covered is None else max(self.cursor.checkpoint, covered),
                position,
            )
        else:
            self.cursor = Cursor(self.cursor.token, self.cursor.checkpoint, position)
        if frame.end is not None:
            self.end = frame.end.reason

    @property
    def more(self) -> bool:
        """Whether the page ended before the ledger did."""
        return self.end in (pb.QueryEndReason.ITEM_LIMIT, pb.QueryEndReason.SCAN_LIMIT)

    def finish(self, source: Source) -> None:
        """Check how the page ended.

        Raises:
            ChainUnreachable: if no reason is given, or an archive ends before the nodes begin.
        """
        if self.end is None:
            raise ChainUnreachable("ListEvents ended without a reason")
        if source.end is None or self.more:
            return
        if self.end is pb.QueryEndReason.CHECKPOINT_BOUND:
            covered = max(self.cursor.checkpoint, source.end - 1)
            self.cursor = Cursor(self.cursor.token, covered, self.cursor.position)
        if self.cursor.checkpoint < source.end - 1:
            raise ChainUnreachable(
                f"the archive ends at checkpoint {self.cursor.checkpoint}, but the nodes begin at"
                f" {source.end}"
            )
