"""Dynamic fields: objects that other objects own.

The contract has none. For readers of dynamic fields, genesis freezes a ``Table<u64, address>`` of
the prefunded accounts by number.
"""

from collections.abc import Sequence

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.accounts import Seed
from walrusd.devnet.ledger.messages import object_message
from walrusd.devnet.move import bcs
from walrusd.devnet.move.objects import IMMUTABLE, LedgerObject, blake2b256, owned_by_object
from walrusd.devnet.move.packages import Packages
from walrusd.devnet.move.types import FRAMEWORK, encode_type_tag, split_arguments
from walrusd.units import address_bytes, address_from_bytes

FIELD = f"{FRAMEWORK}::dynamic_field::Field"
ACCOUNT_TABLE = f"{FRAMEWORK}::table::Table<u64,address>"
_KEY, _VALUE = "u64", "address"
_ID_BYTES = 32


def derive_field_id(parent: str, name_type: str, name: bytes) -> str:
    """Return the id of a field: Blake2b of 0xf0, parent, length and BCS of the name, its type."""
    preimage = address_bytes(parent) + bcs.write_u64(len(name)) + name + encode_type_tag(name_type)
    return address_from_bytes(blake2b256(b"\xf0" + preimage))


def compute_table_id(seed: Seed) -> str:
    """Return the id of this chain's table of accounts."""
    return address_from_bytes(seed.derive("account table"))


def build_account_table(
    seed: Seed, addresses: Sequence[str], version: int, digest: bytes
) -> list[LedgerObject]:
    """Return the frozen table and its fields, as transaction ``digest`` makes them."""
    table = compute_table_id(seed)
    contents = address_bytes(table) + bcs.write_u64(len(addresses))
    made = [LedgerObject(table, version, IMMUTABLE, ACCOUNT_TABLE, contents, digest, 0)]
    for number, address in enumerate(addresses):
        name = bcs.write_u64(number)
        field_id = derive_field_id(table, _KEY, name)
        made.append(
            LedgerObject(
                field_id,
                version,
                owned_by_object(table),
                f"{FIELD}<{_KEY},{_VALUE}>",
                address_bytes(field_id) + name + address_bytes(address),
                digest,
                0,
                public_transfer=False,
            )
        )
    return made


def field_message(field: LedgerObject, packages: Packages) -> pb.DynamicField:
    """Return a field with everything a node returns; its name must be a number."""
    name_type, value_type = split_arguments(field.type[len(FIELD) + 1 : -1])
    at = _ID_BYTES + int(name_type.removeprefix("u")) // 8
    return pb.DynamicField(
        kind=pb.DynamicFieldDynamicFieldKind.FIELD,
        parent=field.owner.address,
        field_id=field.id,
        field_object=object_message(field, packages),
        name=pb.Bcs(name=name_type, value=field.contents[_ID_BYTES:at]),
        value=pb.Bcs(name=value_type, value=field.contents[at:]),
        value_type=value_type,
    )
