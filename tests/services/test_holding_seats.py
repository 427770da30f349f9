"""Seats of a pool: taken within the owner's limits, renewed, filled up, and given up."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import pytest

from tests.support.market.bench import (
    MARKET,
    NOBODY,
    NOW,
    PACKAGE,
    POOL,
    Network,
    decisions,
)
from tests.support.market_params import DEFAULT_POOL
from tests.support.refusals import refused
from walrusd.chain.calls.node import SeatOffer
from walrusd.chain.calls.reads import SeatId
from walrusd.crypto.envelopes.contexts import SeatContext
from walrusd.crypto.envelopes.recipients import verify_recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.engine.readiness import MEMORY_PARTS
from walrusd.errors import MoveAborted
from walrusd.runtime.machine import read_memory_limit
from walrusd.services.committee.registrar import (
    Registrar,
    check_stake,
    make_offer,
    register_seat,
)
from walrusd.settings.model import Role, VerifierSettings
from walrusd.training.run.jobs import BenchmarkJob
from walrusd.units import MIST_PER_SUI, Mist, address_bytes, format_sui


def _abort() -> MoveAborted:
    return MoveAborted("ESlotTaken: taken", module="node", abort_code=4)


OFFER = SeatOffer(min_fee=0, max_penalty=MIST_PER_SUI, rate=10**9, memory=1 << 30)
PAYMENT = DEFAULT_POOL.stake + DEFAULT_POOL.fee


async def test_a_seat_that_cannot_be_had_is_journalled_once(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "v") as tools:
        tools.contract.fail["register_seat"] = [_abort()] * 3
        for _attempt in range(3):
            with pytest.raises(MoveAborted):
                await register_seat(tools, net.pool, OFFER, max_stake=PAYMENT)
        assert decisions(tools, tools.address) == ["registering"]


async def test_a_seat_takes_what_its_owner_allows_and_no_second_by_mistake(tmp_path) -> None:
    net = Network()
    with net.daemon(tmp_path, "v") as tools:
        with refused("daemon.not_allowed", "verifier.max_stake"):
            await register_seat(tools, net.pool, OFFER, max_stake=PAYMENT - 1)
        tools.contract.balances[tools.address] = PAYMENT - 1
        with refused("chain.insufficient_balance"):
            await register_seat(tools, net.pool, OFFER, max_stake=PAYMENT)
        tools.contract.balances.clear()
        net.register(tools.address, tools.keys)
        with refused("daemon.not_allowed", "already"):
            await register_seat(tools, net.pool, OFFER, max_stake=PAYMENT)
        assert not tools.contract.sent
        told = await register_seat(tools, net.pool, OFFER, max_stake=PAYMENT, another=True)
        assert (told["seat"], told["stake_mist"]) == (1, DEFAULT_POOL.stake)


async def test_the_keys_of_a_seat_are_proven_for_its_slot_and_generation(tmp_path: Path) -> None:
    net = Network()
    net.fill_pool(3)
    net.pool.seats[1] = dataclasses.replace(net.pool.seats[1], verifier=NOBODY, generation=4)
    with net.daemon(tmp_path, "v") as tools:
        for _attempt in range(2):
            await register_seat(tools, net.pool, OFFER, max_stake=PAYMENT)
        ((seat,), (again,)) = tools.contract.arguments("register_seat")
        assert seat == again == SeatId(POOL, 1, 5)
        first, second = tools.contract.calls("register_seat")
        # A node that does not show the new seat yet makes us stake no second one.
        assert first["once"] == second["once"] == f"register_seat:{POOL}:1:5"
        context = SeatContext(
            bytes(32), *map(address_bytes, (PACKAGE, MARKET, POOL)), 1, 5,
            address_bytes(tools.address),
        ).digest()  # fmt: skip
        keys = first["keys"]
        verify_recipient(context, keys.pk1, keys.pk2, SchnorrProof(keys.challenge, keys.answer))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"min_fee": DEFAULT_POOL.max_min_fee + 1}, "verifier.min_fee"),
        ({"max_penalty": DEFAULT_POOL.min_penalty - 1}, "verifier.max_penalty"),
        ({"max_penalty": DEFAULT_POOL.stake // DEFAULT_POOL.duties + 1}, "verifier.max_penalty"),
        ({"rate": DEFAULT_POOL.min_rate - 1}, "verifier.rate"),
        ({"memory": DEFAULT_POOL.min_memory - 1}, "verifier.memory"),
    ],
)
async def test_what_the_pool_refuses_is_named_with_its_limit(tmp_path, change, named) -> None:
    net = Network()
    wanted = {"rate": 10**9, "memory": 1 << 30, **change}
    with net.daemon(tmp_path, "v") as tools, refused("daemon.not_allowed", named):
        await make_offer(tools, net.pool, VerifierSettings(**wanted))


async def test_rate_and_memory_are_measured_unless_they_are_given(tmp_path: Path) -> None:
    class Benchmark:
        asked: ClassVar[list] = []

        async def run(self, job, on_line):
            self.asked.append(job)
            return {"rate": 10**9 + 7}

    net = Network()
    with net.daemon(tmp_path, "v", Benchmark()) as tools:
        offer = await make_offer(tools, net.pool, VerifierSettings())
        assert offer.rate == 10**9 + 7
        assert isinstance(Benchmark.asked[0], BenchmarkJob)
        assert offer.memory == read_memory_limit() // MEMORY_PARTS
        assert offer.max_penalty == DEFAULT_POOL.stake // DEFAULT_POOL.duties
        given = await make_offer(tools, net.pool, VerifierSettings(rate=10**9, memory=1 << 30))
        assert (given.rate, given.memory, len(Benchmark.asked)) == (10**9, 1 << 30, 1)


def verifying(tools, **changes):
    verifier = VerifierSettings(**{"max_stake": Mist(PAYMENT), "rate": 10**9, **changes})
    return dataclasses.replace(
        tools, settings=dataclasses.replace(tools.settings, verifier=verifier)
    )


async def test_a_seat_is_renewed_before_it_lapses(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "v") as found:
        tools = verifying(found)
        seat = net.register(tools.address, tools.keys)
        life = DEFAULT_POOL.seat_life_ms
        for since, count in ((0, 0), (3 * life // 4 - 1, 0), (3 * life // 4, 1)):
            net.clock.ms = NOW + since
            await Registrar(tools).run_once()
            assert len(tools.contract.calls("renew_seat")) == count
        assert tools.contract.arguments("renew_seat") == [(seat,)]
        assert tools.contract.calls("renew_seat")[0]["fee"] == DEFAULT_POOL.fee
        await Registrar(verifying(found, auto_renew=False)).run_once()
        net.pool.seats[0].exiting_at_ms = 1
        await Registrar(tools).run_once()
        assert len(tools.contract.calls("renew_seat")) == 1


async def test_penalties_are_filled_up_within_the_owners_daily_limit(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "v") as found:
        net.register(found.address, found.keys)
        net.pool.seats[0].stake -= 10
        await Registrar(verifying(found)).run_once()
        assert not found.contract.sent
        tools = verifying(found, max_top_up=Mist(7))
        for _look in range(2):
            await Registrar(tools).run_once()
        net.clock.ms += 24 * 3600 * 1000 + 1
        await Registrar(tools).run_once()
        calls = tools.contract.calls("top_up_seat")
        assert [call["amount"] for call in calls] == [7, 7]
        assert len({call["once"] for call in calls}) == 2


async def test_a_capability_of_a_seat_that_is_gone_is_discarded(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "v") as tools:
        seat = net.register(tools.address, tools.keys)
        caps = await tools.contract.verifier_caps(tools.address)
        net.pool.seats[0] = dataclasses.replace(net.pool.seats[0], verifier=NOBODY)

        async def held(_owner):
            return caps

        tools.contract.verifier_caps = held
        await Registrar(verifying(tools)).run_once()
        assert tools.contract.arguments("discard_cap") == [(seat,)]


@pytest.mark.parametrize(
    ("stake", "roles", "auto", "is_refused"),
    [
        (PAYMENT - 1, {Role.VERIFIER}, True, True),
        (PAYMENT, {Role.VERIFIER}, True, False),
        (0, {Role.VERIFIER}, False, False),
        (0, {Role.CONTRIBUTOR}, True, False),
    ],
)
def test_a_stake_below_the_pools_is_seen_at_the_start(
    tmp_path, stake, roles, auto, is_refused
) -> None:
    net = Network()
    with net.daemon(tmp_path, "v") as tools:
        settings = dataclasses.replace(
            tools.settings,
            daemon=dataclasses.replace(tools.settings.daemon, roles=frozenset(roles)),
            verifier=VerifierSettings(max_stake=Mist(stake), auto_register=auto),
        )
        complaint = check_stake(settings, net.pool)
    assert bool(complaint) == is_refused
    if is_refused:
        assert format_sui(stake) in complaint
        assert format_sui(PAYMENT) in complaint
