"""What a person does at a terminal, with real daemons behind it: list, look, copy an id, decide."""

import contextlib
import io
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from jsonrpcserver import JsonRpcError

from tests.support.containers import make_container_header
from tests.support.market.plays import TERMS
from tests.support.market.world import DIGITS, SCHEMA, make_plan, open_world, wait_for
from tests.support.refusals import refused
from tests.walrusctl.strangers import EVIL, Screen, assert_harmless
from walrusctl.render import render_result
from walrusd.crypto.checklist import Checklist
from walrusd.errors import UnknownId
from walrusd.market.import_rows import read_schema
from walrusd.rpc.methods import make_handlers
from walrusd.settings.model import ContractIds, Role
from walrusd.state.database import DATABASE_NAME
from walrusd.verify.aggregate import Places, check_aggregate_of

TITLE = "\x1b[1A\x1b[2K\x1b]52;c;aGk=\x07\u202e\x9bpaid"
AN_ID = re.compile(r"0x[0-9a-f]{6}…[0-9a-f]{6}|0x[0-9a-f]{64}")


def show(method: str, result: dict, width: int | None, *, full: bool = False) -> str:
    out = io.StringIO() if width is None else Screen()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("COLUMNS", str(width or 80))
        patch.setenv("NO_COLOR", "1")
        render_result(method, result, full=full)
    assert_harmless(out.getvalue())
    return out.getvalue()


async def test_what_a_person_lists_looks_at_and_decides(tmp_path: Path) -> None:
    async with open_world(tmp_path / "world") as world:
        owner = await world.start("owner", Role.DATASET_OWNER, poll_s=0.5)
        publisher = await world.start("publisher", Role.PUBLISHER, poll_s=0.5, grace_s=0.0)
        contributor = await world.start("contributor", Role.CONTRIBUTOR, poll_s=0.5)
        await _nothing_is_listed_by_mistake(owner, tmp_path)

        listed = await owner.api.dataset_add(str(DIGITS), TITLE, f"{TITLE}\nsecond line", SCHEMA)

        async def known():
            return (await publisher.api.dataset_list(mine=False))["datasets"]

        (found,) = await wait_for(known)
        assert found["title"] == TITLE, "programs get it as it is"
        short = f"{listed['dataset'][:8]}…{listed['dataset'][-6:]}"
        task = (await publisher.api.task_publish({
            "title": TITLE, "plan": make_plan(), "datasets": [{"dataset": short}],
            "terms": TERMS | {"join": 60},
        }))["task"]  # fmt: skip

        async def pending():
            return (await owner.api.keys_pending())["requests"]

        (request,) = await wait_for(pending)
        assert (request["title"], request["task"]) == (TITLE, task)
        assert (request["dataset_title"], request["reward_mist"] > 0) == (TITLE, True)

        await _every_printed_id_is_taken(owner.api, listed["dataset"], task, request["request"])
        with pytest.raises(UnknownId):
            await owner.api.keys_approve(
                "0x" + format(int(request["request"], 16) ^ (1 << 255), "064x")[:9]
            )

        await _anyone_beside_a_daemon_may_shorten_ids(world, owner, task)

        await world.admin("/clock/advance", ms=61_000)

        async def void():
            return (await owner.api.task_show(task))["phase"] == "void"

        await wait_for(void)
        assert await pending() == []
        with refused("daemon.not_allowed", "void"):
            await owner.api.keys_approve(request["request"][:12])
        assert (await owner.api.keys_list())["requests"][0]["state"] == "requested"
        await owner.api.keys_deny(request["request"][:12], TITLE)

        async def told():
            why = await contributor.api.why(request["request"][:12])
            return why if "refused" in str(why) else None

        why = await wait_for(told)
        assert "\\x1b[1A" in show("why", why, 80)


async def _nothing_is_listed_by_mistake(owner, directory: Path) -> None:
    table = directory / "table.tsv"
    table.write_bytes(b"1\t2\t3\n" * 65)  # 390 bytes: six rows of 65 bytes
    handlers = make_handlers(owner.api)
    call = partial(handlers["dataset.add"], path=str(table), title="t", description="")
    with pytest.raises(JsonRpcError) as caught:
        await call(schema=SCHEMA)
    assert "does not know files that end in .tsv" in caught.value.message
    assert "--raw" in caught.value.data["hint"]
    with refused("rpc.bad_request", "Unicode"):
        await owner.api.dataset_add(str(DIGITS), EVIL, "", SCHEMA)
    assert (await owner.api.dataset_list(mine=True))["datasets"] == []
    assert not owner.tools.work.items("dataset")
    assert not (owner.tools.files.work / "listing").exists()
    container = directory / "t.safetensors"
    schema = read_schema(SCHEMA)
    container.write_bytes(make_container_header(schema, 1) + bytes(schema.row_bytes - 1))
    with pytest.raises(JsonRpcError) as caught:  # a container is read without a schema
        await call(path=str(container))
    assert "its header says" in caught.value.message


async def _anyone_beside_a_daemon_may_shorten_ids(world, owner, task: str) -> None:
    """The check of an aggregate needs no daemon, but the file of one knows tasks."""
    info = world.info
    ids = ContractIds(info.package_id, info.package_id, info.market_id)
    urls = (info.walrus_url,)
    places = Places((info.sui_url,), info.chain_id, ids, urls, urls, info.shards)
    with refused("rpc.unknown_id", "task"):
        await check_aggregate_of(places, task[:10], Checklist(), lambda _: None, 1)
    places = replace(places, state=owner.tools.files.root / DATABASE_NAME)
    facts = await check_aggregate_of(places, task[:10], Checklist(), lambda _: None, 1)
    assert facts["task"] == task


async def _every_printed_id_is_taken(api, dataset: str, task: str, request: str) -> None:
    """At any width, what is printed can be pasted back."""
    lists = {
        "task.list": await api.task_list(),
        "dataset.list": await api.dataset_list(mine=False),
        "keys.pending": await api.keys_pending(),
    }
    shows = {"task": api.task_show, "dataset": api.dataset_show}
    for width in (40, 80, 160, None):
        for full in (False, True):
            text = {m: show(m, result, width, full=full) for m, result in lists.items()}
            for method, wanted in zip(lists, (task, dataset, request), strict=True):
                found = AN_ID.findall(text[method])
                assert found
                assert all(len(name) == (66 if full else 15) for name in found)
                subjects = {(await api.why(name))["subject"] for name in set(found)}
                assert wanted in subjects
                kind = method.partition(".")[0]
                if kind in shows and (width, full) == (40, False):
                    assert (await shows[kind](found[0]))[kind] == wanted
    for name in (dataset, task):
        shown = show("x", await shows["task" if name == task else "dataset"](name[:10]), 80)
        assert name in shown
    assert show("dataset.show", await api.dataset_show(dataset[:10]), 40)
