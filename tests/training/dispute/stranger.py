"""A reader of transcripts, written from docs/formats/transcript.md with nothing of walrusd."""

import hashlib
import struct

LENGTH = b"\x20"
SUBJECT = {
    "chain_id": LENGTH,
    "package": b"",
    "task": b"",
    "contributor": b"",
    "seed": LENGTH,
    "plan_digest": LENGTH,
    "dataset_root": LENGTH,
}
"""What makes the context, each with what stands before it."""
WIDTH = {"f32": 4, "f64": 8, "i64": 8}


def hashed(tag, *fields):
    return hashlib.sha256(bytes([len(tag)]) + tag + b"".join(fields)).digest()


def u64(number):
    return struct.pack("<Q", number)


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root(hashes):
    """The recursion of RFC 6962."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    return node(root(hashes[:split]), root(hashes[split:]))


def uleb(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + uleb(number >> 7)


def climb(start, index, size, path):
    """Return the root that a path leads to, by the recursion of RFC 6962."""
    if size == 1:
        assert not path
        return start
    split = 1
    while 2 * split < size:
        split *= 2
    if index < split:
        return node(climb(start, index, split, path[:-1]), path[-1])
    return node(path[-1], climb(start, index - split, size - split, path[:-1]))


def words_to_leaves(words):
    pieces = [words[at : at + 4096] for at in range(0, len(words), 4096)]
    return [leaf(uleb(len(piece) // 4) + piece) for piece in pieces]


def digest_of(kind, shape, tree):
    if kind == "hash":
        return tree
    axes = b"".join(u64(axis) for axis in (len(shape), *shape))
    return hashed(b"WALRUSD-V02-VALUE", bytes([len(kind)]) + kind.encode() + axes + tree)


def parse_cbor(data):
    """Return the value that canonical CBOR begins with, and the rest: what a header needs of it."""
    major, small = data[0] >> 5, data[0] & 31
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(small, 0)
    number = int.from_bytes(data[1 : 1 + width], "big") if width else small
    data = data[1 + width :]
    if major == 0:
        return number, data
    if major in (2, 3):
        text = data[:number]
        return (text if major == 2 else text.decode()), data[number:]
    assert major == 5
    found = {}
    for _ in range(number):
        key, data = parse_cbor(data)
        found[key], data = parse_cbor(data)
    return found, data


class Told:
    """What a transcript says; reading it checks everything that the page names."""

    def __init__(self, raw, operations, steps):
        magic = b"WALRUSD-TRANSCRIPT\x02"
        assert raw.startswith(magic)
        place = len(magic) + 8
        length = int.from_bytes(raw[len(magic) : place], "little")
        self.header, rest = parse_cbor(raw[place : place + length])
        assert not rest
        subject = self.header["subject"]
        self.ctx = hashed(
            b"WALRUSD-V02-CTX", *(head + subject[name] for name, head in SUBJECT.items())
        )
        self.segment = self.header["segment"]
        start = u64(self.segment), self.header["start_root"]
        self.chain = hashed(b"WALRUSD-V01-CHAIN", self.ctx, *start)
        self.records, self.outputs, self.values = [], [], {}
        self.logged, self.state, self.ended = None, None, None
        self.operations, self.first = operations, (self.segment - 1) * steps + 1
        place += length
        while place < len(raw):
            kind, length = raw[place], int.from_bytes(raw[place + 1 : place + 9], "little")
            body = raw[place + 9 : place + 9 + length]
            place += 9 + length
            if kind == 5:
                break
            self.take(kind, body)
        assert place == len(raw)
        while len(self.records) < steps:
            self.records.append(self.records[-1])
        assert body == root(self.records)
        self.root = body

    @property
    def step(self):
        return self.first + len(self.records)

    def take(self, kind, body):
        match kind:
            case 1:
                losses, folds, chain, state = (body[at : at + 32] for at in range(0, 128, 32))
                self.chain = hashed(b"WALRUSD-V02-STEP", self.chain, u64(self.step), losses, folds)
                assert chain == self.chain
                self.add(body, chain, state)
            case 2:
                code = u64(body[0])
                fields = self.ctx, u64(self.segment), u64(self.step), code, self.chain
                chain = hashed(b"WALRUSD-V01-ABORT", *fields)
                self.ended = self.step
                self.add(bytes(64) + chain + bytes(32), bytes(32), bytes(32))
            case 3:
                self.state = body
            case 4:
                self.take_output(body)

    def add(self, body, chain, state):
        if self.outputs and self.logged is None:
            self.logged = self.step
            missing = [bytes(32)] * (len(self.operations) - len(self.outputs))
            self.outputs += missing
            assert self.outputs[-2:] == [chain, state]
        tag = b"WALRUSD-V01-RECORD"
        self.records.append(leaf(bytes([len(tag)]) + tag + u64(self.step) + body))

    def take_output(self, body):
        _number, _kind, _name, kind, shape, _inputs = self.operations[len(self.outputs)]
        size = WIDTH.get(kind, 0)
        for axis in shape:
            size *= axis
        words = body[1 : 1 + size] if body[0] else b""
        hashes = body[1 + len(words) : -32]
        leaves = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
        assert len(leaves) == -(-size // 4096)
        digest = body[-32:]
        if kind != "hash":
            assert digest == digest_of(kind, shape, root(leaves))
        if words:
            assert words_to_leaves(words) == leaves
            self.values[len(self.outputs)] = words
        self.outputs.append(digest)

    def operations_root(self):
        return root([leaf(digest) for digest in self.outputs])
