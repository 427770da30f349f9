"""The control socket, passed by systemd or our own, and the server on it."""

import logging
import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import Framework
from starlette.types import ASGIApp

from walrusd.errors import ConfigError, DoubleAction, explain_or

SOCKET_MODE = 0o660
BACKLOG = 64
FIRST_PASSED_FD = 3
"""The first descriptor that systemd passes (sd_listen_fds(3))."""
MAX_PATH_BYTES = 107
"""``sun_path`` has 108 bytes with its final zero (unix(7))."""
GRACEFUL_S = 3.0


def open_control_socket(
    path: Path, environ: MutableMapping[str, str] | None = None
) -> socket.socket:
    """Return the listening control socket: the one systemd passed, else a new one at ``path``.

    A socket file left behind by a crash is replaced. The new one has mode 0660 before it accepts
    its first connection.

    Raises:
        DoubleAction: if another daemon listens there.
        ConfigError: if the path is too long, is not a socket, or cannot be created.
        LocalFault: if this machine has no room for it now.
    """
    passed = take_passed_socket(os.environ if environ is None else environ)
    if passed is not None:
        return passed
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise ConfigError(
            f"daemon.socket {path} is longer than {MAX_PATH_BYTES} bytes",
            hint="name a shorter path, such as one below /run",
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _remove_stale(path)
        sock.bind(os.fspath(path))
        # Connecting fails until listen(), so no client gets in before the mode is set.
        path.chmod(SOCKET_MODE)
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        refusal = ConfigError(
            f"cannot create the control socket {path}: {exc.strerror}",
            hint="check daemon.socket and the owner of its directory",
        )
        raise explain_or(exc, refusal) from exc
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def control_socket(
    path: Path, environ: MutableMapping[str, str] | None = None
) -> Iterator[socket.socket]:
    """Yield the socket of :func:`open_control_socket`, and remove its file at the end.

    The file is kept if it is systemd's, or has been replaced by another.
    """
    environ = os.environ if environ is None else environ
    is_passed = environ.get("LISTEN_PID") == str(os.getpid())
    with open_control_socket(path, environ) as sock:
        made = None if is_passed else path.lstat().st_ino
        try:
            yield sock
        finally:
            with suppress(OSError):
                if path.lstat().st_ino == made:
                    path.unlink()


def take_passed_socket(environ: MutableMapping[str, str]) -> socket.socket | None:
    """Return the socket that systemd passed to this process, or None.

    The environment variables are removed, so that a child does not use its descriptor 3 as one.

    Raises:
        ConfigError: if it is not exactly one listening Unix stream socket.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count:
        return None
    hint = "the socket unit must have exactly one ListenStream= with a path"
    if count != "1":
        raise ConfigError(f"systemd passed {count} sockets instead of one", hint=hint)
    try:
        sock = socket.socket(fileno=FIRST_PASSED_FD)
    except OSError as exc:
        raise ConfigError("systemd passed something that is not a socket", hint=hint) from exc
    os.set_inheritable(FIRST_PASSED_FD, False)
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        sock.detach()
        raise ConfigError("systemd passed a socket that is not a Unix stream", hint=hint)
    return sock


async def serve_rpc(
    app: ASGIApp,
    control: socket.socket,
    *,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``app`` on ``control`` until ``stop`` is set; requests then have ``GRACEFUL_S`` to end.

    Takes ownership of the socket. Cancelled: requests in progress are aborted.
    """
    config = Config()
    config.bind = [f"fd://{control.detach()}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.graceful_timeout = GRACEFUL_S
    config.include_server_header = False
    stop = trio.Event() if stop is None else stop
    framework = cast("Framework", app)  # hypercorn's types are narrower than those of ASGI
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[list[str]]) -> None:
            await serve(framework, config, shutdown_trigger=stop.wait, task_status=task_status)

        await nursery.start(run)
        task_status.started()


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path} exists and is not a socket", hint="name another daemon.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise DoubleAction(
        f"another walrusd listens on {path}", hint="stop it first, or name another daemon.socket"
    )
