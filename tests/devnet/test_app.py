"""The process: its line of JSON, its admin API, kill -9, and a clean exit."""

import base64
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import walrusd
from tests.support.databases import close_after_test
from tests.support.guards import GUARD_S
from tests.support.refusals import refused
from walrusd.chain.send.signer import Signer
from walrusd.devnet.chain_file import open_chain_file
from walrusd.devnet.launch import run_devnet
from walrusd.devnet.ledger.accounts import Account, derive_accounts
from walrusd.devnet.move import ptb
from walrusd.errors import DevnetFailed
from walrusd.units import MIST_PER_SUI

from .tools import Tx

pytestmark = pytest.mark.slow


def call(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data)
    try:
        with urllib.request.urlopen(request, timeout=GUARD_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def supply(info):
    return call(info.admin_url + "/supply")[1]


@pytest.fixture(scope="module")
def devnet(tmp_path_factory):
    with run_devnet(tmp_path_factory.mktemp("devnet"), "--seed", "3", "--accounts", "2") as running:
        yield running.info


class TestAdmin:
    def test_status_and_clock(self, devnet):
        _, before = call(devnet.admin_url + "/clock")
        _, after = call(devnet.admin_url + "/clock/advance", {"ms": 3_600_000})
        assert 3_600_000 <= after["now_ms"] - before["now_ms"] < 3_660_000
        _, status = call(devnet.admin_url + "/status")
        assert status["chain_id"] == devnet.chain_id
        assert status["now_ms"] >= after["now_ms"]

    def test_faucet_keeps_the_supply(self, devnet):
        before = supply(devnet)
        code, given = call(
            devnet.admin_url + "/faucet", {"address": "0x77", "amount": 5 * MIST_PER_SUI}
        )
        assert code == 200
        assert len(given["objects"]) == 1
        after = supply(devnet)
        assert after["conserved"]
        assert after["minted"] == before["minted"]
        assert int(after["gas_collected"]) > int(before["gas_collected"])

    def test_epochs_advance(self, devnet):
        _, status = call(devnet.admin_url + "/status")
        _, epoch = call(devnet.admin_url + "/epoch/advance", {})
        assert epoch["epoch"] == status["epoch"] + 1

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/faucet", {"address": "moon"}),
            ("/faucet", {"address": "0x1", "amount": 0}),
            ("/faucet", {"address": "0x1", "amount": 1.5}),
            ("/clock/advance", {}),
            ("/clock/advance", {"ms": -1}),
            ("/clock/advance", [1]),
        ],
    )
    def test_nonsense_is_refused(self, devnet, path, body):
        code, answer = call(devnet.admin_url + path, body)
        assert code == 400
        assert answer["error"]

    def test_walrus_is_there(self, devnet):
        with urllib.request.urlopen(devnet.walrus_url + "/status", timeout=GUARD_S) as answer:
            assert answer.status == 200


class TestProcess:
    def test_the_seed_fixes_everything(self, tmp_path, devnet):
        with run_devnet(tmp_path, "--seed", "3", "--accounts", "2") as other:
            assert other.info.chain_id == devnet.chain_id
            assert other.info.package_id == devnet.package_id
            assert other.info.market_id == devnet.market_id
            assert other.info.accounts == devnet.accounts
            assert other.stop() == 0

    def test_kill_loses_nothing(self, tmp_path):
        with run_devnet(tmp_path) as first:
            call(first.info.admin_url + "/faucet", {"address": "0x77", "amount": 1234})
            call(first.info.admin_url + "/clock/advance", {"ms": 10_000_000})
            _, status = call(first.info.admin_url + "/status")
            counted = supply(first.info)
            first.kill()
        with run_devnet(tmp_path) as second:
            assert second.info.chain_id == first.info.chain_id
            assert second.info.accounts == first.info.accounts
            assert len(second.info.accounts) == 16
            assert supply(second.info) == counted
            _, again = call(second.info.admin_url + "/status")
            assert again["transactions"] == status["transactions"]
            assert again["now_ms"] >= status["now_ms"]

    def test_one_directory_one_devnet(self, tmp_path):
        with run_devnet(tmp_path), pytest.raises(DevnetFailed), run_devnet(tmp_path):
            pass

    def test_interrupt_ends_it_cleanly(self, tmp_path):
        with run_devnet(tmp_path) as running:
            running.process.send_signal(signal.SIGINT)
            assert running.process.wait(GUARD_S) == 0

    def test_another_seed_is_refused_with_a_hint(self, tmp_path):
        open_chain_file(tmp_path / "sui.sqlite", seed=1).store.close()
        ended = subprocess.run(
            [sys.executable, "-m", "walrusd", "devnet", "--dir", str(tmp_path), "--seed", "2"],
            check=False,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
        )
        assert ended.returncode == 1
        assert "was not made with seed 2" in ended.stderr
        assert "use another --dir" in ended.stderr
        assert "Traceback" not in ended.stderr


