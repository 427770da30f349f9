"""Proofs that are made with the stubbed group hold in the unit tests' VM, as histories need it."""

from tests.crypto.envelopes.parties import ALICE, CONTRIBUTOR, OPENED, SECRET, VALUES
from tests.move.builder import run_unit_tests
from tests.move.groups.stub import stubbed_group
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.openings import prove_opening_key
from walrusd.crypto.envelopes.recipients import prove_recipient
from walrusd.crypto.envelopes.sealing import seal
from walrusd.devnet.contract import envelope as twin

MODULE = """
#[test_only]
module walrusd::stub_tests;

use walrusd::envelope;

#[test]
fun recipient() {{ envelope::verify_recipient({context}, {pk1}, {pk2}, {key_proof}) }}

#[test]
fun opening() {{ envelope::verify_opening({opening}, {p2}, {opening_proof}) }}

#[test]
fun sealed() {{
    let opened = envelope::open_label({opening}, 1, {p2});
    opened.verify_envelope({pk1}, {pk2}, {context}, @0x{sender}, {r}, {c}, {proof});
}}

#[test, expected_failure(abort_code = envelope::EBadEnvelopeProof)]
fun unbound() {{
    let opened = envelope::open_label({opening}, 2, {p2});
    opened.verify_envelope({pk1}, {pk2}, {context}, @0x{sender}, {r}, {c}, {proof});
}}
"""


def test_proofs_of_the_stubbed_group_hold_in_the_stubbed_vm(tmp_path):
    alice = ALICE.recipient
    with stubbed_group():
        key_proof, opening_proof = (
            prove_recipient(ALICE.secret, alice.context),
            prove_opening_key(SECRET),
        )
        sent = seal(VALUES[Label.WORK], alice, CONTRIBUTOR)
        proofs = {"key_proof": key_proof, "opening_proof": opening_proof, "proof": sent.proof}
        twin.check_recipient(
            alice.context, alice.pk1, alice.pk2, key_proof.challenge, key_proof.answer
        )
        twin.check_opening(OPENED.context, OPENED.p2, opening_proof.challenge, opening_proof.answer)
        opened = twin.open_label(OPENED.context, Label.WORK, OPENED.p2)
        twin.check_envelope(opened, alice, f"0x{CONTRIBUTOR.hex()}", sent)
    literals = {
        "context": alice.context,
        "pk1": alice.pk1,
        "pk2": alice.pk2,
        "opening": OPENED.context,
        "p2": OPENED.p2,
        "r": sent.r,
        "c": sent.c,
    }
    text = MODULE.format(
        sender=CONTRIBUTOR.hex(),
        **{name: f'x"{raw.hex()}"' for name, raw in literals.items()},
        **{n: f'x"{p.challenge.hex()}", x"{p.answer.hex()}"' for n, p in proofs.items()},
    )
    file = tmp_path / "stub_tests.move"
    file.write_text(text)
    run = run_unit_tests(file)
    assert run.passed, run.output
    assert len(run.results) == 4
