"""Files and values that a command line names, and files that it writes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from walrusd.errors import BadRequest
from walrusd.files import open_atomically

KEY_BYTES = 32


def read_input(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        BadRequest: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error


def read_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file: raw, or as 64 hexadecimal digits.

    Raises:
        BadRequest: if it cannot be read, or holds no key.
    """
    data = read_input(path)
    if len(data) != KEY_BYTES:
        try:
            data = bytes.fromhex(data.decode("ascii").strip().removeprefix("0x"))
        except ValueError:
            data = b""
    if len(data) != KEY_BYTES:
        raise BadRequest(f"{path} does not hold a key: 32 bytes, raw or hexadecimal")
    return data


def parse_hex(option: str, text: str) -> bytes:
    """Return the bytes of an option's value in hexadecimal.

    Raises:
        BadRequest: if it is not hexadecimal.
    """
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise BadRequest(f"{option} is not hexadecimal") from error


@contextmanager
def open_output(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Write a file piece by piece; it gets its name only if the block succeeds.

    Raises:
        BadRequest: if it cannot be written.
    """
    try:
        with open_atomically(path) as file:
            yield file.write
    except OSError as error:
        raise BadRequest(f"cannot write {path}: {error.strerror}") from error
