"""Keys of dead tasks are neither shown nor granted, whoever asks."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.market.bench import DATASET, DEK, OWNER, REQUEST, TASK, Network, decisions
from tests.support.refusals import refused
from walrusd.chain.layouts import objects as ob
from walrusd.compose import build_api, build_parts
from walrusd.core.lifecycle import RequestState, SubmissionState, TaskPhase
from walrusd.engine.supervisor import Supervisor
from walrusd.errors import (
    BadRequest,
    DecryptionFailed,
    DoubleAction,
    MalformedData,
    MoveAborted,
    NotAllowed,
    PeerFault,
    TransactionUncertain,
)
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
    (_void, ["void"]), (_settle, ["settled"]), (_aggregate, ["aggregated"]),
    (_close_joining, ["training", "joined"]),
    (_let_joining_lapse, ["closed", "joined"]), (_fill, ["full"]),
    (_end_the_work, ["work", "ended"]), (_expire, ["expired"]),
    (_join_with_another_dataset, ["another", "dataset"]),
    (_join_with_another_version, ["another", "dataset"]),
    (_name_no_such_task, ["exist"]), (_name_another_dataset, ["train"]),
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
async def test_a_dead_request_is_neither_shown_nor_granted(market, kill, why: list[str]) -> None:
    kill(market)
    assert (await market.api.keys_pending())["requests"] == []
    (listed,) = (await market.api.keys_list())["requests"]
    assert listed["state"] == "requested"
    assert listed["closed"]
    with refused("daemon.not_allowed", "granted", *why) as caught:
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
    market, kill, why: list[str], monkeypatch
) -> None:
    async def die(_self, _dataset) -> bytes:
        kill(market)
        return b""

    monkeypatch.setattr(module.KeyGrantor, "_key_id", die)
    with refused("daemon.not_allowed", "granted", *why):
        await market.api.keys_approve(REQUEST)
    assert not market.tools.contract.sent
    assert not decisions(market.tools, REQUEST)


async def test_a_contributor_at_work_may_ask_again(market) -> None:
    market.net.join(REQUESTER)
    market.net.task.phase = TaskPhase.JOINING  # later the contract grants no key of the task
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


async def test_a_key_that_does_not_open_the_dataset_is_not_granted(market, monkeypatch) -> None:
    """As after another keystore was restored: it would cost the contributor's time."""
    monkeypatch.setattr(module, "derive_dataset_key", lambda *_: bytes([1, *DEK[1:]]))
    with pytest.raises(DecryptionFailed):
        await market.grantor.approve(REQUEST, "asked")
    assert not market.tools.contract.sent
    assert not decisions(market.tools, REQUEST)
    monkeypatch.setattr(module, "derive_dataset_key", lambda *_: DEK)
    await market.grantor.approve(REQUEST, "asked")
    assert len(market.tools.contract.arguments("grant_key")) == 1


async def test_the_key_is_checked_against_the_version_that_is_asked_for(market) -> None:
    """The second version has other rows, and so another key check."""
    dataset = market.net.objects[DATASET]
    other = dataclasses.replace(dataset.versions[0], number=2, row_root=bytes(32))
    dataset.versions.append(other)
    market.net.task.datasets.append(ob.DatasetRef(DATASET, 2))
    market.request.number = 2
    with pytest.raises(DecryptionFailed):
        await market.grantor.approve(REQUEST, "asked")
    assert not market.tools.contract.sent


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), bytes(31)])
async def test_nothing_is_encrypted_to_an_unusable_key(market, key) -> None:
    market.request.key = key
    with pytest.raises(PeerFault):
        await market.grantor.approve(REQUEST, "asked")
    assert not market.tools.contract.sent


async def test_a_request_to_another_owner_is_not_answered(market) -> None:
    market.request.owner = OWNER
    for answer in (market.grantor.approve, market.grantor.deny):
        with pytest.raises(NotAllowed):
            await answer(REQUEST, "mine")
    assert not market.tools.contract.sent


@pytest.mark.parametrize("state", [s for s in RequestState if s is not RequestState.REQUESTED])
async def test_an_answered_request_is_not_answered_again(market, state) -> None:
    market.request.state = state
    await market.grantor.run_once()
    for answer in (market.grantor.approve, market.grantor.deny):
        with pytest.raises(NotAllowed):
            await answer(REQUEST, "again")
    assert not market.tools.contract.sent


async def test_only_those_on_the_list_are_granted_without_being_asked_for(market) -> None:
    market.request.requester = normalize_address("0xbad")
    await market.grantor.run_once()
    assert not market.tools.contract.sent


async def test_a_request_is_followed_for_a_day_after_its_end(market) -> None:
    def followed() -> list[str]:
        return [known.id for known in market.tools.chain_log.known("request")]

    market.net.clock.ms = market.request.expires_ms + 24 * 3600 * 1000
    await market.grantor.run_once()
    assert followed() == [REQUEST]
    market.net.clock.ms += 1
    await market.grantor.run_once()
    assert followed() == []


async def test_a_reason_is_public_and_short(market) -> None:
    with pytest.raises(BadRequest):
        await market.grantor.deny(REQUEST, "x" * 257)
    assert not market.tools.contract.sent
    await market.grantor.deny(REQUEST, "x" * 256)
    assert market.tools.contract.arguments("deny_key") == [(REQUEST, "x" * 256)]


@pytest.mark.parametrize("document", [b"{}", b"[]", b"{", b'{"key_id": 5}', b'{"key_id": "x"}'])
async def test_a_description_that_names_no_key_opens_nothing(market, document) -> None:
    """It was listed by another program; our key is derived from what it names."""
    market.net.objects[DATASET].description_blob = market.net.store.keep(document)
    with pytest.raises(MalformedData):
        await market.grantor.approve(REQUEST, "asked")
    assert not market.tools.contract.sent


async def test_an_answer_that_was_certainly_not_given_may_be_changed(market) -> None:
    market.tools.contract.fail["grant_key"] = [MoveAborted("no", module="dataset", abort_code=1)]
    with pytest.raises(MoveAborted):
        await market.grantor.approve(REQUEST, "asked")
    await market.grantor.deny(REQUEST, "after all not")
    assert len(market.tools.contract.arguments("deny_key")) == 1


async def test_an_answer_that_may_have_been_given_may_not(market) -> None:
    market.tools.contract.fail["grant_key"] = [TransactionUncertain("?")]
    with pytest.raises(TransactionUncertain):
        await market.grantor.approve(REQUEST, "asked")
    with pytest.raises(DoubleAction):
        await market.grantor.deny(REQUEST, "after all not")
    await market.grantor.approve(REQUEST, "asked")
    assert decisions(market.tools, REQUEST) == ["granted"]
