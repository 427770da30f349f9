"""pysui's own client, on grpclib and asyncio, against a Sui node. Prints one JSON object.

Usage: python pysui_client.py URL PACKAGE MARKET POOL SUIPRIVKEY RECIPIENT TABLE SEATS
"""

import asyncio
import hashlib
import json
import logging
import sys
from urllib.parse import urlsplit

import pysui.sui.sui_common.sui_commands as cmd
from grpclib.client import Channel
from pysui import PysuiConfiguration
from pysui.sui.sui_common.config import confgroup as cg
from pysui.sui.sui_common.config.confmodel import _CURRENT_CONFIG_VERSION, PysuiConfigModel
from pysui.sui.sui_crypto import SuiKeyPair
from pysui.sui.sui_grpc import pgrpc_requests as rq
from pysui.sui.sui_grpc.pgrpc_clients import GrpcProtocolClient

logging.disable(logging.CRITICAL)
URL, PACKAGE, MARKET, POOL, KEY, RECIPIENT, TABLE, SEATS = sys.argv[1:]
PAYMENT, PROOFS = json.loads(SEATS).values()


class MemoryConfig(PysuiConfiguration):
    """Nothing on disk; the key is transient."""

    def __init__(self, pair, address):
        group = cg.ProfileGroup(
            "test",
            "node",
            address,
            [],
            [],
            [address],
            [cg.Profile("node", URL)],
            cg.GroupProtocol.GRPC,
        )
        group.add_transient_keypair(profile_name="node", address=address, keypair=pair)
        self._model = PysuiConfigModel(_CURRENT_CONFIG_VERSION, "", "test", [group])
        self._config_root = self._config_file = None

    def _write_model(self):
        raise RuntimeError("in memory")


class PlainClient(GrpcProtocolClient):
    """pysui always speaks TLS; a devnet does not."""

    def __init__(self, **options):
        super().__init__(**options)
        self._channel.close()
        where = urlsplit(URL)
        self._channel = Channel(host=where.hostname, port=where.port, ssl=None)


def described(result):
    return {"ok": result.is_ok(), "why": str(result.result_string)}


async def register(client, me, slot, payment=PAYMENT):
    keys = [list(bytes.fromhex(part)) for part in PROOFS[slot]]
    tx = await client.transaction()
    coin = await tx.split_coin(coin=tx.gas, amounts=[payment])
    cap = await tx.move_call(
        target=f"{PACKAGE}::node::register_seat",
        arguments=[MARKET, POOL, coin, slot, *keys, 1_000, 10**9, 1 << 40, 1 << 50, "0x6"],
    )
    await tx.transfer_objects(transfers=[cap], recipient=me)
    return tx


async def wait_sealed(client, digest):
    while True:  # whoever runs this program ends it if it waits for ever
        found = await client.execute(command=cmd.GetTransaction(digest=digest))
        if found.result_data is not None:
            return found.result_data.checkpoint is not None
        await asyncio.sleep(0.1)


async def look(client, me, seen):
    market = (await client.execute(command=cmd.GetObject(object_id=MARKET))).result_data
    seen["object"] = {"type": market.object_type, "owner": market.owner.kind.name}
    gas = (await client.execute(command=cmd.GetGas(owner=me))).result_data
    seen["coins"] = sorted(item.balance for item in gas.objects)
    balance = (await client.execute(command=cmd.GetAddressCoinBalance(owner=me))).result_data
    seen["balance"] = balance.balance.balance
    function = await client.execute(
        command=cmd.GetFunction(package=PACKAGE, module_name="node", function_name="register_seat")
    )
    seen["parameters"] = len(function.result_data.function.parameters)
    many = await client.execute(command=cmd.GetMultipleObjects(object_ids=[MARKET, "0x123"]))
    seen["many"] = described(many)["ok"]
    seen["fields"] = {}
    for parent in (POOL, TABLE):
        found = await client.execute(command=cmd.GetDynamicFields(object_id=parent))
        seen["fields"][parent] = sorted(
            [field.kind.name, field.value_type, field.name.value.hex(), field.value.value.hex()]
            for field in found.result_data.dynamic_fields
        )
    missing = await client.execute(command=cmd.GetObject(object_id="0x123"))
    seen["missing"] = described(missing)
    epoch = (
        await client.execute_grpc_request(request=rq.GetEpoch(field_mask=["reference_gas_price"]))
    ).result_data
    seen["gas_price"] = epoch.epoch.reference_gas_price


async def act(client, me, seen):
    tx = await register(client, me, 0)
    gift = await tx.split_coin(coin=tx.gas, amounts=[1_234_567])
    await tx.transfer_objects(transfers=[gift], recipient=RECIPIENT)
    built = await tx.build_and_sign()  # gas chosen by simulation, inputs resolved by reads
    done = (await client.execute(command=cmd.ExecuteTransaction(**built))).result_data
    seen["executed"] = {
        "success": done.effects.status.success,
        "checkpoint": done.checkpoint,
        "events": [event.event_type for event in done.events.events],
    }
    seen["sealed"] = await wait_sealed(client, done.digest)
    again = await client.execute(command=cmd.ExecuteTransaction(**built))
    seen["again"] = again.result_data.digest == done.digest
    bad = await register(client, me, 1, payment=1)
    built = await bad.build_and_sign(gas_budget=50_000_000)
    failed = (await client.execute(command=cmd.ExecuteTransaction(**built))).result_data
    error = failed.effects.status.error
    seen["abort"] = [
        error.kind.name,
        error.abort.location.module,
        error.abort.location.function_name,
    ]
    await wait_sealed(client, failed.digest)
    other = await register(client, me, 1)
    built = await other.build_and_sign(gas_budget=50_000_000)
    built["sig_array"] = []
    seen["unsigned"] = described(await client.execute(command=cmd.ExecuteTransaction(**built)))


async def listen(client, me, seen):
    listed = (await client.execute_grpc_request(request=rq.ListEvents())).result_data
    seen["listed"] = [f.event.event_type async for f in listed if f.event]
    frames = (await client.execute_grpc_request(request=rq.SubscribeEvents())).result_data
    tx = await register(client, me, 1)
    built = await tx.build_and_sign(gas_budget=50_000_000)
    seen["heard"] = []
    started = None
    async for frame in frames:
        if started is None:
            command = cmd.ExecuteTransaction(**built)
            started = asyncio.create_task(client.execute(command=command))
        if frame.event:
            seen["heard"].append(frame.event.event_type)
            break
    await started


async def main():
    pair = SuiKeyPair.from_bech32(KEY)
    address = hashlib.blake2b(pair.public_key.scheme_and_key(), digest_size=32).hexdigest()
    me = "0x" + address
    seen = {"address": me}
    async with PlainClient(pysui_config=MemoryConfig(pair, me)) as client:
        await look(client, me, seen)
        await act(client, me, seen)
        await listen(client, me, seen)
    print(json.dumps(seen))


asyncio.run(main())
