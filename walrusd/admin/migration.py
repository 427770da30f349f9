"""Migrates the shared objects of an earlier version of the contract to the current one.

After an upgrade to a higher ``VERSION`` every shared object still has the old one, and the new
version cannot use it. The administrator migrates the market; from then on the old version no
longer works, and anyone may migrate the rest.
"""

from collections.abc import Sequence
from typing import Any

from walrusd.admin.contract import Admin, open_admin
from walrusd.chain.calls.base import frozen
from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.layouts import objects as ob
from walrusd.chain.packages.bytecode import INTERFACE_VERSION, load_bytecode, verify_package
from walrusd.chain.packages.publish import read_package
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.bcs import Layout
from walrusd.chain.values.types import ExecutedTransaction, ObjectRef
from walrusd.errors import BadRequest, NotAllowed
from walrusd.market.ids import read_id
from walrusd.settings.model import Settings
from walrusd.settings.profile import ContractProfile
from walrusd.units import Mist

_MIGRATIONS: dict[type[Layout], str] = {
    ob.VerifierPool: "node::migrate_pool",
    ob.Task: "task::migrate_task",
    ob.Submission: "submission::migrate_submission",
    ob.Dataset: "dataset::migrate_dataset",
    ob.KeyRequest: "dataset::migrate_request",
}
MAX_OBJECTS = 100
"""The most objects of one command; each is one call of its transaction."""


async def migrate_contract(
    settings: Settings, profile: ContractProfile, objects: Sequence[str], max_budget: Mist
) -> dict[str, Any]:
    """Migrate the market, its pool, and ``objects``; those already migrated are skipped.

    Raises:
        ContractMismatch: if the profile's package is not the committed bytecode.
        NotAllowed: if the market has to be migrated and the key does not own the administrator's
            capability, or the market belongs to a later version.
        BadRequest: if an object cannot be migrated, or there are too many.
    """
    if len(objects) > MAX_OBJECTS:
        raise BadRequest(f"at most {MAX_OBJECTS} objects in one command, not {len(objects)}")
    objects = [read_id(text, "object") for text in objects]
    async with open_admin(settings, max_budget) as admin:
        admin.aborts.add_package(profile.package_id)
        admin.aborts.add_package(profile.original_package_id)
        verify_package(load_bytecode(), await read_package(admin.client, profile.package_id))
        reader = MarketReader(admin.client, profile.original_package_id, profile.market_id)
        market = await reader.market()
        if market.version > INTERFACE_VERSION:
            raise NotAllowed(
                f"market {market.id} belongs to version {market.version} already;"
                f" this walrusd speaks version {INTERFACE_VERSION}"
            )
        older = await _find_older(reader, [profile.pool_id, *objects])
        done: dict[str, str] = {}
        if market.version < INTERFACE_VERSION:
            executed = await _migrate_market(admin, profile, reader)
            done[market.id] = executed.digest
        if older:
            executed = await _migrate_objects(admin, profile, reader, older)
            done |= dict.fromkeys(older, executed.digest)
    return {"version": INTERFACE_VERSION, "migrated": len(done), "transactions": done}


async def _migrate_market(
    admin: Admin, profile: ContractProfile, reader: MarketReader
) -> ExecutedTransaction:
    right = await _find_admin_cap(admin, profile)
    market = await reader.shared_ref(profile.market_id)

    def build(p: Ptb) -> None:
        p.call(f"{profile.package_id}::market::migrate_market", right, market)

    executed = await admin.sender.submit(build, label="migrate_market")
    await admin.sender.wait_visible(executed.digest)
    return executed


async def _find_admin_cap(admin: Admin, profile: ContractProfile) -> ObjectRef:
    cap = await admin.client.get_object(profile.admin_cap_id)
    if cap.owner.address != admin.sender.address:
        raise NotAllowed(
            f"{admin.sender.address} does not own the administrator capability {cap.id}",
            hint="migrate with the key that published the contract",
        )
    return cap.ref


async def _find_older(reader: MarketReader, ids: Sequence[str]) -> dict[str, str]:
    """Return each object of an earlier version with the function that migrates it."""
    kinds = {reader.type_name(layout): layout for layout in _MIGRATIONS}
    found = await reader.client.get_objects(ids)
    older: dict[str, str] = {}
    for wanted in ids:
        data = found.get(wanted)  # type: ignore[call-overload]  # an object id is an address
        if data is None or data.type not in kinds:
            state = "does not exist" if data is None else f"is a {data.type}"
            raise BadRequest(
                f"{wanted} {state} on this network",
                hint="name tasks, submissions, datasets or key requests of this contract",
            )
        layout = kinds[data.type]
        if layout.from_bcs(data.contents).version < INTERFACE_VERSION:  # type: ignore[attr-defined]  # every shared object has one
            older[wanted] = _MIGRATIONS[layout]
    return older


async def _migrate_objects(
    admin: Admin, profile: ContractProfile, reader: MarketReader, targets: dict[str, str]
) -> ExecutedTransaction:
    market = frozen(await reader.shared_ref(profile.market_id))
    refs = {object_id: await reader.shared_ref(object_id) for object_id in targets}

    def build(p: Ptb) -> None:
        for object_id, target in targets.items():
            p.call(f"{profile.package_id}::{target}", market, refs[object_id])

    executed = await admin.sender.submit(build, label="migrate_objects")
    await admin.sender.wait_visible(executed.digest)
    return executed
