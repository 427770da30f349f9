"""What the programs define, they use: nothing public is there for the tests alone."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_PROOF = "shows numbers to who holds a root alone, as a contract that judges does"
_DEVNET = "part of the devnet, which is there to be tested with"

_PACKAGES = "public in the contract, for other packages to call"

UNUSED = {
    "walrusd/chain/calls/jury.py: JuryCalls.accuse_file": "an outsider's call: no daemon makes it",
    "walrusctl/layout.py: PrintableConsole.render": "called by rich",
    "walrusd/chain/grpc/channel.py: open_channel": "a client of one server, to test servers with",
    "walrusd/chain/send/inputs.py: Inputs.u16": "called by the name of the parameter's type",
    "walrusd/chain/send/inputs.py: Inputs.u32": "called by the name of the parameter's type",
    "walrusd/chain/send/inputs.py: Inputs.u128": "called by the name of the parameter's type",
    "walrusd/cli/verify.py: _FileByDefault.resolve_command": "called by click",
    "walrusd/crypto/number_tree.py: verify_leaf": _PROOF,
    "walrusd/crypto/number_tree.py: verify_piece": _PROOF,
    "walrusd/crypto/pedersen/g1.py: Generators.dump_cache": "makes the file that load_cache reads",
    "walrusd/devnet/contract/envelope.py: check_value": _PACKAGES,
    "walrusd/devnet/launch.py: run_devnet": _DEVNET,
    "walrusd/devnet/move/context.py: MoveContext.join_balance": _DEVNET,
    "walrusd/devnet/move/context.py: MoveContext.split_balance": _DEVNET,
    "walrusd/devnet/walrus/store.py: BlobStore.count_objects": _DEVNET,
    "walrusd/state/protection.py: write_export": "moves the guard to another machine",
    "walrusd/training/run/state_root.py: prove_state_leaf": _PROOF,
    "walrusd/training/run/state_root.py: verify_state_leaf": _PROOF,
    "walrusd/training/native/library.py: enable_all": "lets every test begin anew",
}
"""Names that no code mentions, and who needs them."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_CALLED_BY_NAME = {
    "Api": "the methods of the control protocol",
    "DaemonApi": "the methods of the control protocol",
}


def _count_names(node: ast.AST) -> Counter[str]:
    names: Counter[str] = Counter()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            names[part.id] += 1
        elif isinstance(part, ast.Attribute):
            names[part.attr] += 1
        elif isinstance(part, ast.keyword) and part.arg:
            names[part.arg] += 1
        elif isinstance(part, ast.MatchClass):
            names.update(part.kwd_attrs)
    return names


def _is_registered(node: Definition) -> bool:
    """Return whether a decorator hands the function on: a command, a function of the contract."""
    calls = [d.func for d in node.decorator_list if isinstance(d, ast.Call)]
    names = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    return bool(names & {"command", "group", "public"})


def _list_definitions(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Return functions and classes at the top of a module, and public methods, by their names."""
    for node in tree.body:
        if isinstance(node, Definition):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and node.name not in _CALLED_BY_NAME:
            for method in node.body:
                if isinstance(method, Definition) and not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", method


def test_everything_is_used_by_the_programs() -> None:
    trees = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for top in ("walrusd", "walrusctl")
        for path in sorted((ROOT / top).rglob("*.py"))
    }
    here = {path: _count_names(tree) for path, tree in trees.items()}
    used: Counter[str] = Counter()
    for names in here.values():
        used.update(names)
    found = {
        f"{path}: {name}"
        for path, tree in trees.items()
        for name, node in _list_definitions(tree)
        # Only what no other module mentions need be looked for in its own definition.
        if used[node.name] == here[path][node.name]
        and used[node.name] == _count_names(node)[node.name]
        and not _is_registered(node)
    }
    assert sorted(found) == sorted(UNUSED)


NOT_READ = {
    "walrusd/crypto/stream.py: MODEL": "a kind that the format names",
    "walrusd/chain/layouts/objects.py: OWNED_OBJECTS": "what tests compare with the Move sources",
    "walrusd/crypto/envelope.py: HPKE_HYBRID": "a number that is reserved",
    "walrusd/crypto/envelope.py: SEAL": "a number that is reserved",
    "walrusd/devnet/move/failures.py: INVALID_USAGE_OF_PURE_ARGUMENT": "a number of Sui",
    "walrusd/devnet/move/signatures.py: COIN_MUT": _DEVNET,
}
"""Constants that no code reads, and why they are there."""


def _list_constants(tree: ast.Module) -> Iterator[str]:
    """Return the names assigned at the top of a module and of its classes, such as enumerators."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (node for body in bodies for node in body if isinstance(node, ast.Assign)):
        yield from (name.id for name in node.targets if isinstance(name, ast.Name))
    for node in (node for node in tree.body if isinstance(node, ast.AnnAssign)):
        yield ast.unparse(node.target)


def test_every_constant_is_read_by_the_programs() -> None:
    trees = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for top in ("walrusd", "walrusctl")
        for path in sorted((ROOT / top).rglob("*.py"))
    }
    read = {
        node.id if isinstance(node, ast.Name) else node.attr
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    found = {
        f"{path}: {name}"
        for path, tree in trees.items()
        for name in _list_constants(tree)
        if name not in read and not name.startswith("__")
    }
    assert found - NOT_READ.keys() == set()
    assert found == NOT_READ.keys()
