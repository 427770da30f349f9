"""How a devnet ends: by which signals, and with which messages."""

import signal

import pytest
from click.testing import CliRunner

from walrusd.devnet.cli import devnet
from walrusd.devnet.ending import list_stop_signals


@pytest.mark.parametrize(("handler", "listened"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_lost_terminal_ends_it_unless_nohup_started_it(handler, listened) -> None:
    before = signal.signal(signal.SIGHUP, handler)
    try:
        assert (signal.SIGHUP in list_stop_signals()) == listened
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_damaged_chain_is_reported_in_one_line(tmp_path) -> None:
    (tmp_path / "sui.sqlite").write_bytes(b"no database at all" * 500)
    done = CliRunner().invoke(devnet, ["--dir", str(tmp_path)])
    assert done.exit_code == 1
    assert done.stderr.startswith("walrusd devnet: ")
    assert "Traceback" not in done.output
