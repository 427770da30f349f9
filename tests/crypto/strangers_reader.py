"""A reader of verification files written from docs/formats/verification-file.md alone.

It shares no line with the package: another hash tree, another CBOR, another curve library (blst),
plain ``pow`` for Paillier. ``check`` raises AssertionError where the document says "must".
"""

import hashlib
import hmac
import struct

import pyblst
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Q = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
G1 = bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
    "6c55e83ff97a1aeffb3af00adb22c6bb"
)


def tag(name):
    return b"WALRUSD-V01-" + name.encode()


def h(name, *fields):
    text = tag(name)
    return hashlib.sha256(bytes([len(text)]) + text + b"".join(fields)).digest()


def v(x):
    return b"\x20" + x


def tree(leaves):
    """RFC 6962, section 2.1, by its recursive definition."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + tree(leaves[:k]) + tree(leaves[k:])).digest()


def counted(data, count):
    """Return a leaf's data behind the number of what it holds, in groups of seven bits."""
    head = b""
    while count >> 7:
        head += bytes([count % 128 + 128])
        count >>= 7
    return head + bytes([count]) + data


def byte_tree(data):
    return tree([counted(leaf, len(leaf)) for leaf in cut_loose(data, 4096)])


def number_tree(data):
    return tree([counted(leaf, len(leaf) // 4) for leaf in cut_loose(data, 4096)])


def item_tree(items):
    return tree([counted(item, len(item)) for item in items])


def cut(data, width):
    assert len(data) % width == 0
    return [data[i : i + width] for i in range(0, len(data), width)]


def hkdf(secret, salt, info, length=32):
    prk = hmac.digest(salt or bytes(32), secret, "sha256")
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def cbor(data, at=0):
    """Read one canonical value; return it and where it ends."""
    major, small = data[at] >> 5, data[at] & 31
    at += 1
    assert small < 28
    if major == 7:
        return {20: False, 21: True, 22: None}[small], at
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(small, 0)
    value = int.from_bytes(data[at : at + size], "big") if size else small
    assert not size or value >= {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[size], "not shortest"
    at += size
    if major == 0:
        return value, at
    if major == 1:
        return -1 - value, at
    if major in {2, 3}:
        assert at + value <= len(data)
        raw = data[at : at + value]
        return (raw if major == 2 else raw.decode()), at + value
    if major == 4:
        items = []
        for _ in range(value):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    assert major == 5
    found, before = {}, b""
    for _ in range(value):
        start = at
        key, at = cbor(data, at)
        encoded = data[start:at]
        assert (len(encoded), encoded) > (len(before), before), "keys are not in order"
        before = encoded
        found[key], at = cbor(data, at)
    return found, at


def stream(data, key, aad):
    """The AES-256-GCM stream."""
    assert data[0] == 40
    salt, prefix = data[1:33], data[33:40]
    aead, first = AESGCM(hkdf(key, salt, aad)), (1 << 20) - 40
    body = data[40:]
    sealed = [body[:first], *cut_loose(body[first:], 1 << 20)]
    return b"".join(
        aead.decrypt(prefix + struct.pack(">IB", i, i == len(sealed) - 1), part, None)
        for i, part in enumerate(sealed)
    )


def cut_loose(data, width):
    return [data[i : i + width] for i in range(0, len(data), width)]


def point(raw):
    return pyblst.BlstP1Element().uncompress(raw)


def to_curve(message):
    return pyblst.BlstP1Element().hash_to_group(message, DST)


def same(a, b):
    return bytes(a.compress()) == bytes(b.compress())


class File:
    def __init__(self, data):
        assert data[:8] == b"WALRUSDV"
        version, self.scheme, reserved, length = struct.unpack_from("<BBHI", data, 8)
        assert version == 2
        assert self.scheme in {1, 2}
        assert reserved == 0
        assert length <= 1 << 16
        end = 16 + length
        self.header, stop = cbor(data[16:end])
        assert stop == length
        self.digest = h("VFILE", data[:end])
        assert data[end : end + 32] == self.digest
        at, self.sections = end + 32, {}
        for entry in self.header[23]:
            body = data[at : at + entry[1]]
            assert byte_tree(body) == entry[2]
            self.sections[entry[0]] = body
            at += entry[1]
        assert at == len(data)
        assert list(self.sections) == [1, 2, 3 if self.scheme == 1 else 4]
        assert tree(cut(self.sections[2], 32)) == self.header[11]
        x = self.header
        fields = v(x[0]), x[1], x[2], x[4], v(x[8]), v(x[7]), v(x[6][2])
        text = b"\x0fWALRUSD-V02-CTX" + b"".join(fields)
        self.ctx = hashlib.sha256(text).digest()
        self.context = self.ctx + x[11] + x[10]

    def check_cost_proof(self):
        block = self.header[14]
        commitment, proof = block[3], block[4]
        challenge = int.from_bytes(h("PEDERSEN-POK", self.context, commitment, proof[:48])[:16])
        z1, z2 = int.from_bytes(proof[48:80]), int.from_bytes(proof[80:])
        assert max(z1, z2) < Q
        left = point(G1).scalar_mul(z1) + to_curve(tag("PEDERSEN-H")).scalar_mul(z2)
        assert same(left, point(proof[:48]) + point(commitment).scalar_mul(challenge))
        return challenge

    def cost(self, key):
        x = self.header
        assert hkdf(key, x[3], tag("KEYCOMMIT")) == x[13]
        aad = tag("STREAM") + b"\2" + x[0] + x[1] + x[3]
        plain = stream(self.sections[1], key, aad)
        assert h("LOSSBLIND", hkdf(key, b"", tag("LOSSBLIND")), plain) == x[12]
        (size,) = struct.unpack_from("<I", plain)
        definition, end = cbor(plain[4 : 4 + size])
        assert end == size
        return definition, [v for (v,) in struct.iter_unpack("<q", plain[4 + size :])]

    def check_update(self, update):
        raw = struct.pack(f"<{len(update)}i", *update)
        assert number_tree(raw) == self.header[10]
        bits = self.header[9][1]
        assert all(-(1 << bits - 1) <= v < 1 << bits - 1 for v in update)
        assert len(update) == self.header[9][2]

    def check_rows(self, update, blindings):
        block = self.header[14]
        points, n = cut(self.sections[3], 48), block[0]
        assert len(points) == block[1] == -(-len(update) // n)
        assert item_tree(points) == block[2]
        generators = [to_curve(tag("PEDERSEN-G") + struct.pack(">Q", i)) for i in range(n)]
        blind = to_curve(tag("PEDERSEN-H"))
        for j, commitment in enumerate(points):
            total = blind.scalar_mul(int.from_bytes(blindings[j]))
            for i, value in enumerate(update[j * n : j * n + n]):
                total = total + generators[i].scalar_mul(value % Q)
            assert same(total, point(commitment)), j

    def derive_blindings(self, secret):
        x = self.header
        return [
            (
                int.from_bytes(
                    hkdf(
                        secret,
                        b"",
                        tag("ROW-BLINDING") + x[2] + x[4] + x[10] + struct.pack("<Q", j),
                        64,
                    )
                )
                % Q
            ).to_bytes(32, "big")
            for j in range(x[14][1])
        ]


class Paillier:
    """What a file of scheme 2 adds."""

    def __init__(self, file):
        self.file, self.block = file, file.header[14]
        self.raw = self.block[5]
        self.n = int.from_bytes(self.raw)
        assert 2048 <= self.n.bit_length() <= 8192
        assert self.n % 2
        assert self.raw[0]
        self.bytes, self.square = len(self.raw), self.n * self.n
        self.width = 2 * self.bytes
        self.ciphertexts = cut(file.sections[4], self.width)
        assert len(self.ciphertexts) == self.block[1]
        assert item_tree(self.ciphertexts) == self.block[2]
        self.numbers = [int.from_bytes(c) for c in self.ciphertexts]
        self.key_digest = h("PAILLIER-KEY", self.raw)

    def below(self, name, *fields):
        text = tag(name)
        preimage = bytes([len(text)]) + text + self.raw + b"".join(fields)
        return int.from_bytes(hashlib.shake_256(preimage).digest(self.bytes + 16)) % self.n

    def transcript(self, name, *fields):
        context = self.file.context
        return h(name, self.key_digest, struct.pack("<Q", len(context)), context, *fields)

    def check_modulus(self):
        context = self.file.header[0] + self.file.header[1]
        assert all(self.n % p for p in range(2, 6370))
        for i, root in enumerate(cut(self.block[6], self.bytes)):
            value = int.from_bytes(root)
            assert 0 < value < self.n
            assert pow(value, self.n, self.n) == self.below("PAILLIER-MOD", context, bytes([i]))
        assert i == 10

    def challenges(self, transcript):
        out = []
        while len(out) < len(self.numbers):
            block = struct.pack("<Q", len(out) // 4096)
            octets = hashlib.shake_256(transcript + block).digest(65536)
            out += [int.from_bytes(part, "little") for part in cut(octets, 16)]
        return out[: len(self.numbers)]

    def check_knowledge(self):
        proof, b, n2 = self.block[8], self.bytes, self.square
        a, z, w = (
            int.from_bytes(p) for p in (proof[: 2 * b], proof[2 * b : 3 * b], proof[3 * b :])
        )
        assert 0 < a < n2
        assert z < self.n
        assert 0 < w < self.n
        challenges = self.challenges(self.transcript("PAILLIER-POK", self.block[2]))
        combined = 1
        for number, e in zip(self.numbers, challenges, strict=True):
            combined = combined * pow(number, e, n2) % n2
        answer = self.transcript("PAILLIER-ANSWER", self.block[2], proof[: 2 * b])
        challenge = int.from_bytes(answer[:16], "little")
        left = (1 + z * self.n) * pow(w, self.n, n2) % n2
        assert left == a * pow(combined, challenge, n2) % n2

    def pack(self, update):
        bits = self.block[7]
        slots = (self.n.bit_length() - 2) // bits
        return [
            sum(v << (bits * i) for i, v in enumerate(update[s : s + slots])) % self.n
            for s in range(0, len(update), slots)
        ]

    def derive_seed(self, secret):
        x = self.file.header
        return hkdf(secret, self.key_digest, tag("PAILLIER-SEED") + x[2] + x[4] + x[10])

    def encrypt(self, plaintexts, seed):
        x = self.below("PAILLIER-H")
        base = pow(-x * x % self.n, self.n, self.square)
        width = -(-(self.n.bit_length() // 2) // 128) * 16
        zero = Cipher(algorithms.AES(seed), modes.CTR(bytes(16))).encryptor()
        out = []
        for m in plaintexts:
            alpha = int.from_bytes(zero.update(bytes(width)), "little")
            out.append((1 + m * self.n) * pow(base, alpha, self.square) % self.square)
        return out

    def decrypt(self, p, q):
        """The textbook: ``L(c^λ mod n²)·μ mod n``."""
        order = (p - 1) * (q - 1)
        mu = pow(order, -1, self.n)
        return [(pow(c, order, self.square) - 1) // self.n * mu % self.n for c in self.numbers]
