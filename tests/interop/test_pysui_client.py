"""pysui's own client, on grpclib and asyncio, against a devnet that seals late."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.seats import make_registrations
from tests.support.guards import GUARD_S
from walrusd.devnet.launch import run_devnet
from walrusd.units import MIST_PER_SUI

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    directory = tmp_path_factory.mktemp("devnet")
    with run_devnet(directory, "--seed", "1", "--checkpoint-ms", "300") as devnet:
        info = devnet.info
        _, user, recipient = info.accounts[:3]
        result = subprocess.run(
            [
                sys.executable,
                HERE / "pysui_client.py",
                info.sui_url,
                info.package_id,
                info.market_id,
                info.pool_id,
                user["key"],
                recipient["address"],
                info.account_table,
                make_registrations(info, user["address"], 2),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
        )
        assert result.returncode == 0, result.stderr
        yield {"info": info, "user": user, **json.loads(result.stdout)}


def test_it_reads(seen):
    assert seen["address"] == seen["user"]["address"]
    assert seen["object"] == {
        "type": f"{seen['info'].package_id}::market::Market",
        "owner": "SHARED",
    }
    assert sum(seen["coins"]) == seen["balance"] == 1_000 * MIST_PER_SUI
    assert seen["parameters"] == 14
    assert seen["fields"][seen["info"].pool_id] == []
    assert seen["fields"][seen["info"].account_table] == [
        ["FIELD", "address", number.to_bytes(8, "little").hex(), account["address"][2:]]
        for number, account in enumerate(seen["info"].accounts)
    ]
    assert seen["many"]
    assert seen["gas_price"] == 1_000


def test_it_builds_signs_executes_and_waits(seen):
    registered = f"{seen['info'].package_id}::events::SeatRegistered"
    assert seen["executed"] == {"success": True, "checkpoint": None, "events": [registered]}
    assert seen["sealed"]
    assert seen["again"]
    assert seen["abort"] == ["MOVE_ABORT", "node", "register_seat"]


def test_it_lists_and_hears_events(seen):
    package = seen["info"].package_id
    assert seen["listed"] == [
        f"{package}::events::{n}" for n in ("MarketCreated", "PoolCreated", "SeatRegistered")
    ]
    assert seen["heard"] == [f"{package}::events::SeatRegistered"]


def test_it_understands_our_errors(seen):
    assert not seen["missing"]["ok"]
    assert "NOT_FOUND" in seen["missing"]["why"]
    assert not seen["unsigned"]["ok"]
    assert "INVALID_ARGUMENT" in seen["unsigned"]["why"]
    assert "Required Signature" in seen["unsigned"]["why"]
