"""What a power cut may leave of a directory: everything that was not flushed may be lost.

A ``Disk`` watches a directory while a writer works in it, and then lists the states in which a cut
at any moment may leave the directory. What POSIX promises, and nothing more:

- the content of a file is on the disk as it was at its last ``fsync``. Anything later may be there,
  in part, as zeros of the right length, or not at all;
- a name is on the disk once its directory was flushed. Before, each change of a name may be there
  or not, independent of the others. A rename is one change; flushing a file does not keep its name.

File systems in use keep more than that, each in its own way; whoever survives this survives them.

Content is found by looking, at every call that concerns the disk, so it does not matter how it is
written. What is written between the last such call and the end counts as never flushed. SQLite
flushes by itself, unseen: do not watch a directory with a database in it.
"""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Names = dict[str, int]
"""File numbers by name; names are relative to the directory that is watched."""

_NAMING = ("link", "mkdir", "remove", "rename", "replace", "rmdir", "symlink", "unlink")
_WRITING = ("close", "ftruncate", "open", "pwrite", "truncate", "write")
_FLUSHING = ("fdatasync", "fsync")

FOLDER = -1
"""The file number of each folder: they have no content but their names."""

ALL_SUBSETS = 5
"""So many unflushed changes of names are tried in every combination; of more, only some."""

MOST = 20_000
"""More states of one history are a mistake of the test: it should write less at a time."""


class Unfinished(AssertionError):
    """Raised when there are more crash states than anybody wants to try."""


@dataclass(frozen=True)
class Change:
    """One change of names: what appears, by file number, and what goes."""

    appear: Mapping[str, int]
    vanish: frozenset[str]

    def apply(self, names: Names) -> None:
        """Carry it out, as far as it still has a meaning."""
        for name in self.vanish:
            names.pop(name, None)
        names.update(self.appear)

    @property
    def folders(self) -> set[str]:
        """Where it must be flushed: the folders in which names appear, else those where they go."""
        return {_folder_of(name) for name in (self.appear or self.vanish)}


@dataclass(frozen=True)
class Crash:
    """A directory after a power cut, and what its writer had said to be done before."""

    files: Mapping[str, bytes | None]
    """Contents by name; None for a folder."""
    done: tuple[str, ...]

    def restore(self, root: Path) -> None:
        """Make a directory look like this."""
        _clear(root)
        for name in sorted(self.files):
            path, content = root / name, self.files[name]
            if content is None:
                path.mkdir(mode=0o700)
            else:
                path.write_bytes(content)
                path.chmod(0o600)


@dataclass
class _Moment:
    """What is on the disk, and what is not yet, between two calls."""

    kept: Names
    pending: tuple[Change, ...]
    flushed: dict[int, bytes]
    current: dict[int, bytes]
    done: tuple[str, ...]


