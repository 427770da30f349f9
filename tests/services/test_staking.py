"""Many tasks at once: limits hold whatever becomes of a join, and a look reads little."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.market.bench import (
    DATASET,
    NOW,
    REQUEST,
    SUBMISSION,
    TASK,
    Network,
    decisions,
    failures,
    make_staker,
)
from tests.support.market.world import InlineTraining, wait_for
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import RequestState, TaskPhase
from walrusd.core.manifest import parse_task_manifest
from walrusd.engine.probes import Ability
from walrusd.engine.readiness import Readiness
from walrusd.engine.tools import Tools
from walrusd.errors import BlobNotFound, MoveAborted, TransactionUncertain
from walrusd.market import fetch
from walrusd.market.fetch import Fetcher
from walrusd.services.contributor import exposure
from walrusd.state.checked import read_stamp
from walrusd.training.run.jobs import BenchmarkJob
from walrusd.units import MIST_PER_SUI, Mist, normalize_address

STAKE = 2 * MIST_PER_SUI


class _Ready(Fetcher):
    """Has every model and dataset at hand."""

    async def ready_weights(self, task: ob.Task) -> Path:
        return Path("weights")

    async def ready_rows(self, version: Any, dek: bytes, plan: Any) -> Path:
        return Path("rows")


def _task_id(number: int) -> str:
    return normalize_address(hex(0x1000 + number))


def _add_tasks(net: Network, tools: Tools, count: int) -> list[str]:
    """Replace the bench's task by ``count`` tasks that are joining."""
    del net.objects[TASK]
    names = [_task_id(number) for number in range(count)]
    for name in names:
        terms = dataclasses.replace(net.terms, stake=STAKE)
        net.objects[name] = dataclasses.replace(net.task, id=name, terms=terms, entries=[])
        tools.chain_log.note("task", name)
    return names


def _grant_all(net: Network, tools: Tools, names: list[str]) -> None:
    net.grant(tools.address, tools.keys.encryption_key)
    granted = net.objects.pop(REQUEST)
    for number, name in enumerate(names):
        request = normalize_address(hex(0x9000 + number))
        net.objects[request] = dataclasses.replace(granted, id=request, task=name)
        tools.chain_log.note("request", request, DATASET)


# --- limits --------------------------------------------------------------------------------------

_OUTCOMES = st.sampled_from(["shown", "joined", "refused", "uncertain"])


def _let_join(net: Network, tools: Tools, script: dict[str, list[str]]) -> list[str]:
    """Let joins end as scripted; return the tasks on which a stake is or may be bound."""
    at_stake: list[str] = []
    certain: set[str] = set()

    async def join(task: str, **_options: Any) -> None:
        if task in certain:
            return  # asked for again, a join gives its first answer
        outcome = script[task].pop(0) if script[task] else "joined"
        if outcome == "refused":
            if task in at_stake:
                at_stake.remove(task)
            raise MoveAborted("EFull: full", module="submission", abort_code=1)
        if task not in at_stake:
            at_stake.append(task)
        if outcome == "uncertain":
            raise TransactionUncertain("?")
        certain.add(task)
        if outcome == "shown":  # at once, where others take a moment
            net.objects[task].entries.append(ob.Entry(tools.address, SUBMISSION))

    tools.contract.join = join
    return at_stake


@given(
    outcomes=st.lists(st.lists(_OUTCOMES, max_size=2), min_size=1, max_size=5),
    per_day=st.integers(1, 4),
    at_once=st.integers(1, 4),
    looks=st.integers(1, 3),
)
@settings(max_examples=30, deadline=None)
async def test_no_limit_is_exceeded_whatever_becomes_of_the_joins(
    tmp_path_factory, outcomes, per_day, at_once, looks
) -> None:
    net = Network()
    limits = {"max_stake_per_day": per_day * STAKE, "max_open_tasks": at_once}
    with net.daemon(tmp_path_factory.mktemp("x"), "c", **limits) as tools:
        names = _add_tasks(net, tools, len(outcomes))
        _grant_all(net, tools, names)
        at_stake = _let_join(net, tools, dict(zip(names, outcomes, strict=True)))
        staker = make_staker(tools, _Ready(tools))
        for _look in range(looks):
            await staker.run_once()
            staker._troubles.clear()  # as if each pause were over
            assert len(at_stake) <= min(per_day, at_once)
        restarted = make_staker(tools, _Ready(tools))
        await restarted.run_once()
        assert len(at_stake) <= min(per_day, at_once)


