"""``python -m tests.project.wheel DIRECTORY``: check the wheel in a directory before its release.

It must hold every file that the program reads, nothing else, and run where no checkout is.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import walrusd

ROOT = Path(__file__).resolve().parents[2]
_NOT_SHIPPED = {".so", ".pyc", ".md"}
_COMPILED = "walrusd/training/native/_kernels"


def list_expected(root: Path = ROOT) -> set[str]:
    """Return what a wheel must hold: all that lies in the packages, and the network profiles."""
    packages = (path for top in ("walrusd", "walrusctl") for path in (root / top).rglob("*"))
    expected = {
        path.relative_to(root).as_posix()
        for path in packages
        if path.is_file() and path.suffix not in _NOT_SHIPPED
    }
    data = f"walrusd-{walrusd.__version__}.data/data/share/walrusd/networks"
    return expected | {f"{data}/{path.name}" for path in (root / "config/networks").glob("*.toml")}


def find_faults(names: Iterable[str], expected: set[str]) -> list[str]:
    """Return what is wrong with the names of a wheel's files, in words."""
    files = {name for name in names if ".dist-info/" not in name and not name.endswith("/")}
    compiled = {name for name in files if name.startswith(_COMPILED)}
    faults = [f"{name} is missing" for name in sorted(expected - files)]
    faults += [f"{name} does not belong in it" for name in sorted(files - expected - compiled)]
    return faults if compiled else [*faults, f"{_COMPILED}: the kernels were not compiled"]


def run_outside(wheel: Path, directory: Path) -> str:
    """Install a wheel into a new environment and return what ``walrusd --version`` prints there.

    The dependencies are those of this environment; its walrusd is out of reach.
    """
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    here = [path for path in sys.path if Path(path).name == "site-packages"]
    there = directory / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (there / "dependencies.pth").write_text("\n".join(here), "utf-8")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--force-reinstall", wheel], check=True)
    probe = "import walrusd; print(walrusd.__file__)"
    for command in ([python, "-c", probe], [directory / "bin" / "walrusd", "--version"]):
        done = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
        if "-c" in command and not Path(done.stdout.strip()).is_relative_to(there):
            raise SystemExit(f"the environment imports {done.stdout.strip()}")
    return done.stdout.strip()


def main(directory: Path) -> None:
    """Check the one wheel of ``directory``; exits with 1 and the reasons if it must not go out."""
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        faults = find_faults(archive.namelist(), list_expected())
    if faults:
        raise SystemExit("\n".join(faults))
    with tempfile.TemporaryDirectory() as scratch:
        said = run_outside(wheel, Path(scratch))
    if walrusd.__version__ not in said:
        raise SystemExit(f"the wheel is {said}, the checkout {walrusd.__version__}")
    print(f"{wheel.name}: {said}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
