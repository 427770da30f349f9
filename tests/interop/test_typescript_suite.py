"""The official TypeScript SDK against a devnet that seals late, lags, grows old and fails."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.interop.seats import make_registrations
from tests.support.guards import GUARD_S
from tests.support.node import NO_NODE, find_node
from walrusd.devnet.launch import run_devnet
from walrusd.units import MIST_PER_SUI

HERE = Path(__file__).parent
NODE = find_node()
SDK = HERE.parent / "node_modules" / "@mysten" / "sui"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NODE is None, reason=NO_NODE),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    assert SDK.is_dir(), "the packages of tests/package.json are missing: run `make test`"
    options = ["--seed", "1", "--checkpoint-ms", "300", "--lag-ms", "100"]
    with run_devnet(tmp_path_factory.mktemp("devnet"), *options) as devnet:
        info = devnet.info
        _, user, recipient = info.accounts[:3]
        result = subprocess.run(
            [
                NODE,
                HERE / "suite.mjs",
                info.sui_url.removeprefix("http://"),
                info.package_id,
                info.market_id,
                info.pool_id,
                user["key"],
                recipient["address"],
                info.admin_url,
                info.account_table,
                make_registrations(info, user["address"], 7),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
        )
        assert result.returncode == 0, result.stderr
        yield {"info": info, **json.loads(result.stdout)}


def test_objects(seen):
    assert seen["objects"] == ["market::Market", "ObjectError", "clock::Clock"]
    assert seen["clock"] == "0x" + "6".zfill(64)


def test_coins(seen):
    assert seen["pages"] == [3, 1]
    (balance,) = seen["balances"]
    assert int(balance["balance"]) == 1_000 * MIST_PER_SUI
    assert (seen["metadata"]["symbol"], seen["metadata"]["decimals"]) == ("SUI", 9)
    assert seen["noMetadata"] is None


def test_dynamic_fields(seen):
    assert seen["noFields"] == {"count": 0, "more": False}
    assert seen["fieldPages"] == [6, 6, 4]
    assert seen["fields"] == {
        str(number): ["DynamicField", "u64", "address", "address", account["address"], True]
        for number, account in enumerate(seen["info"].accounts)
    }
    assert seen["third"] == ["address", seen["info"].accounts[2]["address"]]
    assert seen["noField"]["code"] == "notExists"


def test_simulation(seen):
    simulated = seen["simulated"]
    assert (simulated["kind"], simulated["success"]) == ("Transaction", True)
    assert simulated["events"] == 1
    assert len(simulated["results"]) == 3
    assert seen["broke"]["name"] == "SimulationError"
    assert "insufficient SUI balance" in seen["broke"]["message"]


def test_simulation_without_checks(seen):
    assert seen["unchecked"] == {"success": True, "results": [2, 0]}


def test_bytes_that_were_built_and_signed_elsewhere(seen):
    assert seen["prebuilt"] == {"same": True, "got": ["777"]}
    assert seen["queued"] == ["Transaction"] * 3


def test_objects_come_in_pages(seen):
    assert seen["ownedPages"] == [2, 2, 1]


def test_execution_is_shown_once_it_is_sealed(seen):
    assert (seen["early"]["name"], seen["early"]["code"]) == ("TransactionError", "notFound")
    assert seen["waited"] == "Transaction"
    assert seen["owned"] == 1
    assert seen["never"]["code"] == "notFound"
    assert seen["afterEpoch"]
    assert seen["price"] == "1300"


def test_events(seen):
    assert [len(page) for page in seen["eventPages"]] == [2, 2, 1]
    assert all(event == [True, 0] for page in seen["eventPages"] for event in page)
    assert seen["heard"] == [f"{seen['info'].package_id}::events::SeatRegistered"]
    assert seen["listeningEnded"] == "CANCELLED"


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("invalid", "INVALID_ARGUMENT", "owner"),
        ("ledgerInvalid", "INVALID_ARGUMENT", "object_id"),
        ("badMask", "INVALID_ARGUMENT", "colour"),
        ("noFunction", "NOT_FOUND", "moon"),
        ("badCursor", "INVALID_ARGUMENT", "cursor"),
        ("stale", "INVALID_ARGUMENT", "unavailable for consumption"),
        ("cheap", "INVALID_ARGUMENT", "under reference gas price"),
        ("old", "UNIMPLEMENTED", "ListEvents"),
        ("cut", "UNAVAILABLE", ""),
    ],
)
def test_errors(seen, name, code, text):
    error = seen[name]
    assert (error["name"], error["code"]) == ("RpcError", code)
    assert text in error["message"]


@pytest.mark.parametrize("name", ["invalid", "ledgerInvalid", "badMask", "badCursor"])
def test_a_wrong_field_comes_with_details(seen, name):
    assert "grpc-status-details-bin" in seen[name]["trailers"]


def test_it_goes_on_after_a_cut(seen):
    assert seen["recovered"].endswith("::sui::SUI")
