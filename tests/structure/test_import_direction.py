"""The layout: which room imports which, how large a room is, and that there are no circles."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 25

FOUNDATION = {"durations", "errors", "files", "text", "units"}
"""Modules that everybody imports; they import nothing of ours but each other."""

_DECIDING = {"core", "crypto"}
_MACHINE = _DECIDING | {"settings", "runtime"}
_ADAPTERS = _MACHINE | {"training", "chain", "storage", "state"}
_ENGINE = _ADAPTERS | {"workers", "engine"}
_MARKET = _ENGINE | {"market"}
_ROLES = _MARKET | {"examination"}

# What the modules of a room import beside their own room and the foundation.
ALLOWED: dict[str, set[str]] = {
    "crypto": set(),
    "core": {"crypto"},
    "training": _DECIDING,
    "settings": _DECIDING,
    "runtime": _DECIDING | {"settings"},
    "chain": _MACHINE,
    "storage": _MACHINE,
    "state": _MACHINE,
    "workers": _DECIDING | {"runtime", "training"},
    "engine": _ADAPTERS,
    "market": _ENGINE,
    "examination": _MARKET,
    "services": _ROLES,
    "control": _ROLES | {"services"},
    "rpc": _MACHINE | {"state"},
    "verify": _MARKET,
    "admin": _MARKET | {"services"},
    "cli": _MARKET | {"verify", "admin"},
    "devnet": _DECIDING | {"runtime", "chain", "storage"},
    "devnet_market": _MACHINE | {"chain", "cli", "devnet"},
    "compose": _ROLES | {"services", "control"},
    "app": _ENGINE | {"compose", "control", "rpc"},
    "__main__": {"settings", "runtime", "cli", "admin", "devnet", "devnet_market", "app"},
}

# The folders of a room, lower first. A folder imports those below it, never one beside it.
ORDER: dict[str, list[set[str]]] = {
    "crypto": [{""}, {"pedersen", "paillier"}, {"vfile", "envelopes"}],
    "training": [
        {"plan"},
        {"native"},
        {"numerics"},
        {"operators"},
        {"q8r"},
        {"layers"},
        {"run"},
        {"selftest", "dispute", "formats"},
        {"process"},
    ],
    "chain": [
        {"values"},
        {"layouts", "grpc"},
        {"nodes"},
        {"follow", "send"},
        {"packages", "calls"},
    ],
    "services": [
        {"contributor", "committee", "jury", "publisher", "data_owner", "upkeep"},
    ],
    "devnet": [{"move"}, {"ledger", "contract"}, {"rpc", "walrus"}, {""}],
}

# Third-party clients and who alone imports them.
ADAPTERS: dict[str, set[str]] = {
    "torch": {"walrusd/training"},
    "pysui": {"walrusd/chain/values"},
    "betterproto2": {"walrusd/chain", "walrusd/devnet"},
    "h2": {"walrusd/chain"},
    "httpx": {"walrusd/storage", "walrusctl"},
    "pysui_fastcrypto": {"walrusd/storage", "walrusd/devnet/walrus"},
    "jsonrpcserver": {"walrusd/rpc"},
    "sqlite3": {"walrusd/state", "walrusd/devnet", "walrusd/storage", "walrusd/chain"},
}

NO_IO = {"core", "crypto", "training"}
IO_MODULES = {"trio", "httpx", "socket", "sqlite3", "subprocess", "asyncio"}

LARGE = {"walrusd/devnet/contract"}
"""The contract's twin has a module for each module of the contract."""


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def _modules(top: str) -> list[Path]:
    return sorted((ROOT / top).rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {_name(path): path for top in ("walrusd", "walrusctl") for path in _modules(top)}
FOLDERS = {name for name, path in PATHS.items() if path.name == "__init__.py"}


def _targets(path: Path) -> set[str]:
    """Return the modules of ours that a module imports; not a package it imports a module from."""
    names = {name for name in _imports(path) if name in PATHS} - {"walrusd", _name(path)}
    return {
        name
        for name in names
        if name not in FOLDERS or not any(other.startswith(name + ".") for other in names)
    }


GRAPH = {n: _targets(path) for n, path in PATHS.items() if n.startswith("walrusd.")}
CLIENT = {n: _targets(path) for n, path in PATHS.items() if n.startswith("walrusctl.")}


def _folder(name: str) -> str:
    """Return the folder of a module; a module at the top stands for itself."""
    if name in FOLDERS or name.count(".") == 1:
        return name
    return name.rpartition(".")[0]


def _find_circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the members of one circle, or nothing."""
    done: set[str] = set()
    for start in sorted(graph):
        path = [start]
        walks: list[Iterator[str]] = [iter(sorted(graph[start]))]
        while walks and start not in done:
            following = next(walks[-1], None)
            if following is None:
                done.add(path.pop())
                walks.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            elif following not in done:
                path.append(following)
                walks.append(iter(sorted(graph.get(following, ()))))
    return []


@pytest.mark.parametrize("name", sorted(GRAPH))
def test_rooms_import_only_downwards(name: str) -> None:
    room = name.split(".")[1]
    allowed = FOUNDATION if room in FOUNDATION else ALLOWED[room] | FOUNDATION | {room}
    for target in GRAPH[name]:
        assert target.split(".")[1] in allowed, f"{name} imports {target}"


@pytest.mark.parametrize("room", sorted(ORDER))
def test_folders_of_a_room_import_only_downwards(room: str) -> None:
    levels = {folder: level for level, row in enumerate(ORDER[room]) for folder in row}
    for name, targets in GRAPH.items():
        if name.split(".")[1] != room:
            continue
        here = _folder(name).split(".")[2:3] or [""]
        for target in targets:
            there = _folder(target).split(".")[2:3] or [""]
            if target.split(".")[1] == room and here != there:
                assert levels[there[0]] < levels[here[0]], f"{name} imports {target}"


def test_there_is_no_circle_of_files() -> None:
    assert _find_circle(GRAPH | CLIENT) == []


def test_there_is_no_circle_of_folders() -> None:
    folders: dict[str, set[str]] = {}
    for name, targets in (GRAPH | CLIENT).items():
        here = _folder(name)
        folders.setdefault(here, set()).update({_folder(t) for t in targets} - {here})
    assert _find_circle(folders) == []


def test_a_circle_would_be_found() -> None:
    assert _find_circle({"a": ["b"], "b": ["c"], "c": []}) == []
    circle = _find_circle({"a": ["b"], "b": ["c"], "c": ["b"]})
    assert list(pairwise(circle)) == [("b", "c"), ("c", "b")]


def test_folders_are_small_enough_to_be_read_at_a_glance() -> None:
    for folder in {
        path.parent for top in ("walrusd", "walrusctl", "tests") for path in _modules(top)
    }:
        modules = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
        relative = folder.relative_to(ROOT).as_posix()
        assert len(modules) <= LIMIT or relative in LARGE, f"{relative}: {len(modules)} modules"


@pytest.mark.parametrize("client", sorted(ADAPTERS))
def test_each_third_party_client_has_its_adapter(client: str) -> None:
    homes = ADAPTERS[client]
    for path in _modules("walrusd") + _modules("walrusctl"):
        relative = path.relative_to(ROOT).as_posix()
        if any(relative.startswith(home + "/") for home in homes):
            continue
        tops = {name.split(".")[0] for name in _imports(path)}
        assert client not in tops, f"{relative} imports {client}"


SHARED = {"walrusd.market.fetch", "walrusd.market.aggregate", "walrusd.engine.readiness"}
"""Where classes are defined that several services share, beside the services themselves."""


def _find_built(path: Path) -> set[str]:
    """Return the services and shared classes that a module makes instances of."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    origins = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return {
        f"{origins[name]}.{name}"
        for name in called & origins.keys()
        if (name[0].isupper() and origins[name] in SHARED)
        or name in SERVICES.get(origins[name], ())
    }


