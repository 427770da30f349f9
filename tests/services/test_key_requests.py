"""Keys of dead tasks are neither shown nor granted, whoever asks."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.market.bench import DATASET, DEK, OWNER, REQUEST, TASK, Network, decisions
from walrusd.chain.layouts import objects as ob
from walrusd.compose import build_api, build_parts
from walrusd.core.lifecycle import RequestState, SubmissionState, TaskPhase
from walrusd.engine.supervisor import Supervisor
from walrusd.errors import NotAllowed
from walrusd.services.data_owner import key_grantor as module
from walrusd.settings.model import DatasetOwnerSettings
from walrusd.units import normalize_address

REQUESTER = normalize_address("0xc0ffee")
NOBODY = normalize_address("0x0")


@pytest.fixture
def market(tmp_path: Path, monkeypatch):
    """A dataset's owner, and a request of somebody for its key to train on an open task."""
    net = Network()
    with net.daemon(tmp_path, "owner") as opened:
        listed = DatasetOwnerSettings(frozenset({REQUESTER}))
        settings = dataclasses.replace(opened.settings, dataset_owner=listed)
        tools = dataclasses.replace(opened, settings=settings)
        net.grant(REQUESTER, bytes([9]) * 32, RequestState.REQUESTED)
        request, dataset = net.objects[REQUEST], net.objects[DATASET]
        request.owner = dataset.owner = tools.address
        dataset.description_blob = net.store.keep(json.dumps({"key_id": "00"}).encode())
        monkeypatch.setattr(module, "derive_dataset_key", lambda *_: DEK)
        parts = build_parts(tools)
        api = build_api(tools, parts, Supervisor(net.clock))
        grantor = parts.key_grantor
        yield SimpleNamespace(net=net, tools=tools, api=api, grantor=grantor, request=request)


def _void(market) -> None:
    market.net.task.phase = TaskPhase.VOID


def _settle(market) -> None:
    market.net.join(REQUESTER, SubmissionState.ACCEPTED)
    market.net.task.phase = TaskPhase.SETTLED


def _aggregate(market) -> None:
    market.net.task.phase = TaskPhase.AGGREGATED


def _close_joining(market) -> None:
    market.net.join(OWNER)


def _let_joining_lapse(market) -> None:
    market.net.clock.ms += market.net.task.terms.join_ms


def _fill(market) -> None:
    market.net.task.terms.max_submissions = 0


def _end_the_work(market) -> None:
    market.net.join(REQUESTER, SubmissionState.LAPSED)


def _expire(market) -> None:
    market.net.clock.ms = market.request.expires_ms


def _name_no_such_task(market) -> None:
    del market.net.objects[TASK]


def _name_another_dataset(market) -> None:
    market.net.task.datasets = [ob.DatasetRef(normalize_address("0x98"), 1)]


def _join_with_another_dataset(market) -> None:
    market.net.task.datasets.append(ob.DatasetRef(normalize_address("0x98"), 1))
    market.net.join(REQUESTER).dataset = normalize_address("0x98")


def _join_with_another_version(market) -> None:
    market.net.task.datasets.append(ob.DatasetRef(DATASET, 2))
    market.net.join(REQUESTER).dataset_version = 2


DEAD = [
    (_void, "void since"), (_settle, "settled since"), (_aggregate, "aggregated since"),
    (_close_joining, "training since .* has not joined"),
    (_let_joining_lapse, "joining closed on .* has not joined"), (_fill, "full"),
    (_end_the_work, "work on the task has ended"), (_expire, "expired on"),
    (_join_with_another_dataset, "with another dataset"),
    (_join_with_another_version, "with another dataset"),
    (_name_no_such_task, "does not exist"), (_name_another_dataset, "does not train on"),
]  # fmt: skip


async def test_a_living_request_is_shown_with_what_it_is_for_and_granted(market) -> None:
    (shown,) = (await market.api.keys_pending())["requests"]
    assert shown["request"] == REQUEST
    assert shown["task"] == TASK
    assert (shown["title"], shown["task_phase"]) == ("t", "joining")
    assert shown["reward_mist"] == market.net.task.terms.reward
    assert shown["dataset_title"] == "digits"
    assert shown["closed"] is None
    await market.api.keys_approve(shown["request"])
    assert len(market.tools.contract.calls("grant_key")) == 1


async def test_the_owners_list_grants_a_living_request(market) -> None:
    await market.grantor.run_once()
    assert len(market.tools.contract.arguments("grant_key")) == 1


@pytest.mark.parametrize(("kill", "why"), DEAD)
async def test_a_dead_request_is_neither_shown_nor_granted(market, kill, why: str) -> None:
    kill(market)
    assert (await market.api.keys_pending())["requests"] == []
    (listed,) = (await market.api.keys_list())["requests"]
    assert listed["state"] == "requested"
    assert listed["closed"]
    with pytest.raises(NotAllowed, match=f"is not granted: .*{why}") as caught:
        await market.api.keys_approve(REQUEST)
    assert caught.value.hint
    assert caught.value.fields["closed"] == listed["closed"]
    await market.grantor.run_once()
    assert not market.tools.contract.sent
    assert not decisions(market.tools, REQUEST)
    await market.api.keys_deny(REQUEST, "too late")
    assert len(market.tools.contract.arguments("deny_key")) == 1


@pytest.mark.parametrize(("kill", "why"), DEAD)
async def test_a_request_that_dies_on_the_way_is_not_granted(
    market, kill, why: str, monkeypatch
) -> None:
    async def die(_self, _dataset) -> bytes:
        kill(market)
        return b""

    monkeypatch.setattr(module.KeyGrantor, "_key_id", die)
    with pytest.raises(NotAllowed, match=f"is not granted: .*{why}"):
        await market.api.keys_approve(REQUEST)
    assert not market.tools.contract.sent
    assert not decisions(market.tools, REQUEST)


async def test_a_contributor_at_work_may_ask_again(market) -> None:
    market.net.join(REQUESTER)
    await market.api.keys_approve(REQUEST)
    assert market.tools.contract.sent


async def test_a_request_for_no_task_is_the_owners_own_business(market) -> None:
    market.request.task = NOBODY
    (shown,) = (await market.api.keys_pending())["requests"]
    assert (shown["title"], shown["reward_mist"], shown["task_phase"]) == (None, None, None)
    await market.api.keys_approve(REQUEST)
    assert market.tools.contract.sent


async def test_a_manifest_that_is_not_there_hides_no_request(market) -> None:
    market.net.blobs.clear()
    (shown,) = (await market.api.keys_pending())["requests"]
    assert shown["title"] is None
