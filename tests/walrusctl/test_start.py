"""The client starts quickly because it imports little."""

import subprocess
import sys

import pytest

HEAVY = [
    "torch", "pysui", "trio", "numpy", "cryptography", "starlette", "jsonrpcserver", "httpx",
    "rich", "structlog", "sqlite3", "phe",
]  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["task", "show", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from walrusctl.__main__ import main\n"
        "try:\n    main(sys.argv[2:])\n"
        "finally:\n    print(sorted(set(sys.argv[1].split()) & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, " ".join(HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage: walrusctl" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_call_imports_neither_torch_nor_pysui() -> None:
    script = (
        "import sys\n"
        "from walrusctl.__main__ import main\n"
        "try:\n    main(['status', '--socket', '/nowhere/x', '--json'])\n"
        "except SystemExit: print(sorted({'torch', 'pysui', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_offline_commands_pass_on_arguments_streams_and_status(tmp_path) -> None:
    def ctl(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "walrusctl", *arguments],
            check=False,
            capture_output=True,
            text=True,
        )

    assert "Usage: python -m walrusd config" in ctl("config", "--help").stdout
    done = ctl("config", "show", "--config", str(tmp_path / "none.toml"), "--json")
    assert done.returncode == 1
    assert '"code": "config.invalid"' in done.stdout
    assert ctl("init").returncode == 2


@pytest.mark.parametrize(
    ("redirected", "status", "told"),
    [(">/dev/full", 1, "error local.disk_full: No space left on device\n"), (">&-", 0, "")],
)
def test_an_output_that_takes_nothing_is_no_bug(redirected, status, told) -> None:
    script = (
        "from walrusctl.__main__ import cli, main\n"
        "from walrusctl.render import render_result\n"
        "@cli.command()\n"
        "def probe(): render_result('status', {'version': '1'}, full=False)\n"
        "main(['probe'])\n"
    )
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {redirected}', sys.executable, script],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (done.returncode, done.stderr) == (status, told)
