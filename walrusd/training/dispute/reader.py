"""Reading a transcript: its records are checked, and nothing is held that can be read again."""

from dataclasses import dataclass

from walrusd.core.protocol import compute_chain_link
from walrusd.crypto import merkle
from walrusd.errors import ForeignTranscript, MalformedTranscript
from walrusd.training.dispute.forms import NO_OUTPUT
from walrusd.training.dispute.frames import (
    FRAME_HEAD,
    MAGIC,
    MAX_HEADER,
    FrameKind,
    parse_header,
    refuse_part,
)
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.step_log import Read, StepLog
from walrusd.training.dispute.transcript import (
    RECORD_BYTES,
    Beginning,
    StepRecord,
    read_record,
)
from walrusd.training.dispute.tree import HashTree
from walrusd.training.plan.plan import Plan
from walrusd.training.run.aborts import AbortCode

_RECORD = FRAME_HEAD + RECORD_BYTES


@dataclass(frozen=True)
class Transcript:
    """One party's account of a segment, whose records follow from each other.

    ``steps`` are the steps of the segment, ``ending`` the record of the error that ended the work,
    if one did. ``finished`` is the number of steps before that, and ``places`` where the records
    begin, how many stand before the log, and how long that is.
    """

    beginning: Beginning
    steps: range
    finished: int
    ending: StepRecord | None
    log: StepLog | None
    read: Read
    places: tuple[int, int, int]

    def get_record(self, step: int) -> StepRecord:
        """Return the record of a step of the segment; after an error, that of the error."""
        index = step - self.steps.start
        if index >= self.finished:
            assert self.ending is not None, "a transcript tells all steps, or the error"
            return self.ending
        start, before, length = self.places
        place = start + index * _RECORD + (length if index >= before else 0)
        return read_record(step, self.read(place + FRAME_HEAD, RECORD_BYTES))

    def find_root_before(self, step: int) -> bytes:
        """Return the state root that ``step`` starts from."""
        if step == self.steps.start:
            return self.beginning.start_root
        return self.get_record(step - 1).state_root

    def find_chain_before(self, step: int) -> bytes:
        """Return the chain's value before ``step``."""
        if step == self.steps.start:
            return self.beginning.compute_chain()
        return self.get_record(step - 1).chain

    def tree(self) -> HashTree:
        """Return the tree over the records, a leaf for each step of the segment."""
        return HashTree(len(self.steps), self._hash_records)

    def _hash_records(self, start: int, stop: int) -> bytes:
        """Return the hashes of leaves, of which those on one side of the log are read at once."""
        first, before, length = self.places
        hashes = []
        for low, high, skipped in (
            (start, min(stop, before), 0),
            (max(start, before), min(stop, self.finished), length),
        ):
            raw = self.read(first + low * _RECORD + skipped, max(0, high - low) * _RECORD)
            for index in range(low, high):
                at = (index - low) * _RECORD + FRAME_HEAD
                record = read_record(self.steps.start + index, raw[at : at + RECORD_BYTES])
                hashes.append(merkle.hash_leaf(record.to_leaf()))
        if self.ending is not None:
            missing = stop - max(start, self.finished)
            hashes += [merkle.hash_leaf(self.ending.to_leaf())] * missing
        return b"".join(hashes)

    def find_log(self, step: int) -> StepLog | None:
        """Return the log if it is the log of ``step``."""
        return self.log if self.log is not None and self.log.step == step else None


