"""The ``walrusctl`` command.

Exit status: 0 success, 1 error, 2 wrong usage, 3 no daemon answers. With ``--json`` results
and errors are JSON on standard output, an error as ``{"error": {"code", "message", "hint", …}}``.
"""

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

import click

from walrusctl.commands import contract, daemon, dataset, keys, local, node, task
from walrusctl.session import EXIT_FAILED, EXIT_USAGE, fail
from walrusd.text import make_printable

EPILOG = """\b
An ID may be given in full, by its first digits (four or more), or as printed: 0x123456…abcdef.
Exit status: 0 success, 1 error, 2 wrong usage, 3 no daemon answers.
With --json, results and errors are JSON on standard output."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(package_name="walrusd", prog_name="walrusctl")
def cli() -> None:
    """Control a walrusd daemon."""


for command in (
    *(daemon.status, daemon.watch, daemon.why),
    *(task.task, dataset.dataset, keys.keys, node.node),
    *(local.init, local.verify, local.model, local.config, contract.contract),
):
    cli.add_command(command)


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    if arguments is None:
        arguments, sys.excepthook = sys.argv[1:], _show_bug
    # Some commands start Python with ``-m``, which must not import the current folder's modules.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        status = cli.main(arguments, prog_name="walrusctl", standalone_mode=False)
    except click.UsageError as exc:
        if "--json" not in arguments:
            _show(exc)
            sys.exit(EXIT_USAGE)
        data = {"code": "usage", "message": exc.format_message(), "hint": "see --help"}
        fail(data, EXIT_USAGE, as_json=True)
    except click.ClickException as exc:
        _show(exc)
        sys.exit(exc.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        raise  # the reader of our output is gone
    except OSError as exc:
        # The output is full or gone; flushing the rest must not fail again.
        code = "local.disk_full" if exc.errno in _NO_ROOM else "local.file"
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail({"code": code, "message": exc.strerror or str(exc)}, EXIT_FAILED, as_json=False)
    sys.exit(status if isinstance(status, int) else 0)


def _show(error: click.ClickException) -> None:
    """Print a usage error; it quotes the input, so it is made printable."""
    text = io.StringIO()
    error.show(text)
    click.echo(make_printable(text.getvalue(), lines=True), err=True, nl=False)


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(make_printable(text, lines=True))


if __name__ == "__main__":
    main()
