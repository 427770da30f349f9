"""The files that are shipped beside the code say what the code relies on."""

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from walrusd.__main__ import cli
from walrusd.cli.options import EXIT_NEEDS_OWNER
from walrusd.rpc.schema import DEFAULT_SOCKET, METHODS
from walrusd.settings import Role, load_settings, render_settings
from walrusd.settings.secrets import CREDENTIAL_NAME

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "systemd"


def read_unit(name: str) -> dict[str, list[str]]:
    """Return the values of each ``Section.Directive``; systemd allows a directive twice."""
    found = defaultdict(list)
    section = ""
    for line in map(str.strip, (UNITS / name).read_text().splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in "#;":
            key, equals, value = line.partition("=")
            assert equals, line
            found[f"{section}.{key}"].append(value)
    return found


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("Service.Type", "notify"),
        ("Service.NotifyAccess", "main"),
        ("Service.WatchdogSec", "60s"),
        ("Service.Restart", "on-failure"),
        ("Service.KillMode", "mixed"),
        ("Service.User", "walrusd"),
        ("Service.StateDirectory", "walrusd"),
        ("Service.StateDirectoryMode", "0700"),
        ("Service.LoadCredential", f"{CREDENTIAL_NAME}:/etc/walrusd/kek"),
        ("Service.RestrictNamespaces", "user net"),
        ("Service.RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
        ("Service.NoNewPrivileges", "yes"),
        ("Service.ProtectSystem", "strict"),
        ("Service.UMask", "0077"),
        ("Unit.Requires", "walrusd.socket"),
    ],
)
def test_the_service_unit_has_what_the_daemon_relies_on(directive: str, value: str) -> None:
    assert read_unit("walrusd.service")[directive] == [value]


def test_the_unit_never_gives_up_what_may_pass_and_at_once_what_may_not() -> None:
    unit = read_unit("walrusd.service")
    assert unit["Unit.StartLimitIntervalSec"] == ["0"]
    assert unit["Service.RestartPreventExitStatus"] == [f"2 {EXIT_NEEDS_OWNER}"]


def test_the_service_unit_leaves_torch_what_it_needs() -> None:
    unit = read_unit("walrusd.service")
    assert "Service.MemoryDenyWriteExecute" not in unit
    assert not any("@resources" in value for value in unit["Service.SystemCallFilter"])


def test_the_unit_runs_a_command_that_exists() -> None:
    (command,) = read_unit("walrusd.service")["Service.ExecStart"]
    _, *arguments, config = command.split()
    assert arguments == ["run", "--config"]
    assert config == "/etc/walrusd/walrusd.toml"
    assert CliRunner().invoke(cli, [*arguments[:-1], "--help"]).exit_code == 0


def test_socket_unit_example_and_client_agree_on_the_socket() -> None:
    unit = read_unit("walrusd.socket")
    assert unit["Socket.ListenStream"] == [DEFAULT_SOCKET]
    assert unit["Socket.SocketMode"] == ["0660"]
    assert unit["Socket.SocketGroup"] == ["walrusd"]
    assert str(load_settings(ROOT / "config" / "walrusd.toml").daemon.socket) == DEFAULT_SOCKET


def test_the_gpu_drop_in_overrides_what_hides_the_gpu() -> None:
    drop_in, unit = read_unit("walrusd-gpu.conf"), read_unit("walrusd.service")
    for directive in ("Service.PrivateDevices", "Service.PrivateUsers"):
        assert (unit[directive], drop_in[directive]) == (["yes"], ["no"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_but_the_missing_program(tmp_path: Path) -> None:
    for name in ("walrusd.service", "walrusd.socket"):
        text = (UNITS / name).read_text().replace("/usr/bin/walrusd", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "walrusd.service", tmp_path / "walrusd.socket"],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "walrusd" in line]
    assert complaints == []


def test_the_example_configuration_is_complete_and_safe() -> None:
    path = ROOT / "config" / "walrusd.toml"
    settings = load_settings(path)
    assert settings.daemon.roles == {Role.CONTRIBUTOR}
    assert settings.policy.max_stake_per_task == 0
    keys = {line.split(" =")[0] for line in render_settings(settings).splitlines() if " =" in line}
    missing = {key for key in keys if f"{key} =" not in path.read_text()}
    assert missing == set(), "every key is shown in the example"


def test_every_method_is_reached_by_a_command() -> None:
    sources = "".join(p.read_text() for p in (ROOT / "walrusctl" / "commands").glob("*.py"))
    unreached = [method.name for method in METHODS if f'"{method.name}"' not in sources]
    assert unreached == []
