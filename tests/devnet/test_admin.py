"""The admin interface says itself what it can do."""

import httpx

from tests.support.databases import close_after_test
from walrusd.devnet.admin import COMMANDS, create_admin_app
from walrusd.devnet.chain_file import open_chain_file


async def test_the_root_lists_every_command() -> None:
    ledger = open_chain_file(None, seed=1, accounts=1)
    close_after_test(ledger.store)
    app = create_admin_app(ledger)
    routes = {f"{m} {r.path}" for r in app.routes for m in r.methods - {"HEAD"}}
    assert routes == COMMANDS.keys()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://admin"
    ) as client:
        answer = await client.get("/")
        assert answer.json()["commands"] == COMMANDS
        assert (await client.get("/clock")).json()["now_ms"] > 0
        moved = await client.post("/clock/advance", json={"ms": 5})
        assert moved.status_code == 200
        assert (await client.post("/clock/advance", json={})).status_code == 400
