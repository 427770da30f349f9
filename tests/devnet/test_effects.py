"""Our encoding, decoded by another implementation, and the other way round."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysui.sui.sui_bcs import bcs_txne
from pysui.sui.sui_grpc.suimsgs.sui.rpc import v2 as pb

from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ObjectRef, SharedRef
from walrusd.devnet.ledger.checks import CLOCK_ID
from walrusd.devnet.move import ptb
from walrusd.devnet.move.bcs import Reader
from walrusd.devnet.move.failures import ArgumentFailure, FailureKind
from walrusd.devnet.move.objects import to_base58
from walrusd.devnet.move.types import (
    SUI_COIN,
    decode_pure,
    decode_type_tag,
    encode_pure,
    encode_type_tag,
    normalize_type,
)
from walrusd.errors import MalformedData

from .tools import GAS, Tx, accounts, find, nested, open_ledger

ALICE, BOB, _ = accounts()


@pytest.fixture
def ledger():
    return open_ledger()


def decode(executed):
    raw = executed.effects.bcs.value
    decoded = bcs_txne.TransactionEffects.deserialize(raw)
    assert decoded.serialize() == raw
    return decoded.value


def kind_of(executed):
    return decode(executed).status.value[0]


class TestEffects:
    def test_success_reads_the_same(self, ledger):
        box = find(ledger, "Box")[0]
        tx = Tx(ledger)
        tx.call("deposit", tx.obj(box.id), tx.split(GAS, 7), tx.clock)
        tx.transfer(BOB.address, tx.split(GAS, 1))
        executed = tx.send(ALICE)
        effects, shown = decode(executed), executed.effects
        assert effects.status.enum_name == "Success"
        assert effects.lamportVersion == shown.lamport_version
        assert effects.transactionDigest.to_digest_str() == executed.digest
        assert effects.eventDigest.value.to_digest_str() == shown.events_digest
        assert effects.gasUsed.storageCost == shown.gas_used.storage_cost
        assert len(effects.changedObjects) == len(shown.changed_objects)
        for (address, change), message in zip(
            effects.changedObjects, shown.changed_objects, strict=True
        ):
            assert address.to_address_str() == message.object_id
            assert change.idOperation.enum_name.upper() == message.id_operation.name
            digest, owner = change.outputState.value
            assert digest.to_digest_str() == message.output_digest
            wanted = {"AddressOwner": "ADDRESS", "SharedInitialVersion": "SHARED"}
            assert wanted[owner.enum_name] == message.output_owner.kind.name
        gas = effects.changedObjects[effects.gasObjectIndex.value][0]
        assert gas.to_address_str() == shown.gas_object.object_id
        ((read, kind),) = effects.unchangedSharedObjects
        assert read.to_address_str() == CLOCK_ID
        assert kind.enum_name == "ReadOnlyRoot"

    def test_an_abort_reads_the_same(self, ledger):
        box = find(ledger, "Box")[0]
        tx = Tx(ledger)
        tx.call("deposit", tx.obj(box.id), tx.split(GAS, 0), tx.clock)
        failure = kind_of(tx.send(ALICE))
        assert failure.enum_name == "MoveAbort"
        location, code = failure.value
        assert (location.module.name, location.functionName.value, code) == ("box", "deposit", 1)

    @pytest.mark.parametrize(
        ("build", "kind"),
        [
            (lambda tx: tx.call("nothing"), "FunctionNotFound"),
            (lambda tx: tx.call("lid", tx.u64(1)), "ArityMismatch"),
            (lambda tx: tx.call("lid"), "UnusedValueWithoutDrop"),
            (lambda tx: tx.transfer(BOB.address, tx.split(GAS, 2**62)), "InsufficientCoinBalance"),
        ],
    )
    def test_failures_read_the_same(self, ledger, build, kind):
        tx = Tx(ledger)
        build(tx)
        assert kind_of(tx.send(ALICE)).enum_name == kind

    @pytest.mark.parametrize(
        ("build", "kind"),
        [
            (lambda tx: tx.call("create", tx.u64(2**63)), "InvalidBCSBytes"),
            (lambda tx: tx.call("punch", tx.u64(1)), "TypeMismatch"),
            (lambda tx: tx.transfer(BOB.address, nested(GAS, 3)), "IndexOutOfBounds"),
            (
                lambda tx: tx.transfer(BOB.address, nested(tx.split(GAS, 1), 1)),
                "SecondaryIndexOutOfBounds",
            ),
            (lambda tx: tx.transfer(BOB.address, tx.split(GAS, 1, 2)), "InvalidResultArity"),
        ],
    )
    def test_argument_failures_read_the_same(self, ledger, build, kind):
        tx = Tx(ledger)
        build(tx)
        failure = kind_of(tx.send(ALICE))
        assert failure.enum_name == "CommandArgumentError"
        assert failure.value[1].enum_name == kind

    def test_deletion_reads_the_same(self, ledger):
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.call("smash", tx.obj(find(ledger, "Box")[0].id)))
        changes = [change for _, change in decode(tx.send(ALICE)).changedObjects]
        (gone,) = (c for c in changes if c.outputState.enum_name == "NotExist")
        assert gone.idOperation.enum_name == "Deleted"
        assert gone.inputState.value[1].enum_name == "SharedInitialVersion"

    def test_numbers_of_failures_are_those_of_the_protocol(self):
        for kind in FailureKind:
            assert pb.ExecutionErrorExecutionErrorKind[kind.name] == kind
        for kind in ArgumentFailure:
            assert pb.CommandArgumentErrorCommandArgumentErrorKind[kind.name] == kind


class TestTransactions:
    def test_the_clients_bytes_are_read_as_meant(self, ledger):
        box = find(ledger, "Box")[0]
        (key,) = find(ledger, "Key", ALICE.address)
        gas = ledger.list_owned(ALICE.address, SUI_COIN)[0]
        theirs = Ptb(random_version=1)
        shared = theirs.shared(SharedRef(box.id, 1, mutable=True))
        coin = theirs.split_gas(5)[0]
        theirs.call("0xd0d0::box::deposit", shared, coin, theirs.clock)
        theirs.call("0xd0d0::box::toss", theirs.random)
        theirs.transfer(BOB.address, theirs.owned(ObjectRef(key.id, key.version, key.digest)))
        theirs.call("0xd0d0::box::create", theirs.byte_vector(b"abc"), types=["0x2::sui::SUI"])
        raw = theirs.build(
            ALICE.address,
            [ObjectRef(gas.id, gas.version, gas.digest)],
            budget=5_000_000,
            price=1_000,
            expiration_epoch=9,
        )
        data = ptb.TransactionData.from_bcs(raw)
        assert data.to_bcs() == raw
        assert (data.sender, data.expiration) == (ALICE.address, 9)
        assert data.gas.payment == (ptb.ObjectRef(gas.id, gas.version, gas.digest_bytes),)
        assert ptb.SharedInput(CLOCK_ID, 1, mutable=False) in data.programmable.inputs
        assert ptb.SharedInput(box.id, 1, mutable=True) in data.programmable.inputs
        names = [type(c).__name__ for c in data.programmable.commands]
        assert names == ["SplitCoins", "MoveCall", "MoveCall", "TransferObjects", "MoveCall"]

    @given(st.data())
    @settings(max_examples=60)
    def test_changed_bytes_are_refused_or_canonical(self, data):
        ledger = open_ledger()
        tx = Tx(ledger)
        tx.transfer(BOB.address, tx.split(GAS, 1, 2, 3))
        raw = bytearray(tx.data(ALICE.address, ledger.list_owned(ALICE.address, SUI_COIN)).to_bcs())
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
        try:
            decoded = ptb.TransactionData.from_bcs(bytes(raw))
        except MalformedData:
            return
        assert decoded.to_bcs() == bytes(raw)


def addresses():
    return st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())


def type_tags():
    names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
    leaves = st.sampled_from(["bool", "u8", "u16", "u32", "u64", "u128", "u256", "address"])
    return st.recursive(
        leaves,
        lambda inner: (
            inner.map(lambda t: f"vector<{t}>")
            | st.tuples(addresses(), names, names, st.lists(inner, max_size=3)).map(
                lambda t: f"{t[0]}::{t[1]}::{t[2]}" + (f"<{','.join(t[3])}>" if t[3] else "")
            )
        ),
        max_leaves=6,
    )


class TestTypes:
    @given(type_tags())
    def test_type_tags_round_trip(self, tag):
        assert decode_type_tag(Reader(encode_type_tag(tag))) == tag
        assert normalize_type(tag) == tag

    @given(
        st.sampled_from(
            [
                ("u8", st.integers(0, 255)),
                ("u64", st.integers(0, 2**64 - 1)),
                ("u256", st.integers(0, 2**256 - 1)),
                ("bool", st.booleans()),
                ("ID", addresses()),
                ("String", st.text()),
                ("vector<u8>", st.binary()),
                ("vector<vector<u8>>", st.lists(st.binary())),
                ("vector<u64>", st.lists(st.integers(0, 2**64 - 1))),
                ("Option<address>", st.none() | addresses()),
            ]
        ),
        st.data(),
    )
    def test_pure_values_round_trip_and_refuse_a_byte_more(self, kind, data):
        move_type, values = kind
        value = data.draw(values)
        raw = encode_pure(move_type, value)
        assert decode_pure(move_type, raw) == value
        with pytest.raises(MalformedData):
            decode_pure(move_type, raw + b"\0")

    def test_digests(self):
        assert to_base58(bytes(32)) == "1" * 32
