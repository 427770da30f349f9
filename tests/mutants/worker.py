"""One process that tries mutants: it changes a module of its copy, runs tests, and changes it back.

It is started in its copy of the tree, reads a task a line, and answers with a line each.
"""

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutants.child import Verdict, adopt_orphans, end_with_parent, run_tests

LIBRARIES = (
    *("_hypothesis_pytestplugin", "anyio.pytest_plugin", "pytest_timeout", "pytest_trio.plugin"),
    *("xdist.plugin", "hypothesis.strategies", "hypothesis.internal.conjecture.engine"),
    *("numpy", "torch", "safetensors.torch", "trio.testing", "httpx", "h2.connection", "starlette"),
    *("cryptography.hazmat.primitives.ciphers.aead", "cryptography.x509", "cbor2", "blake3"),
    *("gmpy2", "phe", "py_arkworks_bls12381", "structlog", "rich.console", "click", "base58"),
    *("betterproto2", "grpclib", "pysui", "pysui_fastcrypto", "hypercorn.trio", "jsonrpcserver"),
    *("prometheus_client", "sqlite3", "yaml", "pyblst", "pyhpke", "tink"),
)
"""What most tests import, and takes long. None of it imports the program."""


class Bench:
    """A copy of the tree in which mutants are tried, one at a time."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root, self._scratch = root, scratch
        self._sound: set[str] = set()

    def try_mutant(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return what became of a mutant; ``error`` if a test fails without it too."""
        path = self._root / task["file"]
        original, before = path.read_bytes(), path.stat()
        changed = original[: task["start"]] + task["text"].encode() + original[task["end"] :]
        # Another time than the module ever had: what Python has compiled of it does not hold.
        moment = before.st_mtime_ns - (task["at"] + 1) * 2_000_000_000
        ran = 0
        verdict, batch = Verdict("passed"), []
        try:
            path.write_bytes(changed)
            os.utime(path, ns=(moment, moment))
            for batch in task["batches"]:
                verdict = run_tests(batch, task["seconds"], self._scratch)
                ran += len(batch)
                if verdict.outcome != "passed":
                    break
        finally:
            path.write_bytes(original)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        if verdict.outcome != "passed":
            unsound = self._find_unsound(verdict, batch, task["seconds"])
            if unsound:
                return {"outcome": "error", "test": unsound}
        return {"outcome": verdict.outcome, "test": verdict.test, "ran": ran}

    def _find_unsound(
        self, verdict: Verdict, batch: Sequence[str], seconds: Mapping[str, float]
    ) -> str:
        """Return the test that noticed a mutant if it fails without one; otherwise nothing."""
        tests = [verdict.test] if verdict.test else list(batch)[:1]
        if tests[0] in self._sound:
            return ""
        again = run_tests(tests, seconds, self._scratch)
        if again.outcome != "passed":
            told = (self._scratch / "output.txt").read_text("utf-8", errors="replace")
            return f"{tests[0]} ({again.outcome})\n{told[-3000:]}"
        self._sound.add(tests[0])
        return ""


def main() -> None:
    """Try what comes on standard input, until it ends."""
    end_with_parent()
    adopt_orphans()
    for library in LIBRARIES:
        importlib.import_module(library)
    early = [name for name in sys.modules if name.partition(".")[0] == "walrusd"]
    assert not early, f"a library imports the program: {early}"
    bench = Bench(Path.cwd(), Path(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(bench.try_mutant(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
