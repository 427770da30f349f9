"""Staking, claiming, delivering, cranking, publishing: whose money moves when."""

import dataclasses
from pathlib import Path

import pytest
import trio

from tests.support.market.bench import (
    DATASET,
    NOW,
    POOL,
    PUBLISHER,
    REQUEST,
    SUBMISSION,
    TASK,
    Network,
    decisions,
    failures,
    make_staker,
)
from tests.support.market.world import make_plan
from tests.support.refusals import refused
from walrusd import errors
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.refusals import NOT_EXECUTED
from walrusd.core.aborts import abort_named
from walrusd.core.lifecycle import RequestState, SubmissionState, TaskPhase
from walrusd.errors import (
    BadRequest,
    InsufficientBalance,
    MoveAborted,
    SeatKeyLost,
    TransactionFailed,
    TransactionUncertain,
    WalrusdError,
)
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.fetch import Fetcher
from walrusd.services.data_owner.key_grantor import KeyGrantor
from walrusd.services.publisher.publisher import Publisher
from walrusd.services.upkeep.claimer import FORGET_AFTER_MS, Claimer
from walrusd.services.upkeep.cranker import SEATS_PAUSE_S, Cranker
from walrusd.state.protection import Begun
from walrusd.units import MIST_PER_SUI, format_sui, normalize_address


def _publisher(tools) -> Publisher:
    fetcher = Fetcher(tools)
    return Publisher(tools, fetcher, AggregateChecker(tools, fetcher))


def _abort() -> MoveAborted:
    return MoveAborted("EFull: full", module="submission", abort_code=1)


# --- staking -----------------------------------------------------------------------------------


async def test_the_key_is_asked_for_and_then_the_stake_bound(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        await make_staker(tools).run_once()
        assert tools.contract.calls("request_key")[0]["task"] == TASK
        net.grant(tools.address, tools.keys.encryption_key)
        await make_staker(tools).run_once()
        assert tools.contract.calls("join")[0]["request"] == REQUEST
        assert decisions(tools, TASK) == ["join", "key_requested", "staked"]
        await make_staker(tools).run_once()  # the chain does not show it yet
        assert decisions(tools, TASK).count("staked") == 1


def _no_such_version(net: Network) -> None:
    net.task.datasets = [ob.DatasetRef(DATASET, 0)]


def _wrong_state_root(net: Network) -> None:
    net.task.state_root_0 = bytes(32)


def _greedy_plan(net: Network) -> None:
    net.task.terms.state_bytes = 8


def _wide_rows(net: Network) -> None:
    net.version.row_bytes = 66


def _lost_dataset(net: Network) -> None:
    del net.blobs[net.version.blob]


def _other_rows(net: Network) -> None:
    net.version.row_root = bytes(32)


@pytest.mark.parametrize(
    "spoil",
    [_no_such_version, _wrong_state_root, _greedy_plan, _wide_rows, _lost_dataset, _other_rows],
)
async def test_nothing_is_staked_on_what_cannot_be_trained(tmp_path: Path, spoil) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        spoil(net)
        await make_staker(tools).run_once()
        assert not tools.contract.calls("join")
        assert len(list(failures(tools, TASK))) == 1


@pytest.mark.parametrize(("error", "bound"), [(_abort(), 0), (TransactionUncertain("?"), 1)])
async def test_only_a_certain_failure_frees_the_amount(tmp_path: Path, error, bound) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        tools.contract.fail["join"] = [error]
        await make_staker(tools).run_once()
        assert len(tools.records.items("stakes")) == bound


CLASSES = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, WalrusdError) and "code" in vars(cls)
]


class BrandNew(WalrusdError):
    """A class that nobody has thought of yet."""

    code = "test.new"


