"""The vectors of docs/formats/envelope.md: calls of each check, and how each must end.

``python -m tests.crypto.envelopes.vectors`` writes ``tests/vectors/envelopes.json``. The Python
code, the contract's twin and the Move program in a real VM must all give the ends that stand there.
"""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tests.crypto.envelopes.encodings import flip_sign, list_bad_encodings
from tests.crypto.envelopes.parties import (
    ALICE,
    BOB,
    CAROL,
    CONTRIBUTOR,
    OPENED,
    OPENED_PROOF,
    OPENING,
    PAUL,
    PUBLISHER,
    SEATS,
    SECRET,
    STRANGER,
    VALUES,
    Party,
    choose_scalar,
    fixed_entropy,
    identify,
)
from walrusd.core.aborts import abort_named
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.groups import G2, G2_IDENTITY_BYTES, decode_g2, encode_g2, multiply_g2
from walrusd.crypto.envelopes.openings import OpeningKey, OpeningSecret, compute_label_point
from walrusd.crypto.envelopes.recipients import Recipient, RecipientSecret, prove_recipient
from walrusd.crypto.envelopes.schnorr import prove_logarithm
from walrusd.crypto.envelopes.sealing import Envelope, seal
from walrusd.crypto.pedersen.g1 import (
    IDENTITY_BYTES,
    G,
    Q,
    decode_point,
    encode_point,
    multiply,
)
from walrusd.crypto.tags import Tag, encode_bytes

PATH = Path(__file__).parents[2] / "vectors" / "envelopes.json"

Arguments = dict[str, bytes | int]
MALFORMED = ("group_ops", 1)
WORK, UPDATE = Label.WORK, Label.UPDATE


def abort(name: str) -> tuple[str, int]:
    """Return module and code of an abort of the module ``envelope``."""
    return "envelope", abort_named("envelope", name).code


def vary(context: Any) -> Iterator[tuple[str, Any]]:
    """Yield the context with each of its fields changed, by the field's name."""
    for field in fields(context):
        old = getattr(context, field.name)
        new = old + 1 if isinstance(old, int) else identify(f"another {field.name}")
        yield field.name, replace(context, **{field.name: new})


def shift(scalar: bytes, by: int) -> bytes:
    """Return a scalar's bytes with ``by`` added, not reduced."""
    return (int.from_bytes(scalar, "big") + by).to_bytes(32, "big")


class Collection:
    """Calls of one function, each a change of one that holds."""

    def __init__(self, function: str, base: Arguments) -> None:
        self.function, self.base = function, base
        self.cases: list[dict[str, Any]] = []

    def add(self, name: str, end: tuple[str, int] | None, **changes: bytes | int) -> None:
        """Add the call with some arguments changed."""
        arguments = {**self.base, **changes}
        assert arguments.keys() == self.base.keys()
        self.cases.append({
            "name": f"{self.function}: {name}",
            "function": self.function,
            "arguments": {k: v.hex() if isinstance(v, bytes) else v for k, v in arguments.items()},
            "abort": end and list(end),
        })  # fmt: skip

    def add_encodings(self, argument: str) -> None:
        """Add every wrong encoding of a point, and the identity."""
        point = self.base[argument]
        assert isinstance(point, bytes)
        for name, raw in list_bad_encodings(point).items():
            self.add(f"{argument} {name}", MALFORMED, **{argument: raw})
        identity = IDENTITY_BYTES if len(point) == 48 else G2_IDENTITY_BYTES
        self.add(f"{argument} is the identity", abort("EIdentity"), **{argument: identity})

    def add_proofs(self, refused: str) -> None:
        """Add changes of challenge and answer."""
        for argument in ("challenge", "answer"):
            scalar = self.base[argument]
            assert isinstance(scalar, bytes)
            self.add(f"{argument} plus one", abort(refused), **{argument: shift(scalar, 1)})
            self.add(f"{argument} is zero", abort(refused), **{argument: bytes(32)})
            self.add(f"{argument} not reduced", MALFORMED, **{argument: shift(scalar, Q)})
            order = Q.to_bytes(32, "big")
            self.add(f"{argument} is the order", MALFORMED, **{argument: order})
            self.add(f"{argument} short", MALFORMED, **{argument: scalar[1:]})
            self.add(f"{argument} long", MALFORMED, **{argument: b"\0" + scalar})
            self.add(f"{argument} empty", MALFORMED, **{argument: b""})
        challenge = self.base["challenge"]
        assert isinstance(challenge, bytes)
        self.add("challenge of 255 bits", abort(refused), challenge=b"\x01" + challenge[1:])


