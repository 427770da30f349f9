"""The walrusd command: init makes everything or nothing; errors are typed and readable."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from walrusd.__main__ import cli, typed_errors
from walrusd.chain.send.signer import Signer
from walrusd.cli import init
from walrusd.crypto.keystore import RawKek, open_keystore
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    ConfigError,
    DatabaseCorrupt,
    WrongNetwork,
)
from walrusd.settings import load_settings

NETWORK = {
    "sui_url": "http://127.0.0.1:9000",
    "walrus_url": "http://127.0.0.1:31415",
    "admin_url": "http://127.0.0.1:9001",
    "chain_id": "4btiuiMPvEENsttpZC7CZ53DruC3MAgfznDbASZ7DR6S",
    "package_id": "0x" + "12" * 32,
    "market_id": "0x" + "13" * 32,
    "pool_id": "0x" + "14" * 32,
    "accounts": [],
}


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(NETWORK))
    return str(path)


def walrusd(*arguments: str, stdin: str | None = None):
    return CliRunner().invoke(cli, list(arguments), input=stdin)


def test_a_stake_limit_is_that_of_a_task_and_of_a_day(tmp_path: Path, network: str) -> None:
    common = ("init", "--network", network, "--dir")
    assert walrusd(*common, str(tmp_path / "a"), "--stake-limit", "1.5 SUI").exit_code == 0
    policy = load_settings(tmp_path / "a" / "walrusd.toml").policy
    assert policy.max_stake_per_task == policy.max_stake_per_day == 1_500_000_000
    day = ("--stake-limit", "1 SUI", "--set", 'policy.max_stake_per_day="3 SUI"')
    assert walrusd(*common, str(tmp_path / "b"), *day).exit_code == 0
    policy = load_settings(tmp_path / "b" / "walrusd.toml").policy
    assert (policy.max_stake_per_task, policy.max_stake_per_day) == (10**9, 3 * 10**9)
    refused = walrusd(*common, str(tmp_path / "c"), "--stake-limit", "plenty")
    assert refused.exit_code == 1
    assert "policy.max_stake_per_task" in refused.stderr
    assert not (tmp_path / "c").exists()


def test_init_takes_over_every_url_of_a_network(tmp_path: Path) -> None:
    more = {
        "sui_urls": ["http://127.0.0.1:9000", "http://127.0.0.1:9002"],
        "archive_urls": ["http://127.0.0.1:9003"],
        "aggregators": ["http://127.0.0.1:31415", "http://127.0.0.1:31416"],
        "publishers": ["http://127.0.0.1:31417"],
        "nodes": ["http://127.0.0.1:31418"],
    }
    network = tmp_path / "network.json"
    network.write_text(json.dumps(NETWORK | more))
    home = tmp_path / "alice"
    done = walrusd("init", "--dir", str(home), "--network", str(network))
    assert done.exit_code == 0, done.output
    settings = load_settings(home / "walrusd.toml")
    assert settings.sui.urls == tuple(more["sui_urls"])
    assert settings.sui.archive_urls == tuple(more["archive_urls"])
    assert settings.walrus.aggregators == tuple(more["aggregators"])
    assert settings.walrus.publishers == tuple(more["publishers"])
    assert settings.walrus.nodes == tuple(more["nodes"])
    shown = walrusd("config", "show", "--config", str(home / "walrusd.toml"), "--json")
    assert json.loads(shown.stdout)["sui"]["archive_urls"] == more["archive_urls"]
    checked = walrusd("config", "check", "--config", str(home / "walrusd.toml"))
    assert checked.exit_code == 0, checked.output


def test_init_takes_over_every_url_of_a_profile(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        """
[sui]
urls = ["http://127.0.0.1:9000", "http://127.0.0.1:9002"]
archive_urls = ["http://127.0.0.1:9003", "http://127.0.0.1:9004"]
chain_id = "4btiuiMPvEENsttpZC7CZ53DruC3MAgfznDbASZ7DR6S"

