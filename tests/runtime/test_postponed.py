"""A package's ``__init__`` waits until an attribute is missing; nobody can tell otherwise."""

import importlib
import sys
import threading
from pathlib import Path

import pytest

from tests.support.guards import GUARD_S
from walrusd.runtime.postponed import postpone_init


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package whose ``__init__`` says so when it is run."""
    home = tmp_path / "slow_library"
    home.mkdir()
    (home / "__init__.py").write_text("import sys\nsys.slow_runs += 1\nNAME = 'slow'\n")
    (home / "part.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "slow_runs", 0, raising=False)
    yield "slow_library"
    for name in ("slow_library", "slow_library.part"):
        sys.modules.pop(name, None)


def test_a_submodule_does_not_run_the_init(package: str) -> None:
    postpone_init(package)
    assert importlib.import_module(f"{package}.part").VALUE == 7
    assert sys.slow_runs == 0  # type: ignore[attr-defined]  # the fixture's


def test_an_attribute_runs_the_init_once(package: str) -> None:
    postpone_init(package)
    module = importlib.import_module(package)
    assert (module.NAME, module.NAME) == ("slow", "slow")
    with pytest.raises(AttributeError, match="nothing"):
        _ = module.nothing
    assert sys.slow_runs == 1  # type: ignore[attr-defined]  # the fixture's


def test_a_package_in_use_is_left_alone(package: str) -> None:
    module = importlib.import_module(package)
    postpone_init(package)
    assert sys.modules[package] is module
    postpone_init("no_such_library")


def test_a_submodule_that_needs_the_whole_package_gets_it(package: str, tmp_path: Path) -> None:
    home = tmp_path / package
    (home / "__init__.py").write_text(f"NAME = 'slow'\nfrom {package}.late import WORD\n")
    (home / "late.py").write_text(f"from {package} import NAME\nWORD = NAME.upper()\n")
    postpone_init(package)
    (home / "later.py").write_text(f"from {package}.late import WORD\n")
    later = importlib.import_module(f"{package}.later")
    assert later is sys.modules[f"{package}.later"]
    late = importlib.import_module(f"{package}.late")
    assert late.WORD == "SLOW"
    assert late is sys.modules[f"{package}.late"]
    assert importlib.import_module(package).WORD == "SLOW"
    for name in ("late", "later"):
        sys.modules.pop(f"{package}.{name}")


def test_threads_wait_for_the_one_that_runs_it(package: str, tmp_path: Path) -> None:
    home = tmp_path / package
    (home / "__init__.py").write_text(
        f"import sys\nsys.slow_begun.set()\nsys.slow_go.wait({GUARD_S})\n"
        "sys.slow_runs += 1\nNAME = 'slow'\n"
    )
    begun, go = threading.Event(), threading.Event()
    sys.slow_begun, sys.slow_go = begun, go  # type: ignore[attr-defined]  # for the package
    postpone_init(package)
    found = []

    def read() -> None:
        found.append(importlib.import_module(package).NAME)

    threads = [threading.Thread(target=read) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        assert begun.wait(GUARD_S)
        assert found == []
        go.set()
        for thread in threads:
            thread.join()
    finally:
        go.set()
        del sys.slow_begun, sys.slow_go  # type: ignore[attr-defined]  # as above
    assert found == ["slow"] * 4
    assert sys.slow_runs == 1  # type: ignore[attr-defined]  # the fixture's


def test_an_init_that_fails_is_run_again(package: str, tmp_path: Path) -> None:
    init = tmp_path / package / "__init__.py"
    init.write_text("import no_such_library\n")
    postpone_init(package)
    module = importlib.import_module(package)
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            _ = module.NAME
    init.write_text("NAME = 'mended'\n\n")
    importlib.invalidate_caches()
    assert module.NAME == "mended"


def test_the_attributes_of_the_package_itself_are_asked_afterwards(
    package: str, tmp_path: Path
) -> None:
    init = tmp_path / package / "__init__.py"
    init.write_text("def __getattr__(name):\n    return name.upper()\n")
    postpone_init(package)
    module = importlib.import_module(package)
    assert (module.one, module.two) == ("ONE", "TWO")
