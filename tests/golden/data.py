"""The data of the golden runs and of the quality table: what the repository itself ships."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]


def read_digits() -> npt.NDArray[np.uint8]:
    """Return 1797 rows of 8 × 8 pixels from 0 to 16 and a label."""
    return np.fromfile(ROOT / "tests/demo/data/digits.bin", np.uint8).reshape(-1, 65)


def read_text() -> tuple[npt.NDArray[np.uint16], int]:
    """Return the licence, character by character as numbers, and how many characters there are.

    The number of a character is its place among those that occur, in the order of their codes.
    """
    codes = np.frombuffer((ROOT / "LICENSE").read_bytes(), np.uint8)
    alphabet, tokens = np.unique(codes, return_inverse=True)
    return tokens.astype(np.uint16), len(alphabet)


def cut_rows(tokens: npt.NDArray[np.uint16], length: int, stride: int) -> npt.NDArray[np.uint16]:
    """Return rows of ``length + 1`` tokens, one row every ``stride`` tokens."""
    return np.lib.stride_tricks.sliding_window_view(tokens, length + 1)[::stride].copy()


def read_rows(name: str, length: int = 0) -> bytes:
    """Return the rows of a dataset, as a daemon would hold them.

    ``digits`` and ``pixels``, which are the digits' pixels from 0 to 1 without labels; or
    ``licence``, with ``length`` tokens of input in a row.
    """
    if name == "pixels":
        return (read_digits()[:, :64].astype("<f4") / np.float32(16.0)).tobytes()
    if name == "digits":
        return read_digits().tobytes()
    tokens, _ = read_text()
    return cut_rows(tokens, length, length // 2).astype("<u2").tobytes()