[walrus]
aggregators = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
publishers = ["http://127.0.0.1:3", "http://127.0.0.1:4"]
nodes = ["http://127.0.0.1:5", "http://127.0.0.1:6"]
"""
    )
    home = tmp_path / "alice"
    done = walrusd("init", "--dir", str(home), "--network", str(profile))
    assert done.exit_code == 0, done.output
    settings = load_settings(home / "walrusd.toml")
    assert len(settings.sui.urls) == len(settings.sui.archive_urls) == 2
    assert len(settings.walrus.aggregators) == len(settings.walrus.publishers) == 2
    assert len(settings.walrus.nodes) == 2
    home = tmp_path / "bob"
    option = ("--archive-url", "http://127.0.0.1:7")
    done = walrusd("init", "--dir", str(home), "--network", str(profile), *option)
    assert done.exit_code == 0, done.output
    assert load_settings(home / "walrusd.toml").sui.archive_urls == ("http://127.0.0.1:7",)


def test_an_interrupted_init_leaves_nothing_behind(
    tmp_path: Path, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = init.write_atomically, []

    def interrupted(path: Path, content: bytes, **options: bool) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(path, content, **options)

    monkeypatch.setattr(init, "write_atomically", interrupted)
    home = tmp_path / "alice"
    assert walrusd("init", "--dir", str(home), "--network", network).exit_code != 0
    assert not home.exists()


def test_the_command_line_imports_nothing_heavy() -> None:
    """Nobody waits for an event loop, torch or a chain client to read a help text."""
    heavy = "{'trio', 'torch', 'pysui'}"
    script = f"import sys, walrusd.__main__; print(sorted({heavy} & {{*sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (WrongNetwork("another"), 78),
        (ConfigError("bad"), 78),
        (DatabaseCorrupt("damaged"), 78),
        (ExceptionGroup("g", [WrongNetwork("another")]), 78),
        (ChainUnreachable("down"), 1),
        (ChainRefused("busy"), 1),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_run_says_whether_another_start_is_of_use(monkeypatch, error, status) -> None:
    def fail(*_arguments, **_options) -> None:
        raise error

    monkeypatch.setattr("walrusd.app.main", fail)
    done = walrusd("run", "--config", "/x")
    assert done.exit_code == status
    assert done.stderr.startswith("error ")
    assert "Traceback" not in done.output


def test_a_bug_keeps_its_traceback(monkeypatch) -> None:
    def fail(*_arguments, **_options) -> None:
        raise ExceptionGroup("g", [ChainUnreachable("down"), AssertionError("broken")])

    monkeypatch.setattr("walrusd.app.main", fail)
    done = walrusd("run", "--config", "/x")
    assert isinstance(done.exception, ExceptionGroup)


def test_init_makes_a_configuration_that_checks_out(tmp_path: Path, network: str) -> None:
    home = tmp_path / "alice"
    done = walrusd(
        "init", "--dir", str(home), "--network", network, "--role", "contributor",
        "--role", "verifier", "--set", "policy.max_stake_per_task=5 SUI",
        "--set", "policy.max_open_tasks=3", "--shards", "100", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()} == {
        "walrusd.toml": 0o600,
        "keystore": 0o600,
        "kek": 0o600,
    }
    settings = load_settings(Path(made["config"]))
    assert settings.sui.urls == (NETWORK["sui_url"],)
    assert settings.walrus.publishers == (NETWORK["walrus_url"],)
    assert settings.walrus.nodes == (NETWORK["walrus_url"],)
    assert settings.walrus.shards == 100
    assert settings.policy.max_stake_per_task == 5_000_000_000
    assert settings.policy.max_open_tasks == 3
    assert settings.daemon.socket == home / "control.sock"
    done = walrusd("config", "check", "--config", made["config"], "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["address"] == made["address"]


@pytest.mark.parametrize("from_stdin", [True, False])
def test_init_takes_a_private_key_from_a_file_only(
    tmp_path: Path, network: str, from_stdin: bool
) -> None:
    signer = Signer(b"\x07" * 32)
    key = signer.to_bech32()
    key_file = tmp_path / "key"
    key_file.write_text(key + "\n")
    key_file.chmod(0o600)
    home = tmp_path / "bob"
    source = "-" if from_stdin else str(key_file)
    arguments = ["init", "--dir", str(home), "--network", network, "--key-file", source]
    done = walrusd(*arguments, stdin=key if from_stdin else None)
    assert done.exit_code == 0, done.output
    assert signer.address in done.output
    assert key not in done.output
    bundle = open_keystore((home / "keystore").read_bytes(), RawKek((home / "kek").read_bytes()))
    assert bundle.sui_seed == b"\x07" * 32
    assert bundle.encryption_key != bundle.contributor_secret


def test_two_inits_never_share_a_key(tmp_path: Path, network: str) -> None:
    addresses = set()
    for name in ("alice", "bob"):
        done = walrusd("init", "--dir", str(tmp_path / name), "--network", network, "--json")
        addresses.add(json.loads(done.stdout)["address"])
    assert len(addresses) == 2


@pytest.mark.parametrize("existing", ["walrusd.toml", "keystore", "kek"])
def test_init_never_overwrites_and_leaves_nothing_behind(
    tmp_path: Path, network: str, existing: str
) -> None:
    home = tmp_path / "alice"
    home.mkdir()
    (home / existing).write_text("precious")
    done = walrusd("init", "--dir", str(home), "--network", network)
    assert done.exit_code == 1
    assert f"{existing} exists already; nothing was changed" in done.stderr
    assert {path.name: path.read_text() for path in home.iterdir()} == {existing: "precious"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--set", "policy.max_stake=1"], "unknown key policy.max_stake"),
        (["--set", "policy"], "not section.key=value: 'policy'"),
        (["--role", "auditor"], "daemon.roles must be a list"),
        (["--package-id", "zz"], "sui.package_id must be"),
        (["--key-file", "-"], "not a suiprivkey1… key"),
    ],
)
def test_init_with_wrong_values_makes_nothing(
    tmp_path: Path, network: str, arguments: list[str], complaint: str
) -> None:
    home = tmp_path / "alice"
    done = walrusd("init", "--dir", str(home), "--network", network, *arguments, stdin="hunter2")
    assert done.exit_code == 1
    assert complaint in done.stderr
    assert "hunter2" not in done.output
    assert not home.exists()


def test_init_without_a_network_says_what_is_missing(tmp_path: Path) -> None:
    done = walrusd("init", "--dir", str(tmp_path / "a"))
    assert done.exit_code == 1
    assert "sui.urls is missing" in done.stderr
    (tmp_path / "n.json").write_text('{"sui_url": "http://x"}')
    done = walrusd("init", "--dir", str(tmp_path / "a"), "--network", str(tmp_path / "n.json"))
    assert "lacks 'chain_id'" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_init_where_writing_is_forbidden(tmp_path: Path, network: str) -> None:
    tmp_path.chmod(0o500)
    done = walrusd("init", "--dir", str(tmp_path / "a"), "--network", network)
    tmp_path.chmod(0o700)
    assert done.exit_code == 1
    assert "cannot write below" in done.stderr


def test_config_check_finds_missing_keys_and_wrong_modes(tmp_path: Path, network: str) -> None:
    home = tmp_path / "alice"
    walrusd("init", "--dir", str(home), "--network", network)
    check = ["config", "check", "--config", str(home / "walrusd.toml")]
    (home / "kek").chmod(0o644)
    done = walrusd(*check, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "keys.mode"
    (home / "kek").chmod(0o600)
    (home / "kek").write_bytes(b"\0" * 32)
    assert "error keys.locked" in walrusd(*check).stderr
    (home / "keystore").unlink()
    done = walrusd(*check)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error keys.missing: the keystore {home / 'keystore'} does not")
    assert "hint: restore it from your backup" in done.stderr


def test_config_show_reads_back(tmp_path: Path, network: str) -> None:
    home = tmp_path / "alice"
    walrusd("init", "--dir", str(home), "--network", network)
    config = home / "walrusd.toml"
    done = walrusd("config", "show", "--config", str(config))
    assert done.exit_code == 0
    (home / "again.toml").write_text(done.stdout)
    again = load_settings(home / "again.toml")
    assert again.policy == load_settings(config).policy
    shown = json.loads(walrusd("config", "show", "--config", str(config), "--json").stdout)
    assert shown["sui"]["chain_id"] == NETWORK["chain_id"]


@pytest.mark.parametrize("as_json", [True, False])
def test_verifying_what_is_no_verification_file(tmp_path: Path, as_json: bool) -> None:
    (tmp_path / "f").write_bytes(b"WALRUSDV" + b"\0" * 40)
    done = walrusd("verify", str(tmp_path / "f"), *(["--json"] if as_json else []))
    assert done.exit_code == 1
    if as_json:
        assert json.loads(done.stdout)["error"]["code"] == "file.header"
    else:
        assert done.stderr.startswith("error file.header: ")
    assert walrusd("verify", str(tmp_path / "none")).exit_code == 1
    assert walrusd("verify", str(tmp_path / "f"), "--digest", "xy").exit_code == 1


def test_an_error_from_inside_nurseries_is_readable(capsys) -> None:
    @typed_errors
    def deep() -> None:
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [ChainUnreachable("no node")])])

    with pytest.raises(SystemExit) as caught:
        deep()
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith("error chain.unreachable: no node\nhint: ")

    @typed_errors
    def mixed() -> None:
        raise ExceptionGroup("both", [ChainUnreachable("no node"), ZeroDivisionError()])

    with pytest.raises(ExceptionGroup):
        mixed()


def test_a_closing_terminal_does_not_end_a_daemon_that_is_being_loaded(monkeypatch) -> None:
    ran: list[Path] = []
    unheeded: list[int] = []

    class Loading(ModuleType):
        """Takes its time, in which the terminal is closed."""

        def __getattr__(self, _name: str):
            os.kill(os.getpid(), signal.SIGHUP)
            return lambda config, **_options: ran.append(config)

    monkeypatch.setitem(sys.modules, "walrusd.app", Loading("walrusd.app"))
    before = signal.signal(signal.SIGHUP, lambda *got: unheeded.append(got[0]))
    try:
        done = walrusd("run", "--config", "some.toml")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (done.exit_code, ran, unheeded) == (0, [Path("some.toml")], [])


def test_init_on_a_full_disk_says_so_and_leaves_nothing(tmp_path, network, monkeypatch) -> None:
    def fail(*_arguments) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    done = walrusd("init", "--dir", str(tmp_path / "a"), "--network", network, "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["error"]["code"] == "local.disk_full"
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_leaves_its_number_to_no_file(tmp_path: Path, closed: str) -> None:
    found = tmp_path / "found"
    script = (
        "import os, sys\n"
        "from walrusd.cli.options import fill_closed_streams\n"
        "fill_closed_streams()\n"
        f"number = os.open({str(found)!r}, os.O_CREAT | os.O_WRONLY)\n"
        "print('out'), print('err', file=sys.stderr), sys.stdin\n"
        "os.write(number, str(number).encode())\n"
    )
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, script],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert done.returncode == 0
    assert int(found.read_text()) > 2
