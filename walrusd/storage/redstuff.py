"""The only user of the RedStuff encoder of ``pysui_fastcrypto``; also its worker process.

It imports nothing of walrusd, so that the file can be run alone. An encoding cannot be interrupted
and does not release its memory, so large ones run in their own process::

    python -I redstuff.py SHARDS [PATH OFFSET LENGTH]  < blob  > metadata
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from pysui_fastcrypto import redstuff_encode, redstuff_verify_metadata, redstuff_verify_sliver

BLOB_ID_LENGTH = 32
SHORT_INPUT = 3
"""Exit status if the file has fewer bytes than requested."""


class RedStuffError(ValueError):
    """Raised when the encoder fails; ``code`` is its short name of the reason."""

    def __init__(self, error: ValueError) -> None:
        self.code = str(error.args[0]) if error.args else "unknown"
        super().__init__(": ".join(map(str, error.args)))


def encode_metadata(data: bytes, shards: int) -> bytes:
    """Return ``BlobMetadataWithId``: the 32-byte blob id and the BCS metadata.

    Raises:
        RedStuffError: if the encoder fails.
    """
    try:
        encoded = redstuff_encode(data, shards)
    except ValueError as error:
        raise RedStuffError(error) from error
    return bytes(encoded.blob_id) + bytes(encoded.metadata_bcs)


def encode_slivers(data: bytes, shards: int) -> Mapping[int, tuple[bytes, bytes]]:
    """Return the BCS ``(primary, secondary)`` slivers by sliver-pair index.

    Raises:
        RedStuffError: if the encoder fails.
    """
    try:
        encoded = redstuff_encode(data, shards)
    except ValueError as error:
        raise RedStuffError(error) from error
    return {
        int(pair.sliver_pair_index): (bytes(pair.primary), bytes(pair.secondary))
        for pair in encoded.slivers
    }


class MetadataHandle:
    """Blob metadata that was verified against its blob id."""

    def __init__(self, metadata: bytes, shards: int) -> None:
        try:
            self._handle = redstuff_verify_metadata(metadata, shards)
        except ValueError as error:
            raise RedStuffError(error) from error
        self.raw_blob_id = bytes(self._handle.blob_id)
        self.size = int(self._handle.unencoded_length)
        self.shards = shards

    def verify_primary(self, sliver: bytes) -> None:
        """Check one BCS primary sliver against the metadata.

        Raises:
            RedStuffError: if it does not match.
        """
        try:
            redstuff_verify_sliver(sliver, self._handle, "primary")
        except ValueError as error:
            raise RedStuffError(error) from error


def _read_span(path: str, offset: int, length: int) -> bytes:
    with Path(path).open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _work(arguments: list[str]) -> int:
    shards = int(arguments[0])
    if len(arguments) == 1:
        data = sys.stdin.buffer.read()
    else:
        length = int(arguments[3])
        data = _read_span(arguments[1], int(arguments[2]), length)
        if len(data) != length:
            return SHORT_INPUT
    sys.stdout.buffer.write(encode_metadata(data, shards))
    return 0


if __name__ == "__main__":
    sys.exit(_work(sys.argv[1:]))
