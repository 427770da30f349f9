"""The official TypeScript SDK, over gRPC, against a devnet process."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.interop.seats import PAYMENT, make_registrations
from tests.support.guards import GUARD_S
from tests.support.node import NO_NODE, find_node
from walrusd.devnet.launch import run_devnet
from walrusd.units import MIST_PER_SUI

HERE = Path(__file__).parent
NODE = find_node()
SDK = HERE.parent / "node_modules" / "@mysten" / "sui"

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    assert SDK.is_dir(), "the packages of tests/package.json are missing: run `make test`"
    with run_devnet(tmp_path_factory.mktemp("devnet"), "--seed", "1") as devnet:
        info = devnet.info
        _, user, recipient = info.accounts[:3]
        result = subprocess.run(
            [
                NODE,
                HERE / "conform.mjs",
                info.sui_url.removeprefix("http://"),
                info.package_id,
                info.market_id,
                info.pool_id,
                user["key"],
                recipient["address"],
                make_registrations(info, user["address"], 2),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
        )
        assert result.returncode == 0, result.stderr
        yield {"info": info, "user": user, "recipient": recipient, **json.loads(result.stdout)}


def test_it_derives_our_address_from_our_key(seen):
    assert seen["address"] == seen["user"]["address"]


def test_it_reads_chain_object_and_balance(seen):
    info = seen["info"]
    assert seen["chain"] == info.chain_id
    assert seen["gasPrice"] == "1000"
    assert seen["object"]["type"] == f"{info.package_id}::market::Market"
    assert seen["object"]["owner"] == "Shared"
    assert seen["object"]["json"]["paused"] is False
    assert int(seen["balance"]) == 1_000 * MIST_PER_SUI
    assert sum(map(int, seen["coins"])) == 1_000 * MIST_PER_SUI
    assert len(seen["coins"]) > 1
    assert seen["missing"] == "ObjectError"


def test_it_understands_our_functions(seen):
    assert seen["function"] == {"visibility": "public", "parameters": 14}


def test_it_executes_a_signed_transaction(seen):
    executed = seen["executed"]
    assert executed["success"]
    assert executed["commands"] == ["SplitCoins", "MoveCall", "TransferObjects", "TransferObjects"]
    # The capability, the gift, and the fee of the seat, which is burned.
    assert executed["operations"].count("Created") == 3
    assert {"node::VerifierCap", "node::VerifierPool"} <= set(executed["types"])
    assert executed["balances"][seen["recipient"]["address"]] == "1234567"
    assert int(seen["received"]) == 1_000 * MIST_PER_SUI + 1_234_567
    assert seen["again"]
    assert seen["waited"] == "Transaction"
    assert seen["caps"] == 1


def test_it_parses_our_effects(seen):
    executed = seen["executed"]
    assert executed["effectsVersion"] == "V2"
    assert executed["effectsDigestMatches"]
    assert executed["effectsChanges"] == len(executed["operations"])
    gas = executed["effectsGas"]
    paid = int(gas["computationCost"]) + int(gas["storageCost"]) - int(gas["storageRebate"])
    spent = PAYMENT + 1_234_567
    assert int(executed["balances"][seen["address"]]) == -spent - paid
    assert executed["unchanged"] == 2  # the market and the clock, which are only read


def test_it_reads_events(seen):
    (event,) = seen["executed"]["events"]
    assert event["type"] == f"{seen['info'].package_id}::events::SeatRegistered"
    assert event["json"]["pool"] == seen["info"].pool_id
    assert event["json"]["max_penalty"] == str(MIST_PER_SUI)
    assert seen["listed"] == 1
    assert seen["subscribed"] == [event["type"]]
    assert seen["ended"] == "CANCELLED"


def test_it_meets_aborts_in_simulation_and_on_the_ledger(seen):
    assert seen["abort"]["name"] == "SimulationError"
    assert "::node::register_seat" in seen["abort"]["message"]
    assert seen["failed"]["kind"] == "FailedTransaction"
    location, _code = seen["failed"]["status"]["Failure"]["error"]["MoveAbort"]
    assert location["module"] == {"address": seen["info"].package_id, "name": "node"}
    assert location["functionName"] == "register_seat"
    assert seen["failed"]["status"]["Failure"]["command"] == "1"
