"""The salted tree over a dataset's rows, made as a whole."""

from collections.abc import Iterable

from walrusd.crypto import merkle
from walrusd.crypto.dataset_rows import RowProof, compute_row_leaf
from walrusd.crypto.kdf import KEY_BYTES, derive_key
from walrusd.crypto.tags import Tag, u64


def derive_row_salt(dek: bytes, index: int) -> bytes:
    """Return ``HKDF-SHA256(dek, info = ROW-SALT ‖ u64 index)``, 32 bytes."""
    return derive_key(dek, b"", Tag.ROW_SALT.text + u64(index))


class RowTree:
    """The tree over a dataset's rows. An oracle for what ``crypto.dataset_rows`` streams."""

    def __init__(self, dek: bytes, rows: Iterable[bytes]) -> None:
        """Hash every row once.

        Raises:
            ValueError: if there is no row, or the key does not have 32 bytes.
        """
        if len(dek) != KEY_BYTES:
            raise ValueError(f"a dataset key has {KEY_BYTES} bytes, not {len(dek)}")
        self._dek = dek
        self._tree = merkle.Tree(
            [compute_row_leaf(i, self._salt(i), row) for i, row in enumerate(rows)]
        )

    def _salt(self, index: int) -> bytes:
        return derive_row_salt(self._dek, index)

    @property
    def root(self) -> bytes:
        """The salted row root, 32 bytes."""
        return self._tree.root

    @property
    def count(self) -> int:
        """The number of rows."""
        return self._tree.size

    def proof(self, index: int) -> RowProof:
        """Return the proof of row ``index``.

        Raises:
            IndexError: if there is no such row.
        """
        path = tuple(self._tree.path(index))
        return RowProof(index, self._salt(index), path)
