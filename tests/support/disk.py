"""What is asked of the disk: durability is the order of flushing and naming."""

import os
from pathlib import Path

import pytest


def record_disk(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return a list that grows by each flush of a file or directory, and each name given."""
    seen: list[tuple[str, str]] = []
    fsync, replace, hardlink_to = os.fsync, Path.replace, Path.hardlink_to

    def record_fsync(descriptor: int) -> None:
        seen.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def record_replace(self: Path, name: Path) -> Path:
        seen.append(("replace", name.name))
        return replace(self, name)

    def record_link(self: Path, part: Path) -> None:
        seen.append(("link", self.name))
        hardlink_to(self, part)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    monkeypatch.setattr(Path, "hardlink_to", record_link)
    return seen
