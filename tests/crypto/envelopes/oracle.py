"""The checks of docs/formats/envelope.md by another library, written from that page alone.

Imports nothing of the product. Each function takes the arguments of the Move function of its name
and returns how that must end: None, or module and code of the abort.
"""

import hashlib

import pyblst

Q = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
MALFORMED = ("group_ops", 1)
IDENTITIES = {48: b"\xc0" + bytes(47), 96: b"\xc0" + bytes(95)}
G1_GENERATOR = (
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
    "6c55e83ff97a1aeffb3af00adb22c6bb"
)
G2_GENERATOR = (
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049"
    "334cf11213945d57e5ac7d055d042b7e024aa2b2f08f0a91260805272dc51051"
    "c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
)


class AbortedError(Exception):
    """The call ends with this abort."""


def ending(check):
    """Return ``check`` as a function that returns its end."""

    def run(**arguments):
        try:
            check(**arguments)
        except AbortedError as e:
            return e.args
        return None

    return run


def require(holds, code):
    if not holds:
        raise AbortedError("envelope", code)


def g1(raw):
    return _uncompress(pyblst.BlstP1Element(), raw, 48)


def g2(raw):
    return _uncompress(pyblst.BlstP2Element(), raw, 96)


def _uncompress(group, raw, size):
    if len(raw) != size:
        raise AbortedError(*MALFORMED)
    try:
        return group.uncompress(raw)
    except ValueError as e:
        raise AbortedError(*MALFORMED) from e


def scalar(raw):
    value = int.from_bytes(raw, "big")
    if len(raw) != 32 or value >= Q:
        raise AbortedError(*MALFORMED)
    return value


G1 = g1(bytes.fromhex(G1_GENERATOR))
G2 = g2(bytes.fromhex(G2_GENERATOR))


def vector(raw):
    assert len(raw) < 128
    return bytes([len(raw)]) + raw


def tag(name):
    return vector(b"WALRUSD-V02-" + name)


def challenge_of(*parts):
    return b"\0" + hashlib.sha256(b"".join(parts)).digest()[1:]


def nonce_point(generator, point, e, z):
    negated = point.scalar_mul((Q - e) % Q)
    return bytes((generator.scalar_mul(z) + negated).compress())


def equal(left, *right):
    """Return whether a pairing equals the product of others."""
    product = pyblst.miller_loop(*right[0])
    for pair in right[1:]:
        product = product * pyblst.miller_loop(*pair)
    return pyblst.final_verify(pyblst.miller_loop(*left), product)


@ending
def verify_recipient(context, pk1, pk2, challenge, answer):
    require(pk1 != IDENTITIES[48], 0)
    require(pk2 != IDENTITIES[96], 0)
    first, second, e, z = g1(pk1), g2(pk2), scalar(challenge), scalar(answer)
    require(equal((first, G2), (G1, second)), 1)
    parts = vector(context), vector(pk1), vector(pk2), vector(nonce_point(G1, first, e, z))
    require(challenge_of(tag(b"RECIPIENT-PROOF"), *parts) == challenge, 2)


@ending
def verify_opening(context, p2, challenge, answer):
    require(p2 != IDENTITIES[96], 0)
    point, e, z = g2(p2), scalar(challenge), scalar(answer)
    parts = vector(context), vector(p2), vector(nonce_point(G2, point, e, z))
    require(challenge_of(tag(b"OPENING-PROOF"), *parts) == challenge, 3)


def label_point(context, label):
    message = tag(b"LABEL-POINT") + vector(context) + bytes([label])
    return pyblst.BlstP1Element().hash_to_group(message, DST)


def open_label(context, label, p2):
    require(label in {1, 2}, 7)
    require(p2 != IDENTITIES[96], 0)
    return label_point(context, label), g2(p2)


@ending
def verify_envelope(context, label, p2, pk1, pk2, recipient, sender, r, c, challenge, answer):
    opened = open_label(context, label, p2)
    require(r != IDENTITIES[48], 0)
    require(c != IDENTITIES[48], 0)
    require(pk2 != IDENTITIES[96], 0)
    mask, masked, e, z = g1(r), g1(c), scalar(challenge), scalar(answer)
    require(equal((masked, G2), opened, (mask, g2(pk2))), 4)
    parts = [vector(context), bytes([label]), *map(vector, (p2, pk1, pk2, recipient)), sender]
    parts += [vector(r), vector(c), vector(nonce_point(G1, mask, e, z))]
    require(challenge_of(tag(b"ENVELOPE-PROOF"), *parts) == challenge, 5)


@ending
def verify_value(context, label, p2, value):
    opened = open_label(context, label, p2)
    require(value != IDENTITIES[48], 0)
    require(equal((g1(value), G2), opened), 6)