class _Scan:
    """Goes through the frames once and checks what they say about each other."""

    def __init__(self, plan: Plan, read: Read) -> None:
        self._plan, self._read = plan, read
        self._place, self.beginning = _read_header(plan, read)
        self.steps = plan.segment_range(self.beginning.segment)
        self._start = self._place
        self._chain = self.beginning.compute_chain()
        self._tree = merkle.RootBuilder()
        self._count = 0
        self._ending: StepRecord | None = None
        self._log: StepLog | None = None
        self._log_span = (0, 0)
        self._is_open = False

    @property
    def _step(self) -> int:
        return self.steps.start + self._count

    def run(self) -> Transcript:
        """Return the transcript."""
        while True:
            head = self._read(self._place, FRAME_HEAD)
            if len(head) < FRAME_HEAD:
                raise MalformedTranscript("the transcript ends too early")
            kind, length = head[0], int.from_bytes(head[1:], "little")
            body = self._place + FRAME_HEAD
            if kind == FrameKind.END:
                self._finish(body, length)
                break
            if self._ending is not None or self._count == len(self.steps):
                refuse_part("number of steps")
            match kind:
                case FrameKind.RECORD:
                    self._take_record(self._read_body(body, length, RECORD_BYTES))
                case FrameKind.ENDING:
                    self._take_ending(self._read_body(body, length, 1)[0])
                case FrameKind.STATE:
                    self._open_log(body)
                    assert self._log is not None
                    if length != self._plan.state_bytes:
                        refuse_part("state")
                    self._log.place_state(body, length)
                case FrameKind.OUTPUT:
                    if not self._is_open:
                        self._open_log(body)
                    assert self._log is not None
                    self._log.append(body, length)
                case _:
                    refuse_part("frame")
            self._place = body + length
        before, skipped = self._log_span
        return Transcript(
            beginning=self.beginning,
            steps=self.steps,
            finished=self._count,
            ending=self._ending,
            log=self._log,
            read=self._read,
            places=(self._start, before, skipped),
        )

    def _read_body(self, body: int, length: int, expected: int) -> bytes:
        if length != expected:
            refuse_part("frame")
        found = self._read(body, length)
        if len(found) != length:
            raise MalformedTranscript("the transcript ends too early")
        return found

    def _open_log(self, body: int) -> None:
        if self._log is not None:
            refuse_part("log")
        self._log = StepLog(self._step, compute_operations(self._plan), self._read)
        self._log_span = (self._count, body - FRAME_HEAD)
        self._is_open = True

    def _close_log(self, chain: bytes, state_root: bytes) -> None:
        """Check that the last outputs of an open log are those of the step's record."""
        if not self._is_open:
            return
        assert self._log is not None
        count = len(self._log.operations)
        for number, what, expected in (
            (count - 2, "chain", chain),
            (count - 1, "state root", state_root),
        ):
            if self._log.digest(number) != expected:
                self._contradict(f"the {what} of the log")
        before, start = self._log_span
        self._log_span = (before, self._place - start)
        self._is_open = False

    def _take_record(self, raw: bytes) -> None:
        record = read_record(self._step, raw)
        link = compute_chain_link(self._chain, record.step, record.losses, record.folds)
        if link != record.chain:
            self._contradict(f"the chain of step {record.step}")
        self._close_log(record.chain, record.state_root)
        self._chain = record.chain
        self._tree.append(record.to_leaf())
        self._count += 1

    def _take_ending(self, number: int) -> None:
        if number not in set(AbortCode):
            refuse_part("ending")
        self._close_log(NO_OUTPUT, NO_OUTPUT)
        ending = self.beginning.compute_ending(self._step, AbortCode(number), self._chain)
        for _ in range(len(self.steps) - self._count):
            self._tree.append(ending.to_leaf())
        self._ending = ending

    def _finish(self, body: int, length: int) -> None:
        root = self._read_body(body, length, 32)
        if self._ending is None and self._count < len(self.steps):
            refuse_part("number of steps")
        if self._is_open or self._tree.root() != root:
            self._contradict("the root")
        if self._read(body + length, 1):
            raise MalformedTranscript("there are bytes after the end of the transcript")

    def _contradict(self, what: str) -> None:
        raise MalformedTranscript(f"the transcript contradicts itself: {what} does not follow")


def _read_header(plan: Plan, read: Read) -> tuple[int, Beginning]:
    """Return where the frames begin, and what the transcript is about."""
    head = read(0, len(MAGIC) + 8)
    if not head.startswith(MAGIC):
        raise MalformedTranscript("the file is not a transcript of a known version")
    length = int.from_bytes(head[len(MAGIC) :], "little")
    if length > MAX_HEADER:
        refuse_part("header")
    beginning = parse_header(read(len(head), length))
    if beginning.subject.plan_digest != plan.digest():
        raise ForeignTranscript("the transcript is about another plan")
    if beginning.segment > plan.segments:
        raise ForeignTranscript(f"the plan has no segment {beginning.segment}")
    return len(head) + length, beginning


def open_transcript(plan: Plan, read: Read) -> Transcript:
    """Read a transcript of work by ``plan`` and check that its records follow from each other.

    Raises:
        MalformedTranscript: if it is no transcript, or a record, the log or the root does not fit
            the rest.
        ForeignTranscript: if it is about another plan.
    """
    return _Scan(plan, read).run()