@pytest.mark.parametrize("cls", [*CLASSES, BrandNew, OSError])
async def test_an_error_counts_as_uncertain_unless_it_is_listed(tmp_path: Path, cls) -> None:
    certain = issubclass(cls, MoveAborted | TransactionFailed | InsufficientBalance)
    assert issubclass(cls, NOT_EXECUTED) == certain
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        tools.contract.fail["join"] = [cls("x")]
        await make_staker(tools).run_once()
        kept = tools.protection.begin(f"join:{TASK}", _join_payload(net)) is not Begun.FRESH
        assert (len(tools.records.items("stakes")) == 1) == kept == (not certain)


def _join_payload(net: Network) -> bytes:
    return f"{TASK}:{DATASET}:1:{net.terms.stake}".encode()


@pytest.mark.parametrize("cls", [*CLASSES, BrandNew])
async def test_only_a_certain_failure_frees_an_answer(tmp_path: Path, cls) -> None:
    certain = issubclass(cls, MoveAborted | TransactionFailed | InsufficientBalance)
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(PUBLISHER, bytes([7]) * 32, RequestState.REQUESTED)
        net.objects[REQUEST].owner = tools.address
        tools.contract.fail["deny_key"] = [cls("x")]
        with pytest.raises(cls):
            await KeyGrantor(tools).deny(REQUEST, "no")
        begun = tools.protection.begin(f"answer:{REQUEST}", b"deny")
        assert (begun is Begun.FRESH) == certain


async def test_the_daily_limit_survives_a_loss_of_local_state(tmp_path: Path) -> None:
    net = Network()
    other = normalize_address("0x77")
    with net.daemon(tmp_path, "c") as tools:
        event = ev.SubmissionJoined(
            other, SUBMISSION, tools.address, DATASET, 1, 9 * MIST_PER_SUI, 1, NOW - 1000
        )
        net.emit(event, SUBMISSION, tools)
        decision = await make_staker(tools).estimate(net.task)
        assert [v.rule for v in decision.verdicts if not v.ok] == ["stake_per_day"]
        net.clock.ms += 24 * 3600 * 1000
        assert (await make_staker(tools).estimate(net.task)).join


async def test_the_owners_word_overrides_limits_but_not_sense(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_stake_per_task=1) as tools:
        tools.records.put("stake_override", TASK, "join")
        await make_staker(tools).run_once()
        assert tools.contract.calls("request_key")
        tools.contract.sent.clear()
        tools.contract.balances[tools.address] = 1
        net.grant(tools.address, tools.keys.encryption_key)
        await make_staker(tools).run_once()
        assert not tools.contract.sent
        assert "would leave less" in tools.records.get("decisions", TASK)[1]


async def test_a_look_at_many_tasks_asks_for_the_balance_once(tmp_path: Path, monkeypatch) -> None:
    net = Network()
    asked = []
    with net.daemon(tmp_path, "c", min_reward=10**18) as tools:
        balance = tools.contract.balance

        async def count(owner: str):
            asked.append(owner)
            return await balance(owner)

        monkeypatch.setattr(tools.contract, "balance", count)
        for number in range(5):
            task = dataclasses.replace(net.task, id=normalize_address(hex(0x90 + number)))
            net.objects[task.id] = task
            tools.chain_log.note("task", task.id)
        staker = make_staker(tools)
        await staker.run_once()
        assert decisions(tools, normalize_address("0x94")) == ["decline"]
        assert asked == [tools.address]


async def test_a_denied_request_is_not_asked_again(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key, RequestState.DENIED)
        await make_staker(tools).run_once()
        assert not tools.contract.sent


# --- claiming and delivering ---------------------------------------------------------------------


