"""Transcripts in files, read where they are needed: they may be larger than memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from walrusd.errors import BadRequest, ForeignTranscript, MalformedTranscript
from walrusd.training.dispute.reader import Transcript, open_transcript
from walrusd.training.plan.plan import Plan


@contextmanager
def open_transcript_file(path: Path, plan: Plan) -> Iterator[Transcript]:
    """Open a transcript of work by ``plan``; an error names the file.

    Raises:
        BadRequest: if the file cannot be read.
        MalformedTranscript: as ``open_transcript``.
        ForeignTranscript: as ``open_transcript``.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error
    with file:

        def read(offset: int, size: int) -> bytes:
            if not size:
                return b""
            file.seek(min(offset, _MAX_OFFSET))
            return file.read(size)

        try:
            transcript = open_transcript(plan, read)
        except (MalformedTranscript, ForeignTranscript) as error:
            raise type(error)(f"{path}: {error.message}", hint=error.hint) from error
        yield transcript


_MAX_OFFSET = (1 << 63) - 1
"""A frame may claim any length; what lies behind this is behind the end of every file."""