def _find_services() -> dict[str, set[str]]:
    """Return the subclasses of ``Service`` in each module of ours."""
    found: dict[str, set[str]] = {}
    for name, path in PATHS.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            bases = {ast.unparse(base) for base in getattr(node, "bases", ())}
            if isinstance(node, ast.ClassDef) and "Service" in bases:
                found.setdefault(name, set()).add(node.name)
    return found


SERVICES = _find_services()


def test_only_the_composition_root_builds_services_and_what_they_share() -> None:
    assert "Staker" in SERVICES["walrusd.services.contributor.staker"]
    built = {name: _find_built(path) for name, path in PATHS.items()}
    assert len(built.pop("walrusd.compose")) >= 12
    # It reads public data on its own, without a daemon.
    assert built.pop("walrusd.verify.aggregate") == {"walrusd.market.fetch.Fetcher"}
    assert {name: found for name, found in built.items() if found} == {}


def _find_ways(start: str) -> dict[str, list[str]]:
    """Return each module that ``start`` imports, directly or not, with one way to it.

    Imports inside functions count: they run in the same process.
    """
    ways = {start: [start]}
    for name in (queue := [start]):
        fresh = sorted(GRAPH[name] - ways.keys())
        ways |= {target: [*ways[name], target] for target in fresh}
        queue += fresh
    return ways


def test_nothing_that_the_daemon_imports_imports_torch() -> None:
    ways = _find_ways("walrusd.app")
    assert "walrusd.engine.supervisor" in ways
    assert "walrusd.training.process.child" not in ways
    for name, way in ways.items():
        tops = {imported.split(".")[0] for imported in _imports(PATHS[name])}
        assert "torch" not in tops, " -> ".join(way)


IMPORT_THE_DAEMON = """
import sys
import walrusd.app
heavy = {"torch", "transformers", "graphql", "walrusd.training.run.trainer"} & set(sys.modules)
# Not ru_maxrss: that also counts the process that started this one, which is the test run.
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak) // 1024, *sorted(heavy))
"""
MEMORY_MB = 100
"""What importing the daemon may take: 90 MB when this was written.

CPython takes 8 of them, our own modules 17, numpy, cryptography and pysui most of the rest. The
margin is for other versions of the libraries; torch alone would take 180.
"""


def test_importing_the_daemon_takes_little_memory() -> None:
    for _ in range(2):  # compiling takes memory too, but only the first time
        command = [sys.executable, "-c", IMPORT_THE_DAEMON]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    megabytes, *heavy = run.stdout.split()
    assert not heavy
    assert int(megabytes) < MEMORY_MB


@pytest.mark.parametrize("room", sorted(NO_IO))
def test_decision_code_does_no_io(room: str) -> None:
    for path in _modules(f"walrusd/{room}"):
        tops = {name.split(".")[0] for name in _imports(path)}
        if path.name == "child.py":
            continue  # the training process: the one place in training that reads and writes
        assert not tops & IO_MODULES, f"{path} imports {tops & IO_MODULES}"


def test_the_client_imports_only_the_schema_and_how_to_print_text_and_durations() -> None:
    for path in _modules("walrusctl"):
        ours = {n for n in _imports(path) if n.startswith("walrusd")}
        allowed = ("walrusd.rpc.schema", "walrusd.text", "walrusd.durations")
        assert all(n.startswith(allowed) or n == "walrusd.rpc" for n in ours), path
