"""The vectors of transcripts: made again bit by bit, and read by a stranger's program."""

import json
import struct

import pytest

from tests.training.dispute.stranger import Told, climb, digest_of, leaf, uleb
from tests.training.dispute.transcript_vectors import DIRECTORY, LEAF, NAMED, make_files
from walrusd.training.plan.plan import parse_plan

EXPECTED = json.loads((DIRECTORY / "transcript.json").read_bytes())
OPERATIONS = EXPECTED["operations"]
STEPS = parse_plan((DIRECTORY / "plan.json").read_bytes()).segment_steps


def test_the_files_are_made_again_bit_by_bit():
    made = make_files()
    assert {path.name for path in DIRECTORY.iterdir()} == set(made)
    for name, content in made.items():
        assert (DIRECTORY / name).read_bytes() == content, name


@pytest.fixture(params=["honest", "aborted"])
def case(request):
    raw = (DIRECTORY / f"{request.param}.transcript").read_bytes()
    return Told(raw, OPERATIONS, STEPS), EXPECTED[request.param]


def test_a_stranger_reads_what_it_says(case):
    told, expected = case
    assert told.root.hex() == expected["evidence"]["root"]
    assert told.operations_root().hex() == expected["operations_root"]
    assert told.logged == EXPECTED["step"]
    carried = sum(digest != bytes(32) for digest in told.outputs)
    assert carried == expected["outputs"]
    assert told.state is not None
    hashes = sum(each[3] == "hash" for each in OPERATIONS) if told.ended is None else 0
    assert len(told.values) == carried - hashes


def test_a_stranger_follows_the_evidence(case):
    told, expected = case
    evidence = expected["evidence"]
    for index, shown in enumerate(evidence["records"]):
        path = [bytes.fromhex(each) for each in shown["path"]]
        assert climb(told.records[index], index, STEPS, path) == told.root
    output = evidence["output"]
    number, count = output["number"], len(OPERATIONS)
    assert OPERATIONS[number][2] == NAMED
    for place, path in (
        (number, output["path"]),
        (count - 2, output["chain_path"]),
        (count - 1, output["state_path"]),
    ):
        hashes = [bytes.fromhex(each) for each in path]
        assert climb(leaf(told.outputs[place]), place, count, hashes) == told.operations_root()
    if told.ended is not None:
        assert output["leaf"] is None
        return
    shown = output["leaf"]
    words = bytes.fromhex(shown["words"])
    assert words == told.values[number][4096 * LEAF :][:4096]
    assert leaf(uleb(len(words) // 4) + words).hex() == shown["hash"]
    path = [bytes.fromhex(each) for each in shown["path"]]
    tree = climb(bytes.fromhex(shown["hash"]), LEAF, 2, path)
    assert digest_of(*OPERATIONS[number][3:5], tree).hex() == output["digest"]


def test_a_stranger_recomputes_outputs_from_those_that_the_list_names():
    """Operations that are one IEEE operation, from the numbers of their inputs."""
    told = Told((DIRECTORY / "honest.transcript").read_bytes(), OPERATIONS, STEPS)

    def numbers(place):
        return struct.unpack(f"<{len(told.values[place]) // 4}f", told.values[place])

    def rounded(value):
        return struct.unpack("<f", struct.pack("<f", value))[0]

    compared = 0
    for number, kind, _name, _type, _shape, inputs in OPERATIONS:
        if kind in {"accumulate", "residual.forward", "residual.backward", "gated_mlp.sum"}:
            left, right = (numbers(place) for _name, _source, place in inputs)
            found = tuple(rounded(a + b) + 0.0 for a, b in zip(left, right, strict=True))
            assert found == numbers(number)
            compared += 1
    assert compared > 6