def collect_recipients() -> list[dict[str, Any]]:
    """Return calls of ``verify_recipient``."""

    def describe(party: Party) -> Arguments:
        own, proof = party.recipient, party.proof
        keys = {"context": own.context, "pk1": own.pk1, "pk2": own.pk2}
        return {**keys, "challenge": proof.challenge, "answer": proof.answer}

    calls = Collection("verify_recipient", describe(ALICE))
    refused = abort("EBadKeyProof")
    calls.add("a seat", None)
    calls.add("a publisher", None, **describe(PAUL))
    for field, other in vary(SEATS[0]):
        calls.add(f"another {field} of the seat", refused, context=other.digest())
    for field, other in vary(PUBLISHER):
        publisher = {**describe(PAUL), "context": other.digest()}
        calls.add(f"another {field} of the publisher", refused, **publisher)
    calls.add("a seat's keys as publisher", refused, context=PAUL.recipient.context)
    calls.add("an empty context", refused, context=b"")
    bob = BOB.recipient
    calls.add("PK1 of another", abort("EKeysDiffer"), pk1=bob.pk1)
    calls.add("PK2 of another", abort("EKeysDiffer"), pk2=bob.pk2)
    calls.add("keys of another", refused, pk1=bob.pk1, pk2=bob.pk2)
    malformed = shift(ALICE.proof.answer, Q)
    calls.add("PK1 of another and an answer not reduced", MALFORMED, pk1=bob.pk1, answer=malformed)
    calls.add("PK1 opposite", abort("EKeysDiffer"), pk1=flip_sign(ALICE.recipient.pk1))
    calls.add("PK2 opposite", abort("EKeysDiffer"), pk2=flip_sign(ALICE.recipient.pk2))
    both = {"pk1": flip_sign(ALICE.recipient.pk1), "pk2": flip_sign(ALICE.recipient.pk2)}
    calls.add("both keys opposite", refused, **both)
    calls.add("PK1 in place of PK2", MALFORMED, pk2=ALICE.recipient.pk1)
    calls.add("PK2 in place of PK1", MALFORMED, pk1=ALICE.recipient.pk2)
    calls.add_proofs("EBadKeyProof")
    calls.add_encodings("pk1")
    calls.add_encodings("pk2")

    # Keys made from points that others published: the difference is known, the secret is not.
    known = RecipientSecret(choose_scalar("rogue"))
    context = CAROL.recipient.context
    own = known.describe(context)
    proof = prove_recipient(known, context)
    rogue = {
        "context": context,
        "pk1": encode_point(decode_point(own.pk1) + decode_point(ALICE.recipient.pk1)),
        "pk2": encode_g2(decode_g2(own.pk2) + decode_g2(ALICE.recipient.pk2)),
        "challenge": proof.challenge,
        "answer": proof.answer,
    }
    calls.add("keys shifted from another's", refused, **rogue)
    negative = encode_point(-compute_label_point(OPENED.context, WORK))
    rogue |= {"pk1": negative, "pk2": own.pk2}
    calls.add("PK1 made of the label's point", abort("EKeysDiffer"), **rogue)
    return calls.cases


def collect_openings() -> list[dict[str, Any]]:
    """Return calls of ``verify_opening``."""
    proof = {"challenge": OPENED_PROOF.challenge, "answer": OPENED_PROOF.answer}
    base = {"context": OPENED.context, "p2": OPENED.p2, **proof}
    calls = Collection("verify_opening", base)
    refused = abort("EBadOpeningProof")
    calls.add("an attempt", None)
    for field, other in vary(OPENING):
        calls.add(f"another {field}", refused, context=other.digest())
    calls.add("another secret", refused, p2=ALICE.recipient.pk2)
    calls.add("P2 opposite", refused, p2=flip_sign(OPENED.p2))
    shifted = encode_g2(decode_g2(OPENED.p2) + multiply_g2(G2, choose_scalar("shift")))
    calls.add("P2 shifted by a stranger", refused, p2=shifted)
    key_proof = {"challenge": ALICE.proof.challenge, "answer": ALICE.proof.answer}
    recipient = {"context": ALICE.recipient.context, "p2": ALICE.recipient.pk2}
    calls.add("a recipient's key and proof", refused, **recipient, **key_proof)
    calls.add_proofs("EBadOpeningProof")
    calls.add_encodings("p2")
    return calls.cases


def describe_envelope(
    envelope: Envelope, label: int, opening: OpeningKey, recipient: Recipient, sender: bytes
) -> Arguments:
    """Return the arguments of ``verify_envelope``."""
    return {
        "context": opening.context,
        "label": int(label),
        "p2": opening.p2,
        "pk1": recipient.pk1,
        "pk2": recipient.pk2,
        "recipient": recipient.context,
        "sender": sender,
        "r": envelope.r,
        "c": envelope.c,
        "challenge": envelope.proof.challenge,
        "answer": envelope.proof.answer,
    }


