"""Write files: private to this user, atomically, and so that they survive a power cut.

An atomic write goes to a neighbour, ``.NAME.0.part``, which takes the name of the file once it is
complete and on the disk. A crash at any moment leaves the old file, or none, and perhaps a part,
which the next write of the same file removes. All functions block: call them in threads.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
"""The mode of a file that only this user may read."""

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""The errors of ``flock`` on a file system without locks, such as some mounts of NFS and Lustre."""


@contextmanager
def new_file(path: Path, *, mode: int = PRIVATE, durable: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing in its place; remove it if the block raises.

    For files that no one reads before they are complete. Without the removal, a full disk would
    stay full. ``durable`` flushes it to the disk at the end of the block, with its name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if durable:
                sync_file(file)
        if durable:
            sync_directory(path.parent)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def open_atomically(
    path: Path, *, mode: int = PRIVATE, overwrite: bool = True
) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name only if the block succeeds.

    Several writers may write one path at the same time: each file is complete, the last one wins.

    Raises:
        FileExistsError: if there is a file at ``path`` and ``overwrite`` is false.
        OSError: if the disk refuses; what was written is removed.
    """
    part, descriptor = _open_part(path, mode)
    with os.fdopen(descriptor, "wb") as file:
        # The descriptor stays open all the time, and with it the lock that makes the part ours.
        try:
            yield file
            sync_file(file)
            if overwrite:
                part.replace(path)
            else:
                path.hardlink_to(part)
                part.unlink()
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    sync_directory(path.parent)


def write_atomically(
    path: Path, data: bytes, *, mode: int = PRIVATE, overwrite: bool = True
) -> None:
    """Write a file atomically, so that it survives a power cut.

    Raises:
        FileExistsError: if there is a file at ``path`` and ``overwrite`` is false.
        OSError: if the disk refuses; what was written is removed.
    """
    with open_atomically(path, mode=mode, overwrite=overwrite) as file:
        file.write(data)


def make_directory(path: Path, *, mode: int = 0o700) -> None:
    """Make a directory, and those above it, so that they survive a power cut with what is in them.

    ``mode`` is that of the directory itself. One that is there already stays as it is.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_directory(made.parent)


def move_durably(source: Path, target: Path) -> None:
    """Rename a file that is already on the disk, replacing any file of that name."""
    source.replace(target)
    sync_directory(target.parent)


def sync_file(file: BinaryIO) -> None:
    """Flush a file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Flush a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def name_part(path: Path, tag: str) -> Path:
    """Return the neighbour of ``path`` in which its content is collected."""
    return path.with_name(f".{path.name}.{tag}.part")


def remove_parts(directory: Path) -> None:
    """Remove the parts of interrupted writes from a directory that no one is writing to."""
    for part in directory.glob(".*.part"):
        part.unlink(missing_ok=True)


def _open_part(path: Path, mode: int) -> tuple[Path, int]:
    """Return a new part of ``path`` and its descriptor, with a lock that marks it as being written.

    The kernel drops the lock of a writer that was killed: so a part without one is a leftover. On a
    file system without locks leftovers stay: they look like the parts of live writers.
    """
    for number in count():
        part = name_part(path, str(number))
        _remove_leftover(part)
        try:
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except FileExistsError:
            continue
        # Another writer may have taken it for a leftover before it was locked.
        try:
            if _lock(descriptor, without_locks=True) and _is_at(descriptor, part):
                return part, descriptor
        except BaseException:
            os.close(descriptor)
            part.unlink(missing_ok=True)
            raise
        os.close(descriptor)
    raise AssertionError("there is always another number")


def _remove_leftover(part: Path) -> None:
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # there is none, or it is not ours
    try:
        if _lock(descriptor, without_locks=False) and _is_at(descriptor, part):
            with suppress(PermissionError):  # another user's, in a folder like /tmp
                part.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, without_locks: bool) -> bool:
    """Return whether the lock was free and is ours; ``without_locks`` where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return without_locks
        raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False