@dataclass
class Disk:
    """Watches one directory."""

    root: Path
    _names: Names = field(default_factory=dict)
    _kept: Names = field(default_factory=dict)
    _pending: list[Change] = field(default_factory=list)
    _flushed: dict[int, bytes] = field(default_factory=dict)
    _current: dict[int, bytes] = field(default_factory=dict)
    _done: list[str] = field(default_factory=list)
    _moments: list[_Moment] = field(default_factory=list)
    _held: dict[int, int] = field(default_factory=dict)
    """Descriptors of all files seen, so that no file number is used again."""
    _looking: bool = False

    def say_done(self, what: str) -> None:
        """Record that the writer now relies on something: no later cut may undo it."""
        self._look()
        self._done.append(what)
        self._note()

    @contextmanager
    def watch(self, monkeypatch: pytest.MonkeyPatch) -> Iterator["Disk"]:
        """Watch what happens in the block; what was there before is on the disk."""
        self._names = self._find_names()
        self._kept = dict(self._names)
        self._flushed = dict(self._current)
        self._note()
        with monkeypatch.context() as patch:
            for name in (*_NAMING, *_WRITING, *_FLUSHING):
                patch.setattr(os, name, self._wrap(name, getattr(os, name)))
            try:
                yield self
            finally:
                self._look()
                self._looking = True
        for descriptor in self._held.values():
            os.close(descriptor)

    def crashes(self) -> list[Crash]:
        """Return every state in which a power cut may leave the directory, each once."""
        found: dict[Any, Crash] = {}
        for moment in self._moments:
            for crash in _list_crashes(moment):
                found.setdefault((tuple(sorted(crash.files.items(), key=_key)), crash.done), crash)
                if len(found) > MOST:
                    raise Unfinished(f"more than {MOST} states")
        return list(found.values())

    # --- looking ----------------------------------------------------------------------------

    def _wrap(self, name: str, call: Any) -> Any:
        def watched(*arguments: Any, **keywords: Any) -> Any:
            if self._looking:
                return call(*arguments, **keywords)
            self._look()
            result = call(*arguments, **keywords)
            self._look()
            if name in _FLUSHING:
                self._flush(arguments[0])
            return result

        return watched

    def _look(self) -> None:
        """Note how names and contents have changed."""
        if self._looking:
            return
        self._looking = True
        try:
            before_content, before = dict(self._current), self._names
            names = self._find_names()
        finally:
            self._looking = False
        appear = {name: number for name, number in names.items() if before.get(name) != number}
        vanish = frozenset(before.keys() - names.keys())
        if appear or vanish:
            self._pending.append(Change(appear, vanish))
        self._names = names
        if appear or vanish or self._current != before_content:
            self._note()

    def _find_names(self) -> Names:
        """Return the names of all files; their contents go to ``_current``."""
        names: Names = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_dir():
                names[name] = FOLDER
                continue
            number = path.stat().st_ino
            if number not in self._held:
                self._held[number] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            names[name] = number
            self._current[number] = os.pread(self._held[number], 1 << 24, 0)
        return names

    def _flush(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        if found.st_ino in self._held:
            self._flushed[found.st_ino] = self._current[found.st_ino]
        for folder in self._list_folders():
            if os.path.samestat(found, folder.stat()):
                self._keep_names(folder.relative_to(self.root).as_posix())
        self._note()

    def _list_folders(self) -> list[Path]:
        return [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]

    def _keep_names(self, folder: str) -> None:
        left = []
        for change in self._pending:
            if folder in change.folders:
                change.apply(self._kept)
            else:
                left.append(change)
        self._pending = left

    def _note(self) -> None:
        self._moments.append(
            _Moment(
                dict(self._kept),
                tuple(self._pending),
                dict(self._flushed),
                dict(self._current),
                tuple(self._done),
            )
        )


def _list_crashes(moment: _Moment) -> Iterator[Crash]:
    for applied in _list_subsets(moment.pending):
        names = dict(moment.kept)
        for change in applied:
            change.apply(names)
        names = {name: number for name, number in names.items() if _is_reachable(name, names)}
        files = sorted(name for name, number in names.items() if number != FOLDER)
        folders = dict.fromkeys(names.keys() - set(files))
        choices = [_list_contents(moment, names[name]) for name in files]
        for contents in itertools.product(*choices):
            yield Crash({**folders, **dict(zip(files, contents, strict=True))}, moment.done)


def _list_subsets(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    if len(changes) <= ALL_SUBSETS:
        for size in range(len(changes) + 1):
            yield from itertools.combinations(changes, size)
        return
    for end in range(len(changes) + 1):
        yield changes[:end]
    for left_out in range(len(changes)):
        yield [*changes[:left_out], *changes[left_out + 1 :]]
        yield [changes[left_out]]


def _list_contents(moment: _Moment, number: int) -> list[bytes]:
    flushed, current = moment.flushed.get(number, b""), moment.current[number]
    if flushed == current:
        return [current]
    half = len(current) // 2
    torn = current[:half] + flushed[half:]
    return list(dict.fromkeys([flushed, current, current[:half], bytes(len(current)), torn]))


def _is_reachable(name: str, names: Names) -> bool:
    folder = _folder_of(name)
    return folder == "." or (names.get(folder) == FOLDER and _is_reachable(folder, names))


def _folder_of(name: str) -> str:
    return Path(name).parent.as_posix()


def _key(item: tuple[str, bytes | None]) -> str:
    return item[0]


def _clear(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
