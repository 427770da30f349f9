"""The contract as an earlier release had it: other bytecode, and the rules that go with it.

The sources with ``VERSION`` 0 are compiled, so the bytecode is what the real compiler makes of
them; the devnet serves it with a copy of the executable specification that has the same version.
It has no Move VM: that both do the same is what the tests of the Move package are for.
"""

import base64
import shutil
from dataclasses import replace
from pathlib import Path

from tests.move.builder import PACKAGE, run_builder
from tests.move.mutants import Mutant, apply
from walrusd.chain.packages.bytecode import Bytecode, compute_package_digest
from walrusd.devnet.chain_file import load_contract
from walrusd.devnet.move.packages import Contract

RULES = Mutant("an earlier release", "constants", "VERSION = 1\n", "VERSION = 0\n")


def build_earlier(folder: Path) -> Contract:
    """Compile the earlier release; ``folder`` is empty, and on the path of importable packages."""
    sources, rules = folder / "move", apply(RULES, folder)
    shutil.copytree(PACKAGE, sources)
    market = sources / "sources" / "market.move"
    text = market.read_text()
    assert text.count("const VERSION: u64 = 1;") == 1
    market.write_text(text.replace("const VERSION: u64 = 1;", "const VERSION: u64 = 0;"))
    built = decode_build(run_builder("build", sources))
    now = load_contract()
    assert built.digest != now.digest
    return replace(
        now,
        functions=tuple(rules.functions.values()),
        genesis=rules.deploy,
        digest=built.digest,
        modules=built.modules,
        dependencies=built.dependencies,
    )


def decode_build(built) -> Bytecode:
    """Return the compiler's answer as bytecode that can be published."""
    modules = tuple(base64.b64decode(module) for module in built["modules"])
    dependencies = tuple(built["dependencies"])
    return Bytecode(modules, dependencies, compute_package_digest(modules, dependencies))
