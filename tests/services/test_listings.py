"""An owner lists a table: what it is warned of."""

from types import SimpleNamespace

import pytest

from tests.support.market.bench import DATASET, OWNER, Network
from walrusd.chain.layouts import events as ev
from walrusd.market.fetch import Fetcher
from walrusd.services.data_owner.listings import Listings

TABLE = {"features": 1, "classes": 100}


@pytest.mark.parametrize(("raw", "warned"), [(None, False), (True, True)])
async def test_only_raw_rows_that_look_like_text_are_warned_of(tmp_path, raw, warned) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("1,2\n3,4\n", "ascii")
    listed = ev.DatasetListed(DATASET, OWNER, b"t", 1)

    async def list_dataset(**_arguments):
        event = SimpleNamespace(contents=listed.to_bcs())
        return SimpleNamespace(emitted=lambda _name: [event], digest="d")

    with Network().daemon(tmp_path, "owner") as tools:
        tools.contract.list_dataset = list_dataset
        found = await Listings(tools, Fetcher(tools)).add(str(source), "t", "", TABLE, raw=raw)
    assert bool(found["warnings"]) is warned
    assert found["dataset"] == DATASET