async def test_the_limits_are_used_up_in_one_look(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_open_tasks=2) as tools:
        names = _add_tasks(net, tools, 4)
        _grant_all(net, tools, names)
        script: dict[str, list[str]] = {name: [] for name in names}
        script[names[0]] = ["refused"]
        at_stake = _let_join(net, tools, script)
        await make_staker(tools, _Ready(tools)).run_once()
        assert at_stake == names[1:3]
        assert "2 tasks are in progress" in tools.records.get("decisions", names[3])[1]


async def test_the_owners_word_counts_for_the_next_decision(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_stake_per_day=STAKE, max_open_tasks=9) as tools:
        names = _add_tasks(net, tools, 3)
        _grant_all(net, tools, names)
        at_stake = _let_join(net, tools, {name: [] for name in names})
        tools.records.put("stake_override", names[1], "join")
        tools.records.put("stake_override", names[0], "leave")
        await make_staker(tools, _Ready(tools)).run_once()
        assert at_stake == [names[1]]
        assert "With 2 SUI staked today" in tools.records.get("decisions", names[2])[1]


async def test_an_uncertain_join_counts_until_joining_closes_without_us(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_stake_per_day=9 * STAKE) as tools:
        names = _add_tasks(net, tools, 2)
        _grant_all(net, tools, names)
        at_stake = _let_join(net, tools, {names[0]: ["uncertain"], names[1]: []})
        staker = make_staker(tools, _Ready(tools))
        await staker.run_once()
        await staker.run_once()
        assert at_stake == names[:1]
        net.objects[names[0]].phase = TaskPhase.TRAINING
        await staker.run_once()
        assert at_stake == names


async def test_the_owners_word_does_not_hide_a_bad_parent(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_stake_per_task=1) as tools:
        net.task.parent = normalize_address("0x77")  # is not there
        tools.records.put("stake_override", TASK, "join")
        await make_staker(tools).run_once()
        assert not tools.contract.sent
        assert "parent task does not verify" in tools.records.get("decisions", TASK)[1]


@pytest.mark.parametrize("change", [{"row_bytes": 64}, {"rows": 1}])
async def test_no_key_is_asked_for_a_dataset_that_does_not_fit_the_plan(
    tmp_path: Path, change
) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        dataset = net.objects[DATASET]
        dataset.versions = [dataclasses.replace(dataset.versions[0], **change)]
        await make_staker(tools, _Ready(tools)).run_once()
        assert not tools.contract.sent
        assert list(failures(tools, TASK))


# --- what a look costs ---------------------------------------------------------------------------


def _count_reads(monkeypatch: pytest.MonkeyPatch, tools: Tools) -> Counter[str]:
    """Count objects read from the chain, queries and writes of the database, and decodings."""
    counts: Counter[str] = Counter()
    read = tools.contract._read

    async def read_object(layout: Any, object_id: str) -> Any:
        counts[layout.__name__] += 1
        return await read(layout, object_id)

    query, transaction = tools.database.read, tools.database.transaction

    def count_query(sql: str, parameters: Any = ()) -> Any:
        counts["query"] += 1
        return query(sql, parameters)

    def count_transaction() -> Any:
        counts["transaction"] += 1
        return transaction()

    decode = ev.SubmissionJoined.from_bcs

    def count_decoding(data: bytes) -> Any:
        counts["decoded"] += 1
        return decode(data)

    monkeypatch.setattr(tools.contract, "_read", read_object)
    monkeypatch.setattr(tools.database, "read", count_query)
    monkeypatch.setattr(tools.database, "transaction", count_transaction)
    monkeypatch.setattr(exposure.ev.SubmissionJoined, "from_bcs", count_decoding)
    return counts


