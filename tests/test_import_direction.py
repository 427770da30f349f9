"""The dependency direction of the design, read from the sources."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A package may import itself, the packages listed, and the foundation.
FOUNDATION = {"errors", "events", "text", "units"}
ALLOWED: dict[str, set[str]] = {
    "crypto": set(),
    "core": {"crypto"},
    "training": {"core", "crypto"},
    "settings": {"core", "crypto"},
    "runtime": {"core", "crypto", "settings"},
    "chain": {"core", "crypto", "settings", "runtime"},
    "storage": {"core", "crypto", "settings", "runtime"},
    "state": {"core", "crypto", "settings", "runtime"},
    "services": {
        "core",
        "crypto",
        "training",
        "settings",
        "runtime",
        "chain",
        "storage",
        "state",
    },
    "rpc": {"core", "crypto", "settings", "runtime", "state", "services"},
    "devnet": {"core", "crypto", "chain", "storage", "runtime"},
}

# Third-party clients and who alone imports them.
ADAPTERS: dict[str, set[str]] = {
    "torch": {"walrusd/training"},
    "pysui": {"walrusd/chain", "walrusd/devnet"},
    "betterproto2": {"walrusd/chain", "walrusd/devnet"},
    "h2": {"walrusd/chain"},
    "httpx": {"walrusd/storage", "walrusctl"},
    "pysui_fastcrypto": {"walrusd/storage", "walrusd/devnet/walrus"},
    "jsonrpcserver": {"walrusd/rpc"},
    "sqlite3": {"walrusd/state", "walrusd/devnet", "walrusd/storage", "walrusd/chain"},
}

NO_IO = {"core", "crypto", "training"}
IO_MODULES = {"trio", "httpx", "socket", "sqlite3", "subprocess", "asyncio"}


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


def _package(path: Path) -> str:
    parts = path.relative_to(ROOT / "walrusd").parts
    return parts[0] if len(parts) > 1 else ""


@pytest.mark.parametrize("path", _modules("walrusd"), ids=lambda p: str(p.relative_to(ROOT)))
def test_packages_import_only_downwards(path: Path) -> None:
    package = _package(path)
    if not package:
        return  # errors, units, events and the composition root have their own tests
    for name in _imports(path):
        if name.startswith("walrusd."):
            target = name.split(".")[1]
            allowed = ALLOWED[package] | FOUNDATION | {package}
            assert target in allowed, f"{path} imports {name}"


def test_the_foundation_imports_nothing_of_ours() -> None:
    for name in FOUNDATION:
        path = ROOT / "walrusd" / f"{name}.py"
        if path.exists():
            ours = {i for i in _imports(path) if i.startswith("walrusd.")}
            assert {i.split(".")[1] for i in ours} <= FOUNDATION


@pytest.mark.parametrize("client", sorted(ADAPTERS))
def test_each_third_party_client_has_its_adapter(client: str) -> None:
    homes = ADAPTERS[client]
    for path in _modules("walrusd") + _modules("walrusctl"):
        relative = path.relative_to(ROOT).as_posix()
        if any(relative.startswith(home + "/") for home in homes):
            continue
        tops = {name.split(".")[0] for name in _imports(path)}
        assert client not in tops, f"{relative} imports {client}"


@pytest.mark.parametrize("package", sorted(NO_IO))
def test_decision_code_does_no_io(package: str) -> None:
    for path in _modules(f"walrusd/{package}"):
        tops = {name.split(".")[0] for name in _imports(path)}
        if path.name == "child.py":
            continue  # the training process: the one place in training that reads and writes
        assert not tops & IO_MODULES, f"{path} imports {tops & IO_MODULES}"


def test_the_client_imports_only_the_schema_and_how_to_print_text() -> None:
    for path in _modules("walrusctl"):
        ours = {n for n in _imports(path) if n.startswith("walrusd")}
        allowed = ("walrusd.rpc.schema", "walrusd.text")
        assert all(n.startswith(allowed) or n == "walrusd.rpc" for n in ours), path
