"""How far an encryption is can be followed, and is forgotten however it ends."""

import os
from types import SimpleNamespace

import pytest
import trio

from tests.support.market.bench import SUBMISSION, Network
from walrusd.engine.jobs import make_encryption_report
from walrusd.errors import StoreRefused
from walrusd.market import schemes


def test_an_encryption_is_followed(tmp_path) -> None:
    with Network().daemon(tmp_path, "c") as tools:
        with tools.broadcast.subscribe() as events:
            make_encryption_report(tools, SUBMISSION, 9)(1, 2)
        shown = {"done": 1, "pieces": 2, "entries": 9}
        assert tools.records.get("progress", SUBMISSION) == {"encrypting": shown}
        told = trio.run(anext, events)
        assert told | shown == told
        assert (told["type"], told["submission"]) == ("encrypt", SUBMISSION)


async def test_it_is_forgotten_when_it_fails(tmp_path, monkeypatch) -> None:
    async def encrypt(_encryption, update, *, report, **_rest) -> None:
        report(1, len(update))
        await trio.lowlevel.checkpoint()
        raise StoreRefused("no")

    monkeypatch.setattr(schemes.paillier, "encrypt_update", encrypt)
    with Network().daemon(tmp_path, "c") as tools:
        scheme = SimpleNamespace(encryption=object())
        with pytest.raises(StoreRefused):
            await schemes.commit_update(
                tools, SUBMISSION, scheme, os.urandom(8), openings=[b"s"], cost=None
            )
        assert tools.records.items("progress") == {}
