"""A transaction from building to its effects, against a bare read of the same node."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import trio

from tests.bench.measure import Measurement, time_in_turns, time_in_turns_async
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.send.signer import Signer
from walrusd.chain.send.transactions import Sender
from walrusd.chain.values.types import CLOCK_ID, SUI_COIN_TYPE

BUDGET = 20_000_000
PRICE = 1_000


def measure_transactions(directory: Path, rounds: int) -> list[Measurement]:
    """Start a devnet and return what sending to it costs."""
    devnet = subprocess.Popen(
        [sys.executable, "-m", "walrusd", "devnet", "--json", "--dir", str(directory / "devnet")],
        stdout=subprocess.PIPE,
    )
    assert devnet.stdout is not None
    try:
        network = json.loads(devnet.stdout.readline())
        return trio.run(_measure, network, directory / "outbox.sqlite", rounds)
    finally:
        devnet.terminate()
        devnet.wait()
        devnet.stdout.close()


async def _measure(network: dict[str, Any], outbox: Path, rounds: int) -> list[Measurement]:
    signer = Signer.from_bech32(network["accounts"][0]["key"])
    connection = sqlite3.connect(outbox)
    connection.execute("PRAGMA journal_mode = WAL")
    try:
        async with open_client([network["sui_url"]], chain_id=network["chain_id"]) as client:
            sender = Sender(client, signer, SqliteOutbox(connection))
            return [
                *await _measure_round_trip(client, sender, rounds),
                await _measure_building(client, signer, rounds),
            ]
    finally:
        connection.close()


async def _measure_round_trip(client: SuiClient, sender: Sender, rounds: int) -> list[Measurement]:
    def pay(ptb: Ptb) -> None:
        ptb.transfer(sender.address, *ptb.split_gas(1))

    async def submit() -> None:
        await sender.submit(pay, label="bench", budget=BUDGET)

    async def submit_and_see() -> None:
        executed = await sender.submit(pay, label="bench")
        await sender.wait_visible(executed.digest)

    value, visible, baseline = await time_in_turns_async(
        [submit, submit_and_see, lambda: client.get_object(CLOCK_ID)], rounds
    )
    note = "journalled, over TCP to a devnet on this machine; baseline: one GetObject"
    return [
        Measurement("transaction.submit", value, "ms", baseline, f"fixed gas budget, {note}"),
        Measurement(
            "transaction.submit_and_see",
            visible,
            "ms",
            baseline,
            f"budget found by simulation, waits for the checkpoint, {note}",
        ),
    ]


async def _measure_building(client: SuiClient, signer: Signer, rounds: int) -> Measurement:
    coin = (await client.list_owned(signer.address, SUI_COIN_TYPE))[0]

    def build() -> bytes:
        ptb = Ptb()
        ptb.transfer(signer.address, *ptb.split_gas(1))
        return ptb.build(signer.address, [coin.ref], budget=BUDGET, price=PRICE)

    tx_bytes = build()
    value, baseline = time_in_turns(
        [lambda: signer.sign_transaction(build()), lambda: signer.sign_transaction(tx_bytes)],
        rounds * 10,
    )
    return Measurement(
        "transaction.build_and_sign",
        value,
        "ms",
        baseline,
        "two commands in BCS and an Ed25519 signature; baseline: the signature alone",
    )
