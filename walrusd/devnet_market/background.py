"""Start the market in the background and wait until it is ready; stop what runs in a directory."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from walrusd.devnet.app import locked
from walrusd.devnet_market.layout import MarketFiles
from walrusd.errors import DevnetFailed, DoubleAction, NotAllowed
from walrusd.files import new_file, open_atomically

_LOOK_S = 0.2


def start_in_background(files: MarketFiles, say: Callable[[str], None]) -> None:
    """Run this command again without ``--detach``, and return once the market is ready.

    Ctrl-C while waiting stops it. ``say`` gets every line that it prints.

    Raises:
        DoubleAction: if it runs already.
        DevnetFailed: if it ends before it is ready.
    """
    with locked(files.root):
        files.ready.unlink(missing_ok=True)
    arguments = [word for word in sys.argv[1:] if word != "--detach"]
    with new_file(files.log) as log:
        # Our own program, with the same arguments and without a shell.
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "walrusd", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _show_until_ready(files, process, say)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise


def _show_until_ready(
    files: MarketFiles, process: subprocess.Popen[bytes], say: Callable[[str], None]
) -> None:
    with files.log.open(encoding="utf-8") as printed:
        while True:
            is_ready, status = files.ready.exists(), process.poll()
            for line in printed:
                say(line.rstrip("\n"))
            if status is not None:
                raise DevnetFailed(
                    f"it ended with exit status {status} before it was ready",
                    hint=f"{files.log} has what it printed",
                )
            if is_ready:
                return
            time.sleep(_LOOK_S)


@contextmanager
def announced(files: MarketFiles) -> Iterator[None]:
    """Be known to :func:`stop_running`; the lock of the directory is held by the caller.

    The file with our number is locked before it has its name, and the lock ends with this process
    however that ends. So a locked file has the number of its holder, and of nobody else.
    """
    with open_atomically(files.pid) as file:
        file.write(f"{os.getpid()}\n".encode())
        held = os.dup(file.fileno())
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(held)


def find_running(files: MarketFiles) -> int | None:
    """Return the number of the process that serves a directory, or None."""
    try:
        descriptor = os.open(files.pid, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor) as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared with others who ask
        except BlockingIOError:
            return int(file.read())
    return None


def stop_running(files: MarketFiles) -> None:
    """Ask the process that serves a directory to stop, and wait for its end.

    Raises:
        NotAllowed: if none does.
    """
    running = find_running(files)
    if running is None:
        raise NotAllowed(
            f"no devnet runs in {files.root}", hint="--dir names the directory of another"
        )
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(running, signal.SIGTERM)
    while True:
        try:
            with locked(files.root):
                return
        except DoubleAction:
            time.sleep(_LOOK_S)