@pytest.mark.parametrize("count", [10, 40])
async def test_a_look_reads_each_task_once_and_decodes_nothing_of_strangers(
    tmp_path: Path, monkeypatch, count: int
) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", min_reward=10**18) as tools:
        _add_tasks(net, tools, count)
        stranger = normalize_address("0x99")
        for number in range(50):
            joined = ev.SubmissionJoined(
                _task_id(number), SUBMISSION, stranger, DATASET, 1, STAKE, 1, NOW
            )
            net.emit(joined, SUBMISSION, tools)
        counts = _count_reads(monkeypatch, tools)
        staker = make_staker(tools)
        await staker.run_once()
        assert counts["Task"] == count
        assert counts["decoded"] == 0
        assert decisions(tools, _task_id(count - 1)) == ["decline"]
        counts.clear()
        await staker.run_once()
        assert counts["Task"] == count
        assert counts["query"] < 10
        assert counts["transaction"] == 0


async def test_our_own_joins_are_decoded_once(tmp_path: Path, monkeypatch) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_stake_per_day=3 * STAKE) as tools:
        other = normalize_address("0x77")
        joined = ev.SubmissionJoined(
            other, SUBMISSION, tools.address, DATASET, 1, STAKE, 1, NOW - 1000
        )
        net.emit(joined, SUBMISSION, tools)
        counts = _count_reads(monkeypatch, tools)
        staker = make_staker(tools)
        for _look in range(3):
            await staker.run_once()
        assert counts["decoded"] == 1
        assert (await staker.estimate(net.task)).join


async def test_many_requests_are_each_read_for_their_own_task(tmp_path: Path, monkeypatch) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_open_tasks=99, max_stake_per_day=Mist(10**18)) as tools:
        names = _add_tasks(net, tools, 30)
        _grant_all(net, tools, names)
        for value in net.objects.values():
            if isinstance(value, ob.KeyRequest):
                value.state = RequestState.REQUESTED
        staker = make_staker(tools, _Ready(tools))
        await staker.run_once()
        counts = _count_reads(monkeypatch, tools)
        await staker.run_once()
        assert counts["KeyRequest"] == len(names)


# --- the weights ----------------------------------------------------------------------------------


@pytest.fixture
def loads(monkeypatch) -> list[Path]:
    """The model files that were read."""
    found: list[Path] = []
    load = fetch.load_weights

    def note(plan: Any, task: ob.Task, path: Path) -> Any:
        found.append(path)
        return load(plan, task, path)

    monkeypatch.setattr(fetch, "load_weights", note)
    return found


async def test_the_weights_are_read_once_while_a_key_is_awaited(tmp_path: Path, loads) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        staker = make_staker(tools)
        await staker.run_once()
        net.grant(tools.address, tools.keys.encryption_key, RequestState.REQUESTED)
        for _look in range(3):
            await staker.run_once()
        assert len(loads) == 1
    with net.daemon(tmp_path, "c") as tools:
        staker = make_staker(tools)
        await staker.run_once()
        net.objects[REQUEST].state = RequestState.GRANTED
        await staker.run_once()
        assert len(tools.contract.calls("join")) == 1
        assert len(loads) == 1


async def test_weights_that_changed_on_disk_are_checked_again(tmp_path: Path, loads) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key, RequestState.REQUESTED)
        staker = make_staker(tools)
        await staker.run_once()
        (path,) = set(loads)
        good, before = path.read_bytes(), read_stamp(path)
        while read_stamp(path) == before:  # the kernel's clock ticks coarsely
            path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        await staker.run_once()
        assert len(loads) == 3  # the damaged copy, and the one fetched in its place
        assert path.read_bytes() == good
        path.unlink()
        await staker.run_once()
        assert len(loads) == 4
        assert path.exists()
        assert not list(failures(tools, TASK))


async def test_another_tasks_root_is_not_taken_for_checked(tmp_path: Path, loads) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        fetcher = Fetcher(tools)
        await fetcher.ready_weights(net.task)
        net.task.state_root_0 = bytes(32)
        net.grant(tools.address, tools.keys.encryption_key)
        await make_staker(tools, fetcher).run_once()
        assert list(failures(tools, TASK)) == ["proof.invalid"]
        assert not tools.contract.calls("join")


