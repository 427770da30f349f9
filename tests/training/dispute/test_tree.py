"""Trees shown some nodes at a time, and evidence about one place of a transcript."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.transcripts import read_transcript
from tests.training.dispute.test_transcript import OPERATIONS, PLAN, STEP, write_small
from walrusd.crypto import merkle
from walrusd.errors import VerificationFailed
from walrusd.training.dispute.evidence import compute_evidence, evidence_to_json, verify_evidence
from walrusd.training.dispute.tree import HashTree, TreeNode, find_difference, verify_children
from walrusd.training.dispute.writer import Wanted


def make_leaves(count, wrong=()):
    return [hashlib.sha256(b"%d %d" % (n, n in wrong)).digest() for n in range(count)]


def make_tree(leaves):
    return HashTree(len(leaves), lambda start, stop: b"".join(leaves[start:stop]))


sizes = st.integers(1, 700)


@given(sizes, st.data())
def test_roots_and_paths_are_those_of_rfc_6962(size, data):
    leaves = make_leaves(size)
    tree, plain = make_tree(leaves), merkle.Tree(leaves, hashed=True)
    assert tree.root() == TreeNode(size, tree.height, 0, plain.root)
    index = data.draw(st.integers(0, size - 1))
    assert tree.path(index) == plain.path(index)
    for wrong in (-1, size):
        with pytest.raises(IndexError):
            tree.path(wrong)


def test_a_tree_of_many_leaves_is_hashed_in_pieces():
    leaves = make_leaves(3 * 4096 + 5)
    asked = []

    def read(start, stop):
        asked.append(stop - start)
        return b"".join(leaves[start:stop])

    assert HashTree(len(leaves), read).root().hash == merkle.compute_root_of_hashes(leaves)
    assert max(asked) == 4096
    with pytest.raises(ValueError, match="at least one leaf"):
        HashTree(0, read)


@given(sizes, st.sampled_from([2, 4, 256]), st.data())
def test_children_lead_to_their_node_and_nothing_else_does(size, width, data):
    tree = make_tree(make_leaves(size))
    node = tree.root()
    while node.level:
        shown = tree.children(node, width)
        assert len(shown) <= width
        children = verify_children(node, shown, width)
        assert [child.hash for child in children] == shown
        spans = [leaf for child in children for leaf in child.span]
        assert spans == list(node.span)
        place = data.draw(st.integers(0, len(shown) - 1))
        other = [*shown[:place], b"x" * 32, *shown[place + 1 :]]
        short = [*shown[:place], b"x" * 31, *shown[place + 1 :]]
        for wrong in (other, short, shown[:-1], [*shown, shown[-1]], []):
            with pytest.raises(VerificationFailed):
                verify_children(node, wrong, width)
        if len(set(shown)) > 1:
            with pytest.raises(VerificationFailed):
                verify_children(node, shown[::-1], width)
        if len(shown) > 2:
            joined = merkle.hash_node(*shown[:2])
            with pytest.raises(VerificationFailed):
                verify_children(node, [joined, *shown[2:]], width)
        node = data.draw(st.sampled_from(children))
    assert node.hash == make_leaves(size)[node.place]


@pytest.mark.parametrize("width", [0, 1, 3, 255])
def test_a_width_is_a_power_of_two(width):
    tree = make_tree(make_leaves(9))
    with pytest.raises(ValueError, match="not a power of two"):
        tree.children(tree.root(), width)


@given(sizes, st.sampled_from([2, 16, 256]), st.data())
def test_the_first_difference_is_found(size, width, data):
    wrong = data.draw(st.sets(st.integers(0, size - 1), max_size=4))
    a, b = make_tree(make_leaves(size)), make_tree(make_leaves(size, wrong))
    assert find_difference(a, b, width) == min(wrong, default=None)
    assert find_difference(b, a, width) == min(wrong, default=None)


def test_rounds_are_as_few_as_the_width_allows():
    """65,536 leaves are two rounds of 256; one leaf more makes a third."""
    for size, rounds in ((256, 1), (257, 2), (65_536, 2), (65_537, 3)):
        leaves = [bytes(32)] * size
        tree = make_tree(leaves)
        node, count = tree.root(), 0
        while node.level:
            node = verify_children(node, tree.children(node))[-1]
            count += 1
        assert (node.place, count) == (size - 1, rounds)


def test_who_shows_what_was_not_committed_to_is_refused():
    """A party that answers from another tree than that of its root fails at the first answer."""
    honest, wrong = make_leaves(600), make_leaves(600, {5})
    asked = []

    def change(start, stop):
        asked.append(start)
        leaves = honest if len(asked) < 3 else make_leaves(600, {9})
        return b"".join(leaves[start:stop])

    with pytest.raises(VerificationFailed, match="another node"):
        find_difference(HashTree(600, change), make_tree(wrong))


@pytest.fixture(scope="module")
def told():
    return read_transcript(PLAN, write_small(Wanted(STEP, 1 << 20)))


NUMBER = next(each.number for each in OPERATIONS if each.form.leaves > 2)


def test_evidence_is_of_what_the_transcript_says(told):
    for step in told.steps:
        evidence = compute_evidence(told, step, NUMBER, 2)
        verify_evidence(PLAN, evidence)
        assert evidence.root == told.tree().root().hash
        assert evidence.records[-1] == told.get_record(step)
        assert (evidence.output is None) == (step != STEP)
        assert len(evidence.records) == (1 if step == 1 else 2)
    evidence = compute_evidence(told, STEP, NUMBER, 2)
    assert evidence.output.leaf.hash == told.log.leaf_tree(NUMBER).leaf_hashes(2, 3)[0]
    assert evidence_to_json(evidence)["output"]["digest"] == told.log.digest(NUMBER).hex()
    last = len(OPERATIONS) - 1
    evidence = compute_evidence(told, STEP, last, 0)
    assert (evidence.output.digest, evidence.output.leaf) == (evidence.records[-1].state_root, None)
    verify_evidence(PLAN, evidence)


def forge_evidence(good):
    """Yield evidence with one thing wrong."""
    x = b"x" * 32
    output, leaf, record = good.output, good.output.leaf, good.records[-1]
    yield replace(good, root=x)
    yield replace(good, index=good.index + 1)
    yield replace(good, index=0)
    yield replace(good, records=good.records[:1])
    yield replace(good, paths=good.paths[:1])
    yield replace(good, records=good.records[::-1])
    yield replace(good, paths=good.paths[::-1])
    yield replace(good, paths=(good.paths[0], (*good.paths[1], x)))
    for part in ("losses", "folds", "chain", "state_root"):
        yield replace(good, records=(good.records[0], replace(record, **{part: x})))
    yield replace(good, records=(good.records[0], replace(record, step=record.step + 1)))
    for change in (
        {"root": x},
        {"number": output.number + 1},
        {"digest": x},
        {"path": output.path[:-1]},
        {"ends": output.ends[::-1]},
        {"ends": (output.ends[0], output.ends[1][:-1])},
        {"leaf": replace(leaf, index=leaf.index - 1)},
        {"leaf": replace(leaf, index=999)},
        {"leaf": replace(leaf, hash=x)},
        {"leaf": replace(leaf, data=leaf.data[:-4])},
        {"leaf": replace(leaf, data=b"x" + leaf.data[1:])},
        {"leaf": replace(leaf, path=(*leaf.path, x))},
    ):
        yield replace(good, output=replace(output, **change))


def test_forged_evidence_is_refused(told):
    good = compute_evidence(told, STEP, NUMBER, 2)
    verify_evidence(PLAN, good)
    for wrong in forge_evidence(good):
        with pytest.raises(VerificationFailed):
            verify_evidence(PLAN, wrong)


def test_outputs_of_another_step_are_no_evidence(told):
    """The last outputs of a log are those of its own record alone."""
    good = compute_evidence(told, STEP, NUMBER, 2)
    other = compute_evidence(told, STEP + 1, None, None)
    with pytest.raises(VerificationFailed):
        verify_evidence(PLAN, replace(other, output=good.output))