def prove_as(arguments: Arguments, random: int, **bound: bytes | int) -> Arguments:
    """Return the arguments with a proof of ``random`` for others, where ``bound`` says so."""
    said = {**arguments, **bound}
    parts = [Tag.ENVELOPE_PROOF.prefix]
    for name in ("context", "label", "p2", "pk1", "pk2", "recipient", "sender", "r", "c"):
        value = said[name]
        raw = bytes([value]) if isinstance(value, int) else value
        parts.append(raw if name in {"label", "sender"} else encode_bytes(raw))

    def preimage(point: bytes) -> bytes:
        return b"".join([*parts, encode_bytes(point)])

    proof = prove_logarithm(G, random, preimage)
    return {**arguments, "challenge": proof.challenge, "answer": proof.answer}


def collect_envelopes() -> list[dict[str, Any]]:
    """Return calls of ``verify_envelope``."""
    alice, bob = ALICE.recipient, BOB.recipient
    first = seal(VALUES[WORK], alice, CONTRIBUTOR)
    base = describe_envelope(first, WORK, OPENED, alice, CONTRIBUTOR)
    calls = Collection("verify_envelope", base)
    wrong, unbound = abort("EBadEnvelope"), abort("EBadEnvelopeProof")

    calls.add("by the contributor to a seat", None)
    update = seal(VALUES[UPDATE], PAUL.recipient, CONTRIBUTOR)
    published = describe_envelope(update, UPDATE, OPENED, PAUL.recipient, CONTRIBUTOR)
    calls.add("by the contributor to the publisher", None, **published)
    resealed = seal(VALUES[WORK], bob, SEATS[0].owner)
    second = describe_envelope(resealed, WORK, OPENED, bob, SEATS[0].owner)
    calls.add("by a seat to a juror", None, **second)

    for field, other in vary(OPENING):
        calls.add(f"another {field} of the opening", wrong, context=other.digest())
    calls.add("another label", wrong, label=int(UPDATE))
    for label in (0, 3, 255):
        calls.add(f"label {label}", abort("EBadLabel"), label=label)
    calls.add("another P2", wrong, p2=encode_g2(multiply_g2(G2, choose_scalar("another"))))
    calls.add("PK1 of another", unbound, pk1=bob.pk1)
    calls.add("PK2 of another", wrong, pk2=bob.pk2)
    calls.add("keys of another", wrong, pk1=bob.pk1, pk2=bob.pk2)
    calls.add("PK1 in place of PK2", MALFORMED, pk1=alice.pk2, pk2=alice.pk1)
    for field, other in vary(SEATS[0]):
        calls.add(f"another {field} of the seat", unbound, recipient=other.digest())
    for field, other in vary(PUBLISHER):
        changed = {**published, "recipient": other.digest()}
        calls.add(f"another {field} of the publisher", unbound, **changed)
    calls.add("another sender", unbound, sender=STRANGER)
    calls.add("the recipient as sender", unbound, sender=SEATS[0].owner)

    calls.add("R of another envelope", wrong, r=resealed.r)
    calls.add("C of another envelope", wrong, c=resealed.c)
    points = {"r": resealed.r, "c": resealed.c}
    calls.add("points of another envelope", wrong, **points)
    proof = {"challenge": resealed.proof.challenge, "answer": resealed.proof.answer}
    calls.add("proof of another envelope", unbound, **proof)
    calls.add("R opposite", wrong, r=flip_sign(first.r))
    calls.add("C opposite", wrong, c=flip_sign(first.c))
    x = choose_scalar("x")
    masks = decode_point(first.r) + multiply(G, x), multiply(decode_point(alice.pk1), x)
    again = {"r": encode_point(masks[0]), "c": encode_point(decode_point(first.c) + masks[1])}
    calls.add("re-randomised", unbound, **again)
    calls.add("re-randomised in R alone", wrong, r=again["r"])
    other = encode_point(decode_point(first.c) + multiply(G, x))
    calls.add("another value", wrong, c=other)
    malformed = shift(first.proof.answer, Q)
    calls.add("another value and an answer not reduced", MALFORMED, c=other, answer=malformed)
    bare = {"r": IDENTITY_BYTES, "c": VALUES[WORK].value}
    calls.add("the bare value", abort("EIdentity"), **bare)
    calls.add_proofs("EBadEnvelopeProof")
    for argument in ("r", "c", "p2", "pk2"):
        calls.add_encodings(argument)

    # The equation holds for these parties, and the proof was made for others.
    r = choose_scalar("r")
    value = decode_point(VALUES[WORK].value)
    held: Arguments = {
        **base,
        "r": encode_point(multiply(G, r)),
        "c": encode_point(value + multiply(decode_point(alice.pk1), r)),
    }
    calls.add("with a proof made apart", None, **prove_as(held, r))
    for name, said in {
        "context": next(vary(OPENING))[1].digest(),
        "label": int(UPDATE),
        "p2": bob.pk2,
        "pk1": bob.pk1,
        "pk2": bob.pk2,
        "recipient": bob.context,
        "sender": STRANGER,
        "r": first.r,
        "c": first.c,
    }.items():
        calls.add(f"proof bound to another {name}", unbound, **prove_as(held, r, **{name: said}))

    collect_draft_attack(calls, value, r)
    return calls.cases


