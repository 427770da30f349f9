"""What a transcript says about one place, provable without the rest of it.

This is what a judge is shown: paths from the root of the records to the record of a step and of the
one before, from the step's operations to one output, and from there to one leaf.
"""

from dataclasses import dataclass
from typing import Any

from walrusd.crypto import merkle
from walrusd.crypto.number_tree import compute_root_from_leaf
from walrusd.errors import VerificationFailed
from walrusd.training.dispute.forms import NO_OUTPUT
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.reader import Transcript
from walrusd.training.dispute.transcript import StepRecord
from walrusd.training.plan.plan import Plan

Path = tuple[bytes, ...]
"""Hashes of 32 bytes, from a leaf upwards."""


@dataclass(frozen=True)
class ShownLeaf:
    """A leaf of an output: its index and hash, and its path to the root of the output's leaves.

    ``data`` holds its words, if the transcript carries them.
    """

    index: int
    hash: bytes
    path: Path
    data: bytes | None


@dataclass(frozen=True)
class ShownOutput:
    """An output of a step: its operation's number, its digest, and the path to the step's root.

    ``ends`` are the paths of the last two operations, whose outputs are chain and state root of the
    record.
    """

    root: bytes
    number: int
    digest: bytes
    path: Path
    ends: tuple[Path, Path]
    leaf: ShownLeaf | None


@dataclass(frozen=True)
class Evidence:
    """Records of a step, and of the step before unless it is the first, with their paths."""

    root: bytes
    index: int
    records: tuple[StepRecord, ...]
    paths: tuple[Path, ...]
    output: ShownOutput | None


def compute_evidence(
    transcript: Transcript, step: int, number: int | None, leaf: int | None
) -> Evidence:
    """Return what a transcript says about ``step``, and if it has the log, about an output.

    ``number`` is that of the operation, ``leaf`` the index of a leaf of its output.

    Raises:
        MalformedTranscript: if the leaves of the output do not lead to its digest.
    """
    tree, index = transcript.tree(), step - transcript.steps.start
    shown = range(max(0, index - 1), index + 1)
    return Evidence(
        root=tree.root().hash,
        index=index,
        records=tuple(transcript.get_record(transcript.steps.start + each) for each in shown),
        paths=tuple(tuple(tree.path(each)) for each in shown),
        output=None if number is None else _show_output(transcript, step, number, leaf),
    )


def _show_output(
    transcript: Transcript, step: int, number: int, leaf: int | None
) -> ShownOutput | None:
    log = transcript.find_log(step)
    if log is None:
        return None
    tree, leaves = log.tree(), None if leaf is None else log.leaf_tree(number)
    shown = None
    if leaf is not None and leaves is not None:
        shown = ShownLeaf(
            leaf,
            leaves.leaf_hashes(leaf, leaf + 1)[0],
            tuple(leaves.path(leaf)),
            log.read_leaf(number, leaf),
        )
    return ShownOutput(
        root=tree.root().hash,
        number=number,
        digest=log.digest(number),
        path=tuple(tree.path(number)),
        ends=(tuple(tree.path(tree.size - 2)), tuple(tree.path(tree.size - 1))),
        leaf=shown,
    )


def verify_evidence(plan: Plan, evidence: Evidence) -> None:
    """Check that everything shown leads to ``evidence.root``, by the shape that ``plan`` gives.

    Raises:
        VerificationFailed: if a path, a record, an output or a leaf does not fit.
    """
    first = max(0, evidence.index - 1)
    if len(evidence.records) != evidence.index - first + 1 or len(evidence.paths) != len(
        evidence.records
    ):
        raise VerificationFailed(
            "the record of the step and that of the step before belong together"
        )
    for index, (record, path) in enumerate(
        zip(evidence.records, evidence.paths, strict=True), first
    ):
        merkle.verify_path(evidence.root, record.to_leaf(), index, plan.segment_steps, path)
    if evidence.output is not None:
        _verify_output(plan, evidence.records[-1], evidence.output)


def _verify_output(plan: Plan, record: StepRecord, output: ShownOutput) -> None:
    operations = compute_operations(plan)
    count = len(operations)
    merkle.verify_path(output.root, output.digest, output.number, count, output.path)
    ended = record.code is not None
    ends = (NO_OUTPUT, NO_OUTPUT) if ended else (record.chain, record.state_root)
    for number, (digest, path) in enumerate(zip(ends, output.ends, strict=True), count - 2):
        merkle.verify_path(output.root, digest, number, count, path)
    if output.leaf is None:
        return
    form, leaf = operations[output.number].form, output.leaf
    root = merkle.compute_root_from_node(leaf.hash, leaf.index, form.leaves, leaf.path)
    if leaf.data is not None and root != compute_root_from_leaf(
        form.words, leaf.index, leaf.data, leaf.path
    ):
        raise VerificationFailed("the words of the leaf have another hash")
    if form.compute_digest(root) != output.digest:
        raise VerificationFailed("the leaf's path leads to another digest")


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as JSON, hashes in hexadecimal."""
    return {
        "root": evidence.root.hex(),
        "records": [
            {"step": record.step, "record": record.to_bytes().hex(), "path": _show(path)}
            for record, path in zip(evidence.records, evidence.paths, strict=True)
        ],
        "output": None if evidence.output is None else _output_to_json(evidence.output),
    }


def _output_to_json(output: ShownOutput) -> dict[str, Any]:
    leaf = output.leaf
    return {
        "operations_root": output.root.hex(),
        "number": output.number,
        "digest": output.digest.hex(),
        "path": _show(output.path),
        "chain_path": _show(output.ends[0]),
        "state_path": _show(output.ends[1]),
        "leaf": None
        if leaf is None
        else {
            "index": leaf.index,
            "hash": leaf.hash.hex(),
            "path": _show(leaf.path),
            "words": None if leaf.data is None else leaf.data.hex(),
        },
    }


def _show(path: Path) -> list[str]:
    return [each.hex() for each in path]