class TestOpening:
    def test_another_number_of_accounts_is_refused(self, tmp_path):
        path = tmp_path / "sui.sqlite"
        open_chain_file(path, accounts=2).store.close()
        with refused("config.invalid", 2, "accounts"):
            open_chain_file(path, accounts=3)
        open_chain_file(path, accounts=2).store.close()

    def test_at_least_one_account(self):
        with refused("config.invalid", "one"):
            open_chain_file(None, accounts=0)

    def test_our_bytecode_can_be_published_again(self):
        ledger = open_chain_file(None, seed=1)
        close_after_test(ledger.store)
        publisher = derive_accounts(ledger.seed, 1)[0]
        built = json.loads(
            (Path(walrusd.__file__).parent / "move/bytecode/package.json").read_text()
        )
        modules = tuple(base64.b64decode(m) for m in built["modules"])
        tx = Tx(ledger)
        tx.transfer(publisher.address, tx.do(ptb.Publish(modules, tuple(built["dependencies"]))))
        # Storing the bytecode is what publishing costs.
        executed = tx.send(publisher, budget=1_000_000_000)
        assert executed.effects.status.success
        (package,) = (
            c.object_id for c in executed.effects.changed_objects if c.object_type == "package"
        )
        (cap,) = (
            o
            for o in ledger.list_owned(publisher.address)
            if o.type == f"{package}::market::AdminCap"
        )
        tx = Tx(ledger)
        numbers = [tx.u64(n) for n in (1_000, 2_000, 1_000, 10_000, 1, 1_000)]
        arguments = (tx.obj(cap.id), tx.blob(bytes(32)), tx.address(package), *numbers)
        tx.do(ptb.MoveCall(package, "node", "create_market", (), arguments))
        executed = tx.send(publisher)
        assert executed.effects.status.success, executed.effects.status.error
        assert executed.events.events[0].event_type == f"{package}::events::MarketCreated"

    def test_keys_are_those_that_wallets_import(self):
        account = Account(bytes(range(32)))
        signer = Signer.from_bech32(account.exported)
        assert signer.address == account.address
        assert signer.sign_transaction(b"x") == account.sign(b"x")


class TestOptions:
    def test_endpoints_checkpoints_epochs_and_faults(self, tmp_path):
        options = "--endpoints 2 --checkpoint-ms 50 --keep-checkpoints 4 --without SubscribeEvents"
        with run_devnet(tmp_path, "--seed", "1", *options.split()) as running:
            info = running.info
            assert info.sui_urls[0] == info.sui_url
            assert len(set(info.sui_urls)) == 2
            admin = info.admin_url
            _, state = call(admin + "/endpoints")
            assert [e["without"] for e in state["endpoints"]] == [["SubscribeEvents"]] * 2
            call(admin + "/faucet", {"address": "0x77"})
            _, sealed = call(admin + "/checkpoint/seal", {})
            assert sealed["checkpoint"] >= 1
            _, state = call(admin + "/endpoints", {"endpoint": 1, "frozen": True, "lag_ms": 9})
            assert state["endpoints"][1]["frozen"]
            rule = {"kind": "fail", "rpc": "Get*", "probability": 0.5}
            _, state = call(admin + "/faults", {"endpoint": 0, "rules": [rule]})
            assert state["endpoints"][0]["faults"][0]["probability"] == 0.5
            assert state["endpoints"][1]["faults"] == []
            _, epoch = call(admin + "/epoch/advance", {"gas_price": 1200})
            assert epoch == {"epoch": 1, "gas_price": 1200}
            for path, body in (
                ("/faults", {"rules": [{"kind": "meteor"}]}),
                ("/endpoints", {"endpoint": 7}),
                ("/epoch/advance", {"gas_price": 0}),
            ):
                code, answer = call(admin + path, body)
                assert code == 400
                assert answer["error"]
            assert running.stop() == 0

    def test_an_unknown_rpc_is_a_configuration_error(self, tmp_path, capfd):
        with pytest.raises(DevnetFailed), run_devnet(tmp_path, "--without", "Nothing"):
            pass
        assert "Nothing" in capfd.readouterr().err