# --- a task that keeps us waiting ----------------------------------------------------------------


def _silence(tools: Tools, blob: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every read of one blob hang."""
    for name in ("get", "get_file"):
        read = getattr(tools.store, name)

        async def hang(blob_id: int, *given: Any, read: Any = read, **named: Any) -> Any:
            if blob_id == blob:
                await trio.sleep_forever()
            return await read(blob_id, *given, **named)

        monkeypatch.setattr(tools.store, name, hang)


async def _run_until(tools: Tools, is_done: Callable[[], bool]) -> None:
    """Run the service until something holds."""

    async def done() -> bool:
        return is_done()

    async with trio.open_nursery() as nursery:
        await nursery.start(make_staker(tools).run)
        await wait_for(done, every_s=0.01)
        nursery.cancel_scope.cancel()


def _spoil_manifest(net: Network, tools: Tools, task: ob.Task, _patch: Any) -> int:
    task.manifest_digest, task.manifest_blob = bytes(32), 77
    return 77


def _spoil_weights(net: Network, tools: Tools, task: ob.Task, _patch: Any) -> int:
    manifest = parse_task_manifest(net.blobs[task.manifest_blob], task.manifest_digest)
    changed = dataclasses.replace(manifest, weights_blob=78, weights_digest=bytes(32))
    task.manifest_blob = tools.store.keep(changed.to_bytes())
    task.manifest_digest = changed.digest()
    return 78


def _spoil_parent(net: Network, tools: Tools, task: ob.Task, patch: Any) -> int:
    task.parent = normalize_address("0x55")
    parent = dataclasses.replace(net.task, id=task.parent, phase=TaskPhase.AGGREGATED)
    parent.aggregate = ob.Aggregate(0, bytes(32), bytes(32), 79)
    net.objects[task.parent] = parent
    return 79


@pytest.mark.parametrize("spoil", [_spoil_manifest, _spoil_weights, _spoil_parent])
async def test_a_task_that_keeps_us_waiting_delays_no_other(
    tmp_path: Path, monkeypatch, spoil
) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_open_tasks=9, max_stake_per_day=99 * STAKE) as tools:
        names = _add_tasks(net, tools, 4)
        _grant_all(net, tools, names)
        bad, *good = sorted(names)
        _silence(tools, spoil(net, tools, net.objects[bad], monkeypatch), monkeypatch)
        at_stake = _let_join(net, tools, {name: ["shown"] for name in names})
        await _run_until(tools, lambda: sorted(at_stake) == good)


async def test_many_tasks_without_a_plan_leave_room_for_a_good_one(tmp_path: Path) -> None:
    """Each of them fails by itself, and the others are still reconciled."""
    net = Network()
    with net.daemon(tmp_path, "c", max_open_tasks=99, max_stake_per_day=99 * STAKE) as tools:
        names = _add_tasks(net, tools, 30)
        _grant_all(net, tools, names)
        for name in names[:-1]:
            net.objects[name].manifest_digest, net.objects[name].manifest_blob = bytes(32), 77
        at_stake = _let_join(net, tools, {names[-1]: ["shown"]})
        await _run_until(tools, lambda: at_stake == names[-1:])
        assert failures(tools, names[0])


# --- tasks whose key is awaited ------------------------------------------------------------------


class _NoRows(_Ready):
    """Waits for the dataset."""

    async def ready_rows(self, version: Any, dek: bytes, plan: Any) -> Path:
        raise BlobNotFound("later")


def _answer(net: Network, tools: Tools, task: str, state: int) -> ob.KeyRequest:
    """Let the chain show our request for a task's key."""
    net.grant(tools.address, tools.keys.encryption_key, state)
    net.objects[REQUEST].task = task
    return net.objects[REQUEST]


async def test_keys_that_never_come_are_asked_for_as_many_tasks_as_may_be_open(tmp_path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_open_tasks=2, max_stake_per_day=99 * STAKE) as tools:
        names = _add_tasks(net, tools, 12)
        for _look in range(3):
            await make_staker(tools, _Ready(tools)).run_once()
        asked = [call["task"] for call in tools.contract.calls("request_key")]
        assert set(asked) == set(names[:2])
        assert "2 tasks are in progress" in tools.records.get("decisions", names[2])[1]


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (RequestState.REQUESTED, True),
        (RequestState.GRANTED, True),
        (RequestState.DENIED, False),
        (RequestState.EXPIRED, False),
    ],
)
async def test_a_task_counts_while_its_key_may_come_or_be_used(tmp_path, state, counts) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_stake_per_day=99 * STAKE) as tools:
        first, second = _add_tasks(net, tools, 2)
        await make_staker(tools, _Ready(tools)).run_once()
        request = _answer(net, tools, first, state)
        tools.records.delete("asked", first)  # as if our own state were lost
        tools.contract.sent.clear()
        await make_staker(tools, _NoRows(tools)).run_once()
        assert bool(tools.contract.calls("request_key")) != counts
        net.clock.ms = request.expires_ms
        net.objects[first].phase_ms = net.objects[second].phase_ms = request.expires_ms
        await make_staker(tools, _NoRows(tools)).run_once()
        assert bool(tools.contract.calls("request_key")) == (state != RequestState.GRANTED)


