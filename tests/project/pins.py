"""constraints.txt as data, and what it must hold: every package of a full environment."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))


def read_pins(text: str) -> dict[str, Requirement]:
    """Return the requirements of a constraints file by name, as indexes compare names."""
    lines = (line.strip() for line in text.splitlines())
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}


PINS = read_pins(CONSTRAINTS.read_text("utf-8"))


def list_direct() -> list[str]:
    """Return what walrusd and all its extras ask for."""
    extras = PROJECT["optional-dependencies"].values()
    return [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]


def read_installed(name: str) -> list[str]:
    """Return what an installed package asks for; nothing where it is not installed."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def find_needed(
    direct: Iterable[str], read: Callable[[str], list[str]] = read_installed
) -> set[str]:
    """Return the names of all packages that some Python of ours needs on this platform.

    They are followed as far as packages are installed here: ``make lock`` needs no such luck.
    """
    needed: set[tuple[str, str]] = set()
    waiting = [(Requirement(each), "") for each in direct]
    while waiting:
        requirement, extra = waiting.pop()
        if not _applies(requirement, extra):
            continue
        name = canonicalize_name(requirement.name)
        for chosen in ("", *requirement.extras):
            if (name, chosen) not in needed:
                needed.add((name, chosen))
                waiting += [(Requirement(each), chosen) for each in read(name)]
    return {name for name, _ in needed}


def _applies(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None:
        return True
    environments: list[Mapping[str, str]] = [
        {"python_version": python, "python_full_version": f"{python}.0"} for python in PYTHONS
    ]
    return any(requirement.marker.evaluate({**each, "extra": extra}) for each in environments)
