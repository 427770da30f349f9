"""What a power cut may leave of a SQLite database: what SQLite has not flushed may be lost.

SQLite reaches its files through a table of functions, the VFS (https://sqlite.org/vfs.html). Here
two of them are replaced while a test runs, so that each file that is opened tells of its writes and
its flushes, and of its end. Names are taken to be on the disk: SQLite flushes the directory itself.
"""

import ctypes
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .crashes import Crash

_SYNC, _TRUNCATE, _WRITE, _METHODS = 5, 4, 3, 19
"""Places in ``sqlite3_io_methods``, in words: the version, and up to 18 functions."""

_OPEN_AT, _DELETE_AT = 5, 6
"""Places in ``sqlite3_vfs``, in words: two of numbers and three of pointers come first."""

_Open = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
)
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_Write = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


def _read_path(name: int) -> Path:
    """Return the path at an address. SQLite keeps the address, so it is passed on as it is."""
    return Path(ctypes.string_at(name).decode())


def find_library() -> ctypes.CDLL | None:
    """Return the SQLite that Python's module uses, or None if it is linked into it."""
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        path = line.rpartition(" ")[2]
        if Path(path).name.startswith("libsqlite3"):
            return ctypes.CDLL(path)
    return None


@dataclass
class _File:
    """One file of a database: as it is, and as it was when it was flushed last."""

    current: bytearray
    flushed: bytes

    def choices(self) -> list[bytes]:
        """Return what a cut may leave: nothing newer, everything, or half of what is newer."""
        now, before = bytes(self.current), self.flushed
        if now == before:
            return [now]
        half = (len(before) + len(now)) // 2
        return list(dict.fromkeys([before, now, now[:half], now[:half] + before[half:]]))


@dataclass
class SqliteDisk:
    """Watches the databases that are opened in a block, below one directory."""

    root: Path
    _files: dict[str, _File] = field(default_factory=dict)
    _found: dict[tuple[tuple[tuple[str, bytes], ...], tuple[str, ...]], Crash] = field(
        default_factory=dict
    )
    _done: tuple[str, ...] = ()
    _kept: list[object] = field(default_factory=list)
    """Callbacks and tables that SQLite still points to."""

    def say_done(self, what: str) -> None:
        """Record that the writer now relies on something: no later cut may undo it."""
        self._done += (what,)
        self._note()

    def crashes(self) -> list[Crash]:
        """Return every state in which a power cut may leave the files, each once."""
        return list(self._found.values())

    @contextmanager
    def watch(self, library: ctypes.CDLL) -> Iterator["SqliteDisk"]:
        """Watch every file that SQLite opens in the block; close them in it, too."""
        library.sqlite3_vfs_find.restype = ctypes.c_void_p
        table = ctypes.cast(library.sqlite3_vfs_find(None), ctypes.POINTER(ctypes.c_void_p))
        former = table[_OPEN_AT], table[_DELETE_AT]
        real, real_delete = _Open(former[0]), _Delete(former[1])

        def open_file(vfs: int, name: int | None, file: int, flags: int, told: int | None) -> int:
            code: int = real(vfs, name, file, flags, told)
            if code == 0 and name is not None:
                self._follow(_read_path(name), file)
            return code

        def delete_file(vfs: int, name: int, flush: int) -> int:
            code: int = real_delete(vfs, name, flush)
            if (path := _read_path(name)).is_relative_to(self.root):
                self._files.pop(path.relative_to(self.root).as_posix(), None)
                self._note()
            return code

        replacements = _Open(open_file), _Delete(delete_file)
        self._kept += [real, real_delete, *replacements]
        for at, replacement in zip((_OPEN_AT, _DELETE_AT), replacements, strict=True):
            table[at] = ctypes.cast(replacement, ctypes.c_void_p).value
        try:
            yield self
        finally:
            table[_OPEN_AT], table[_DELETE_AT] = former

    def _follow(self, path: Path, file: int) -> None:
        if not path.is_relative_to(self.root):
            return
        name = path.relative_to(self.root).as_posix()
        content = path.read_bytes()
        found = self._files.setdefault(name, _File(bytearray(content), content))
        words = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
        methods = ctypes.cast(words[0], ctypes.POINTER(ctypes.c_void_p))
        copy = (ctypes.c_void_p * _METHODS)(*methods[:_METHODS])
        write, truncate, sync = (
            kind(copy[at])
            for kind, at in ((_Write, _WRITE), (_Truncate, _TRUNCATE), (_Sync, _SYNC))
        )

        def watch_write(this: int, data: int, length: int, offset: int) -> int:
            code: int = write(this, data, length, offset)
            found.current.extend(bytes(max(0, offset + length - len(found.current))))
            found.current[offset : offset + length] = ctypes.string_at(data, length)
            self._note()
            return code

        def watch_truncate(this: int, size: int) -> int:
            code: int = truncate(this, size)
            del found.current[size:]
            self._note()
            return code

        def watch_sync(this: int, flags: int) -> int:
            code: int = sync(this, flags)
            found.flushed = bytes(found.current)
            self._note()
            return code

        callbacks = _Write(watch_write), _Truncate(watch_truncate), _Sync(watch_sync)
        for at, callback in zip((_WRITE, _TRUNCATE, _SYNC), callbacks, strict=True):
            copy[at] = ctypes.cast(callback, ctypes.c_void_p).value
        self._kept += [write, truncate, sync, *callbacks, copy]
        words[0] = ctypes.addressof(copy)

    def _note(self) -> None:
        names = sorted(self._files)
        for contents in itertools.product(*(self._files[name].choices() for name in names)):
            files = tuple(zip(names, contents, strict=True))
            self._found.setdefault((files, self._done), Crash(dict(files), self._done))