async def test_a_request_for_a_task_that_takes_nobody_any_more_is_forgotten(tmp_path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c", max_stake_per_day=99 * STAKE) as tools:
        first, second = _add_tasks(net, tools, 2)
        staker = make_staker(tools, _Ready(tools))
        await staker.run_once()
        net.objects[first].phase = TaskPhase.TRAINING
        await staker.run_once()
        assert [call["task"] for call in tools.contract.calls("request_key")] == [first, second]
        assert set(tools.records.items("asked")) == {second}


async def test_a_task_that_the_pool_cannot_seat_is_not_joined(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        staker = make_staker(tools, _Ready(tools))
        for seat in net.pool.seats[6:]:
            seat.rate = 1
        await staker.run_once()
        assert not tools.contract.sent
        said = tools.records.get("decisions", TASK)[1]
        assert "The pool cannot seat the task: 6 of the pool's 24 live seats" in said
        for seat in net.pool.seats:
            seat.rate = 10**12
        await staker.run_once()
        assert tools.contract.calls("join")


async def test_a_parties_seats_are_not_counted(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        staker = make_staker(tools, _Ready(tools))
        whose = [net.task.publisher, net.objects[DATASET].owner, tools.address]
        for number, seat in enumerate(net.pool.seats[6:]):
            seat.verifier = whose[number % 3]
        await staker.run_once()
        assert not tools.contract.sent


async def test_terms_that_cost_the_absent_too_much_are_declined(tmp_path: Path) -> None:
    net = Network({"grace": "5h"})
    with net.daemon(tmp_path, "c") as tools:
        await make_staker(tools, _Ready(tools)).run_once()
        assert not tools.contract.sent
        assert (
            "The grace of 5h is below our minimum of 6h." in tools.records.get("decisions", TASK)[1]
        )


class _Slow(InlineTraining):
    """A machine whose benchmark gives what a test says."""

    rate = 1

    async def run(self, job: Any, on_line: Any) -> dict[str, Any]:
        assert isinstance(job, BenchmarkJob)
        return {"rate": self.rate}


async def test_a_task_that_this_machine_cannot_train_in_time_is_declined(tmp_path: Path) -> None:
    net, training = Network(), _Slow()
    with net.daemon(tmp_path, "c", training=training, rate=0) as tools:
        ready = Readiness(tools, dict.fromkeys(Ability, _no_fault))
        staker = make_staker(tools, _Ready(tools), ready)
        await staker.run_once()
        await staker.run_once()
        assert "Training takes about" in tools.records.get("decisions", TASK)[1]
        assert not tools.contract.sent
        tools.records.put("machine", "rate", 10**12)
        await staker.run_once()
        assert tools.contract.calls("request_key")


async def _no_fault() -> None:
    return None
