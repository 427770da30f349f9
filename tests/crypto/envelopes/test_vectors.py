"""The vectors, read by the Python code and by the contract's twin."""

import re

import pytest

from tests.crypto.envelopes import oracle
from tests.crypto.envelopes.vectors import PATH, make_vectors, read_vectors
from walrusd.core.aborts import ABORTS
from walrusd.crypto.envelopes.contexts import Label, OpeningContext, PublisherContext, SeatContext
from walrusd.crypto.envelopes.openings import OpeningSecret, compute_label_point
from walrusd.crypto.envelopes.recipients import Recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.envelopes.sealing import Envelope
from walrusd.crypto.pedersen.g1 import encode_point
from walrusd.devnet.contract import envelope as twin
from walrusd.devnet.move.aborts import MoveAbort

VECTORS = read_vectors()
CASES = VECTORS["cases"]


def verify_envelope(context, label, p2, pk1, pk2, recipient, sender, r, c, challenge, answer):
    twin.check_envelope(
        twin.open_label(context, label, p2),
        Recipient(recipient, pk1, pk2),
        f"0x{sender.hex()}",
        Envelope(r, c, SchnorrProof(challenge, answer)),
    )


def verify_value(context, label, p2, value):
    twin.check_value(twin.open_label(context, label, p2), value)


FUNCTIONS = {
    "verify_recipient": twin.check_recipient,
    "verify_opening": twin.check_opening,
    "verify_envelope": verify_envelope,
    "verify_value": verify_value,
}


def read_arguments(case):
    return {k: v if isinstance(v, int) else bytes.fromhex(v) for k, v in case["arguments"].items()}


def test_the_committed_vectors_are_what_the_code_makes():
    assert make_vectors() == VECTORS


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_twin_ends_each_call_as_the_vectors_say(case):
    function, arguments = FUNCTIONS[case["function"]], read_arguments(case)
    if case["abort"] is None:
        function(**arguments)
        return
    with pytest.raises(MoveAbort) as caught:
        function(**arguments)
    found = [caught.value.module.removeprefix("0x2::"), caught.value.code]
    assert found == case["abort"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_another_library_ends_each_call_as_the_vectors_say(case):
    found = getattr(oracle, case["function"])(**read_arguments(case))
    assert found == (case["abort"] and tuple(case["abort"]))


def test_the_vectors_reach_every_abort_of_the_module():
    reached = {tuple(case["abort"]) for case in CASES if case["abort"]}
    own = {key for key in ABORTS if key[0] == "envelope"}
    assert reached == own | {("group_ops", 1)}


def test_the_page_says_what_the_vectors_hold():
    page = (PATH.parents[2] / "docs" / "formats" / "envelope.md").read_text("utf-8")
    assert f"and {len(CASES)} calls" in " ".join(page.split())
    table = dict(re.findall(r"`envelope::(E\w+)`, (\d)", page))
    assert table == {
        abort.name: str(abort.code) for abort in ABORTS.values() if abort.module == "envelope"
    }
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("name", VECTORS["contexts"])
def test_contexts_have_the_digests_of_the_vectors(name):
    found = VECTORS["contexts"][name]
    kinds = {"publisher": PublisherContext, "opening": OpeningContext}
    given = {k: v if isinstance(v, int) else bytes.fromhex(v) for k, v in found["fields"].items()}
    assert kinds.get(name, SeatContext)(**given).digest().hex() == found["digest"]


@pytest.mark.parametrize("label", Label)
def test_labels_have_the_points_values_and_keys_of_the_vectors(label):
    expected = VECTORS["labels"][label.name]
    context = bytes.fromhex(VECTORS["contexts"]["opening"]["digest"])
    secret = OpeningSecret(context, int(VECTORS["opening_secret"], 16))
    assert encode_point(compute_label_point(context, label)).hex() == expected["point"]
    value = secret.compute_value(label)
    assert value.value.hex() == expected["value"]
    assert value.derive_key().hex() == expected["key"]
