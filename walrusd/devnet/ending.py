"""What ends a devnet."""

import signal


def list_stop_signals() -> list[signal.Signals]:
    """Return the signals that end the devnet; SIGHUP only if ``nohup`` does not ignore it."""
    wanted = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted.append(signal.SIGHUP)
    return wanted