async def test_equal_tips_are_each_claimed(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        service = Claimer(tools)
        for _tip in range(2):
            net.task.credits = [ob.Credit(tools.address, 5)]
            await service.run_once()
            net.task.credits = []
            await service.run_once()
        assert len(tools.contract.arguments("claim_task")) == 2


async def test_a_request_for_a_task_that_is_closed_lapses(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key, RequestState.REQUESTED)
        service = Claimer(tools)
        await service.run_once()
        assert not tools.contract.sent
        net.clock.ms = NOW + net.terms.join_ms
        await service.run_once()
        ((request,),) = tools.contract.arguments("lapse_key")
        assert request.id == REQUEST
    with net.daemon(tmp_path, "stranger") as tools:
        await Claimer(tools).run_once()
        assert not tools.contract.sent


async def test_ended_work_is_forgotten_with_its_files(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.join(tools.address, SubmissionState.REJECTED)
        net.task.phase = TaskPhase.AGGREGATED
        workdir = tools.files.work / SUBMISSION
        workdir.mkdir(parents=True)
        tools.work.put("trained", SUBMISSION, {})
        await Claimer(tools).run_once()
        assert workdir.exists()
        net.clock.ms += FORGET_AFTER_MS + 1
        await Claimer(tools).run_once()
        assert not workdir.exists()
        assert tools.work.get("trained", SUBMISSION) is None
        await Claimer(tools).run_once()
        assert tools.chain_log.known("task") == []


async def test_a_task_is_forgotten_a_while_after_its_end_and_no_sooner(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.task.phase = TaskPhase.AGGREGATED
        tools.chain_log.note("task", TASK)
        for since, known in ((0, 1), (FORGET_AFTER_MS, 1), (FORGET_AFTER_MS + 1, 0)):
            net.clock.ms = net.task.phase_ms + since
            await Claimer(tools).run_once()
            assert len(tools.chain_log.known("task")) == known


# --- cranks -------------------------------------------------------------------------------------


async def test_strangers_wait_for_a_grace_from_when_they_saw_it(tmp_path, autojump_clock) -> None:
    net = Network()
    with net.daemon(tmp_path, "stranger") as tools:
        net.task.entries = [ob.Entry(tools.address, SUBMISSION)]
        net.clock.ms += net.terms.join_ms + 10**9  # due long ago, seen only now
        service = Cranker(tools, Fetcher(tools))
        await service.run_once()
        await trio.sleep(29)
        await service.run_once()
        assert not tools.contract.sent
        await trio.sleep(1.1)
        await service.run_once()
        assert tools.contract.arguments("close_joining") == [(TASK,)]


async def test_a_lost_race_is_no_failure_and_no_hot_loop(tmp_path, autojump_clock) -> None:
    net = Network()
    with net.daemon(tmp_path, "publisher") as tools:
        net.task.publisher = tools.address
        net.clock.ms += net.terms.join_ms
        tools.contract.fail["close_joining"] = [_abort(), _abort()]
        service = Cranker(tools, Fetcher(tools))
        for _look in range(3):
            await service.run_once()
        assert len(tools.contract.fail["close_joining"]) == 1
        assert decisions(tools, TASK) == []


async def test_a_crank_that_is_always_refused_is_told_of(tmp_path, autojump_clock) -> None:
    net = Network()
    with net.daemon(tmp_path, "publisher") as tools:
        net.task.publisher = tools.address
        net.clock.ms += net.terms.join_ms
        tools.contract.fail["close_joining"] = [_abort() for _try in range(99)]
        service = Cranker(tools, Fetcher(tools))
        with trio.move_on_after(600):
            await service.run()
        assert list(failures(tools, TASK)) == ["chain.move_abort"]
        assert [each["subject"] for each in service.list_troubles()] == [TASK]
        assert len(tools.contract.fail["close_joining"]) > 80


def _drawing(net: Network, tools) -> None:
    net.join(tools.address, SubmissionState.COMMITTED)
    net.task.phase = TaskPhase.OPENING


async def test_a_draw_that_waits_for_seats_is_no_failure(tmp_path, autojump_clock) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        _drawing(net, tools)
        waits = [abort_named("node", name) for name in ("ETooFewSeats", "EPoolBusy")]
        tools.contract.fail["draw_committee"] = [
            MoveAborted(each.name, module="node", abort_code=each.code) for each in waits * 75
        ]
        service = Cranker(tools, Fetcher(tools))
        with trio.move_on_after(20 * SEATS_PAUSE_S):
            await service.run()
        assert list(failures(tools, SUBMISSION)) == []
        assert "waiting" in decisions(tools, SUBMISSION)
        # Once a minute, and nothing else is tried meanwhile.
        assert len(tools.contract.fail["draw_committee"]) == 150 - 20


async def test_another_lot_of_the_pool_is_waited_for_and_ours_is_used(tmp_path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        _drawing(net, tools)
        net.pool.lot = normalize_address("0x77")
        await Cranker(tools, Fetcher(tools)).run_once()
        assert not tools.contract.sent
        net.submission.lot, net.pool.lot = ob.Lot([0], b"b", NOW), SUBMISSION
        await Cranker(tools, Fetcher(tools)).run_once()
        assert tools.contract.arguments("seat_committee") == [(TASK, SUBMISSION)]


async def test_a_task_of_a_pool_that_is_not_ours_is_not_drawn(tmp_path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        _drawing(net, tools)
        net.task.pool = normalize_address("0x99")
        await Cranker(tools, Fetcher(tools)).run_once()
        assert not tools.contract.sent


async def test_dead_seats_are_evicted_and_released(tmp_path, autojump_clock) -> None:
    net = Network()
    net.fill_pool(3)
    with net.daemon(tmp_path, "c") as tools:
        net.pool.seats[0].silent = 2
        net.pool.seats[1].exiting_at_ms = NOW - net.pool.params.unbonding_ms
        service = Cranker(tools, Fetcher(tools))
        await service.run_once()
        assert not tools.contract.sent
        await trio.sleep(31)
        await service.run_once()
        assert tools.contract.arguments("evict_seat") == [(SeatId(POOL, 0, 1),)]
        assert tools.contract.arguments("release_seat") == [(SeatId(POOL, 1, 1),)]


# --- publishing -------------------------------------------------------------------------------


def _accepted(net: Network, tools) -> None:
    net.join(normalize_address("0x99"), SubmissionState.ACCEPTED)
    net.submission.opening = ob.Opening(1, b"", b"", was_complete=True, cost=0)
    net.task.publisher, net.task.phase, net.task.accepted = tools.address, TaskPhase.SETTLED, 7


async def test_unspent_funds_come_back_while_the_sum_is_missing(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "p") as tools:
        _accepted(net, tools)
        await _publisher(tools).run_once()
        assert tools.contract.arguments("reclaim") == [(TASK,)]
        assert not tools.contract.calls("record_aggregate")
        assert list(failures(tools, TASK)) == [SeatKeyLost.code]


async def test_opening_a_task_again_needs_no_second_balance(tmp_path: Path) -> None:
    net = Network()
    net.fill_pool()
    with net.daemon(tmp_path, "p") as tools:
        publisher = _publisher(tools)
        params = {"plan": net.plan.to_json(), "datasets": [{"dataset": DATASET}]}
        tools.contract.balances[tools.address] = 1
        with pytest.raises(InsufficientBalance):
            await publisher.publish(params)
        tools.contract.balances.clear()
        with pytest.raises(AttributeError):
            # The chain of this bench executes nothing; what matters is what was asked of it.
            await publisher.publish(params)
        (opened,) = tools.contract.calls("open_task")
        assert opened["once"].startswith("open_task:")
        assert len(opened["once"]) < 100
        assert opened["state_root_0"] == net.task.state_root_0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"datsets": []}, "a task has no datsets"),
        ({"datasets": []}, "datasets must be a list"),
        ({"datasets": [{"dataset": "zz"}]}, "each dataset must be"),
        ({"datasets": [{"dataset": DATASET, "version": 0}]}, "a whole number, 1 or more"),
        ({"datasets": [{"dataset": DATASET, "version": 7}]}, "has no version 7"),
        ({"datasets": [{"dataset": TASK}]}, "cannot be used with this plan"),
        ({"parent": "zz"}, "parent must be"),
        ({"parent": 5}, "parent must be"),
        ({"title": "t" * 129}, "title must be"),
        ({"weights_path": 5}, "weights_path must be"),
        ({"weights_path": "/nowhere"}, "cannot be read"),
    ],
)
async def test_a_bad_task_is_refused_by_name(tmp_path: Path, change, message: str) -> None:
    net = Network()
    net.fill_pool()
    with net.daemon(tmp_path, "p") as tools:
        params = {"plan": net.plan.to_json(), "datasets": [{"dataset": DATASET}], **change}
        with pytest.raises(BadRequest, match=message):
            await _publisher(tools).publish(params)
        assert not tools.contract.sent


async def test_terms_that_the_contract_refuses_are_named_before_anything_is_stored(
    tmp_path: Path,
) -> None:
    net = Network()
    wrong = {"jury": 4, "join": "0.5s", "stake": "0.01 SUI"}
    params = {"plan": net.plan.to_json(), "datasets": [{"dataset": DATASET}], "terms": wrong}
    stored = len(net.blobs)
    with net.daemon(tmp_path, "p") as tools:
        for ask in (_publisher(tools).publish, _publisher(tools).preview):
            with refused("terms.refused", "terms.jury", "4", "15", "terms.join", "0.5s") as caught:
                await ask(params)
            named = {each["term"]: each["abort"] for each in caught.value.fields["violations"]}
            assert named["jury"] == "EBadCommittee"
            assert named["join"] == "EBadWindow"
            assert named["lapse_penalty"] == "EBadAmount"
            assert "stake" in named
        assert not tools.contract.sent
        assert len(net.blobs) == stored


@pytest.mark.parametrize("lacking", [1, 10**9])
async def test_funds_and_gas_are_there_before_the_first_upload(tmp_path: Path, lacking) -> None:
    net = Network()
    net.fill_pool()
    params = {"plan": net.plan.to_json(), "datasets": [{"dataset": DATASET}]}
    stored = len(net.blobs)
    with net.daemon(tmp_path, "p") as tools:
        publisher = _publisher(tools)
        told = await publisher.preview(params)
        needed = told["locked_mist"] + tools.settings.sui.gas_budget
        tools.contract.balances[tools.address] = needed - lacking
        assert (await publisher.preview(params))["missing_mist"] == lacking
        with refused("chain.insufficient_balance") as caught:
            await publisher.publish(params)
        assert caught.value.fields["needed"] == needed
        assert format_sui(lacking) in caught.value.hint
        assert not tools.contract.sent
        assert len(net.blobs) == stored
        tools.contract.balances[tools.address] = needed
        with pytest.raises(AttributeError):
            # The chain of this bench executes nothing.
            await publisher.publish(params)
        assert len(tools.contract.calls("open_task")) == 1


async def test_a_preview_stores_and_sends_nothing_and_adds_up(tmp_path: Path) -> None:
    net = Network()
    net.fill_pool()
    terms = {"audit_bps": 101, "reward": "1 SUI", "verifier_stake": "1.6 SUI", "join": "1h30m"}
    terms |= {"verifier_fee": "0.005 SUI"}
    params = {"plan": net.plan.to_json(), "datasets": [{"dataset": DATASET}], "terms": terms}
    stored = len(net.blobs)
    with net.daemon(tmp_path, "p") as tools:
        told = await _publisher(tools).preview(params)
        assert not tools.contract.sent
        assert len(net.blobs) == stored
    assert sum(each["amount_mist"] for each in told["deposits"]) == told["locked_mist"]
    assert told["lost_most_mist"] == told["locked_mist"] + told["gas_most_mist"]
    assert told["spent_most_mist"] == told["lost_most_mist"] - told["bond_mist"]
    stages = {each["stage"]: each["duration_ms"] for each in told["durations"]}
    assert stages["joining"] == 5_400_000
    assert sum(stages.values()) == told["longest_life_duration_ms"]
    assert "bribery" in {each["rule"] for each in told["warnings"]}
    assert told["already_open"] is None
    assert [each["seats"] for each in told["rings"]] == [told["seats_fit"]] * 3


async def test_a_plan_too_long_for_a_manifest_is_refused_before_it_is_stored(tmp_path) -> None:
    net, plan = Network(), make_plan(4, 2)
    net.fill_pool()
    inner = {"layer": "residual", "layers": [{"layer": "relu"}] * 1000}
    last = {"layer": "linear", "name": "out", "outputs": 10, "bias": False}
    plan["model"] = {"kind": "layers", "input": [64], "layers": [*[inner] * 55, last]}
    stored = len(net.blobs)
    with net.daemon(tmp_path, "p") as tools:
        with refused("storage.over_limit", "1,048,576"):
            await _publisher(tools).publish({"plan": plan, "datasets": [{"dataset": DATASET}]})
        assert not tools.contract.sent
        assert len(net.blobs) == stored


async def test_weak_terms_are_refused_if_the_policy_says_so(tmp_path: Path) -> None:
    net = Network()
    net.fill_pool()
    weak = {"reward": "1 SUI", "audit_bps": 101, "verifier_stake": "1.6 SUI"}
    weak |= {"verifier_fee": "0.005 SUI"}
    params = {"plan": net.plan.to_json(), "datasets": [{"dataset": DATASET}], "terms": weak}
    with net.daemon(tmp_path, "strict", refuse_weak_terms=True) as tools:
        with refused("daemon.not_allowed", "bribed") as caught:
            await _publisher(tools).publish(params)
        assert "set audit_bps to" in caught.value.hint
        assert "bribery" in {found["rule"] for found in caught.value.fields["warnings"]}
        assert not tools.contract.sent
    with net.daemon(tmp_path, "lenient") as tools:
        with pytest.raises(AttributeError):
            # The chain of this bench executes nothing.
            await _publisher(tools).publish(params)
        assert len(tools.contract.calls("open_task")) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"memory": 0}, "state_bytes"),
        ({"rate": 1}, "segment_work"),
        ({"min_fee": MIST_PER_SUI}, "verifier_fee"),
        ({"max_penalty": 1}, "verifier_stake"),
    ],
)
async def test_a_task_that_its_pool_cannot_serve_is_refused_with_the_count(
    tmp_path: Path, change, said: str
) -> None:
    net = Network()
    net.fill_pool(24)
    for seat in net.pool.seats[15:]:
        vars(seat).update(change)
    params = {"plan": net.plan.to_json(), "datasets": [{"dataset": DATASET}]}
    stored = len(net.blobs)
    with net.daemon(tmp_path, "p") as tools:
        for ask in (_publisher(tools).publish, _publisher(tools).preview):
            with refused("terms.pool_unfit", "15", "24") as caught:
                await ask(params)
            assert caught.value.hint.split()[:6] == ["9", "seats", "do", "not", "take", "its"]
            assert said in caught.value.hint
            assert caught.value.fields["seats_fit"] == 15
            assert caught.value.fields["seats_needed"] == 16
        assert not tools.contract.sent
        assert len(net.blobs) == stored
        vars(net.pool.seats[15]).update(vars(net.pool.seats[0]))
        assert (await _publisher(tools).preview(params))["seats_fit"] == 16


async def test_only_our_task_that_takes_contributors_is_cancelled(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "p") as tools:
        with refused("daemon.not_allowed", "another"):
            await _publisher(tools).cancel(net.task)
        net.task.publisher = tools.address
        net.task.entries = [ob.Entry(normalize_address("0x99"), SUBMISSION)] * 2
        told = await _publisher(tools).cancel(net.task)
        assert (told["joined"], told["cost_mist"]) == (2, 2 * net.terms.cancel_fee)
        assert tools.contract.arguments("cancel_task") == [(TASK,)]
        net.task.phase = TaskPhase.TRAINING
        with refused("daemon.not_allowed", "training"):
            await _publisher(tools).cancel(net.task)
        assert len(tools.contract.arguments("cancel_task")) == 1
