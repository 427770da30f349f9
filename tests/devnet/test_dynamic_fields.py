"""Objects that an object owns: their ids, their pages, and what a transaction may not do."""

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import pytest

from walrusd.chain.grpc import Status
from walrusd.devnet.ledger.dynamic_fields import compute_table_id, derive_field_id
from walrusd.devnet.move.failures import TransactionRejectedError
from walrusd.devnet.move.objects import OwnerKind, owned_by_object
from walrusd.devnet.move.types import FRAMEWORK
from walrusd.devnet.rpc.replica import Replica

from .test_services import open_node
from .tools import GAS, Tx, accounts, open_ledger

ALICE, BOB, CAROL = accounts()
LIST, GET = "StateService/ListDynamicFields", "LedgerService/GetObject"


@pytest.mark.parametrize(
    ("parent", "name_type", "name", "expected"),
    [
        (
            "0x123",
            "u64",
            bytes(8),
            "5e775abd64c00f9ec7fcfb3b2f01b46b866d88011bb5830ea4d90a3fe201236a",
        ),
        (
            "0x" + "ab" * 32,
            f"{FRAMEWORK}::kiosk::Listing",
            b"\1\2\3",
            "ae6e7da9050f593cec6311358c45a4a6f60c340de18b14decd48b598013444f7",
        ),
    ],
)
def test_an_id_is_the_one_that_the_typescript_sdk_derives(parent, name_type, name, expected):
    """Expected values: ``deriveDynamicFieldID`` of @mysten/sui."""
    assert derive_field_id(parent, name_type, name) == f"0x{expected}"


async def test_fields_come_in_pages_with_what_the_mask_asks_for():
    async with open_node() as node:
        table = compute_table_id(node.ledger.seed)
        found, token, sizes = [], None, []
        while token != b"":
            page = await node.ask(LIST, parent=table, page_size=2, page_token=token, mask="*")
            found += page.dynamic_fields
            sizes.append(len(page.dynamic_fields))
            token = page.next_page_token or b""
        assert sizes == [2, 1]
        assert [f.field_id for f in found] == sorted(f.field_id for f in found)
        named = {int.from_bytes(f.name.value, "little"): f for f in found}
        for number, account in enumerate((ALICE, BOB, CAROL)):
            field = named[number]
            assert field.kind is pb.DynamicFieldDynamicFieldKind.FIELD
            assert (field.parent, field.name.name, field.value_type) == (table, "u64", "address")
            assert field.value.value.hex() == account.address[2:]
            shown = (await node.ask(GET, object_id=field.field_id, mask="*")).object
            assert shown == field.field_object
            assert shown.owner.kind is pb.OwnerOwnerKind.OBJECT
            assert shown.owner.address == table
        bare = await node.ask(LIST, parent=table)
        assert {(f.parent, f.name) for f in bare.dynamic_fields} == {(table, None)}


async def test_an_object_without_fields_and_wrong_questions():
    async with open_node() as node:
        assert (await node.ask(LIST, parent=ALICE.address)).dynamic_fields == []
        table = compute_table_id(node.ledger.seed)
        assert await node.refused(LIST, parent=ALICE.address, mask="colour") is (
            Status.INVALID_ARGUMENT
        )
        assert await node.refused(LIST, parent=table, page_token=b"\xff") is Status.INVALID_ARGUMENT


def test_a_field_is_nobodys_input_and_not_owned_by_an_address():
    ledger = open_ledger()
    table = compute_table_id(ledger.seed)
    field, *_ = ledger.list_held(owned_by_object(table))
    assert ledger.list_owned(table) == []
    tx = Tx(ledger)
    tx.transfer(BOB.address, tx.obj(field.id))
    with pytest.raises(TransactionRejectedError, match="owned by other objects cannot be used"):
        tx.send(ALICE)
    frozen = ledger.get_object(table)
    assert frozen.owner.kind is OwnerKind.IMMUTABLE
    tx = Tx(ledger)
    tx.transfer(BOB.address, tx.split(GAS, 1))
    tx.send(ALICE)
    assert Replica(ledger).list_held(owned_by_object(table)) == ledger.list_held(
        owned_by_object(table)
    )