def collect_draft_attack(calls: Collection, value: Any, r: int) -> None:
    """Add a stranger's try to have a seat open the submission's envelope as the stranger's own.

    With one point for all labels it would work: ``P2 + t·G2`` and ``C + t·H`` pass the equation,
    the seat opens ``(s + t)·H``, and seals that to a juror of the stranger's submission.
    """
    t = choose_scalar("t")
    mallory = replace(OPENING, submission=identify("mallory's"), contributor=STRANGER).digest()
    point = compute_label_point(OPENED.context, WORK)
    masked = value + multiply(decode_point(ALICE.recipient.pk1), r) + multiply(point, t)
    shifted = encode_g2(decode_g2(OPENED.p2) + multiply_g2(G2, t))
    stolen: Arguments = {
        **calls.base,
        "p2": shifted,
        "sender": STRANGER,
        "r": encode_point(multiply(G, r)),
        "c": encode_point(masked),
    }
    calls.add("shifted within one point", None, **prove_as(stolen, r))
    stolen |= {"context": mallory}
    calls.add("shifted to a submission of a stranger", abort("EBadEnvelope"), **prove_as(stolen, r))


def collect_values() -> list[dict[str, Any]]:
    """Return calls of ``verify_value``."""
    base: Arguments = {
        "context": OPENED.context,
        "label": int(WORK),
        "p2": OPENED.p2,
        "value": VALUES[WORK].value,
    }
    calls = Collection("verify_value", base)
    wrong = abort("EBadValue")
    calls.add("of the work", None)
    calls.add("of the update", None, label=int(UPDATE), value=VALUES[UPDATE].value)
    calls.add("of the other label", wrong, value=VALUES[UPDATE].value)
    for field, other in vary(OPENING):
        calls.add(f"another {field}", wrong, context=other.digest())
    calls.add("another P2", wrong, p2=ALICE.recipient.pk2)
    elsewhere = OpeningSecret(OPENED.context, choose_scalar("another")).compute_value(WORK)
    calls.add("of another secret", wrong, value=elsewhere.value)
    calls.add("opposite", wrong, value=flip_sign(VALUES[WORK].value))
    for label in (0, 3):
        calls.add(f"label {label}", abort("EBadLabel"), label=label)
    calls.add_encodings("value")
    calls.add_encodings("p2")
    return calls.cases


def make_values() -> dict[str, Any]:
    """Return what follows from contexts and secrets alone."""
    contexts = {
        **{f"seat {i}": seat for i, seat in enumerate(SEATS)},
        "publisher": PUBLISHER,
        "opening": OPENING,
    }
    return {
        "contexts": {
            name: {
                "fields": {
                    f.name: v.hex() if isinstance(v := getattr(context, f.name), bytes) else v
                    for f in fields(context)
                },
                "digest": context.digest().hex(),
            }
            for name, context in contexts.items()
        },
        "opening_secret": f"{SECRET.scalar:064x}",
        "recipient_secrets": {
            f"seat {i}": f"{party.secret.scalar:064x}"
            for i, party in enumerate((ALICE, BOB, CAROL))
        },
        "labels": {
            label.name: {
                "point": encode_point(compute_label_point(OPENED.context, label)).hex(),
                "value": VALUES[label].value.hex(),
                "key": VALUES[label].derive_key().hex(),
            }
            for label in Label
        },
    }


def make_vectors() -> dict[str, Any]:
    """Return the contents of the file."""
    with fixed_entropy():
        cases = [
            *collect_recipients(),
            *collect_openings(),
            *collect_envelopes(),
            *collect_values(),
        ]
    return {**make_values(), "cases": cases}


def read_vectors() -> dict[str, Any]:
    """Return the committed vectors."""
    found: dict[str, Any] = json.loads(PATH.read_text())
    return found


if __name__ == "__main__":
    PATH.write_text(json.dumps(make_vectors(), indent=1) + "\n")
