"""This node's money and its seats among the verifiers."""

from dataclasses import replace
from typing import Any

from walrusd.chain.calls.node import SeatOffer
from walrusd.chain.layouts import objects as ob
from walrusd.control.roles import check_role
from walrusd.engine.readiness import Readiness
from walrusd.engine.tools import Tools
from walrusd.errors import BadRequest, NotAllowed
from walrusd.market.case import read_tasks
from walrusd.services.committee.registrar import (
    Held,
    list_held,
    make_offer,
    register_seat,
    show_offer,
    top_up_seat,
)
from walrusd.services.upkeep.claimer import credit_of
from walrusd.settings.amounts import parse_amount
from walrusd.settings.model import Role
from walrusd.units import Mist, format_sui

Result = dict[str, Any]


class NodeCommands:
    """The methods ``node.…``."""

    def __init__(self, tools: Tools, readiness: Readiness) -> None:
        self._tools = tools
        self._readiness = readiness

    async def preview(self, params: dict[str, Any]) -> Result:
        """Return what registering would bind, burn and declare; the rate is measured for it."""
        pool, offer, _max_stake = await self._read_offer(params)
        return {
            "pool": pool.id,
            "stake_mist": pool.params.stake,
            "fee_mist": pool.params.fee,
            "duties": pool.params.duties,
            **show_offer(offer),
        }

    async def register(self, params: dict[str, Any]) -> Result:
        """Take a seat in a pool."""
        check_role(self._tools.settings, Role.VERIFIER)
        await self._readiness.check_seat()
        pool, offer, max_stake = await self._read_offer(params)
        another = params.get("another", False) is True
        return await register_seat(self._tools, pool, offer, max_stake=max_stake, another=another)

    async def declare(self, params: dict[str, Any]) -> Result:
        """Say anew what our seat asks for and can do."""
        seat, _held = await self._choose(params)
        _pool, offer, _max_stake = await self._read_offer({**params, "pool": seat.pool})
        executed = await self._tools.contract.declare_seat(seat, offer)
        return {"digest": executed.digest, "seat": seat.index, **show_offer(offer)}

    async def renew(self, params: dict[str, Any]) -> Result:
        """Burn the pool's fee for another life of our seat."""
        seat, held = await self._choose(params)
        pool = await self._tools.contract.pool(seat.pool)
        once = f"renew_seat:{seat.pool}:{seat.index}:{seat.generation}:{held.renewed_ms}"
        fee = pool.params.fee
        executed = await self._tools.contract.renew_seat(seat, fee=fee, once=once)
        return {"digest": executed.digest, "seat": seat.index, "fee_mist": fee}

    async def top_up(self, params: dict[str, Any]) -> Result:
        """Add to our seat's stake what penalties took: all of it, or ``amount``."""
        seat, held = await self._choose(params)
        pool = await self._tools.contract.pool(seat.pool)
        missing = pool.params.stake - held.stake
        amount = _read_amount(params, "amount", missing)
        if not 0 < amount <= missing:
            raise BadRequest(f"the seat's stake lacks {format_sui(Mist(missing))}")
        return {"digest": await top_up_seat(self._tools, seat, amount), "amount_mist": amount}

    async def _read_offer(self, params: dict[str, Any]) -> tuple[ob.VerifierPool, SeatOffer, Mist]:
        """Return the pool and the declaration that parameters and settings ask for."""
        contract, verifier = self._tools.contract, self._tools.settings.verifier
        name = params.get("pool", contract.pool_ids[0])
        if name not in contract.pool_ids:
            raise BadRequest(
                f"pool {name} is not in market.pools", hint="list it there, if you trust it"
            )
        wanted = replace(
            verifier,
            min_fee=_read_amount(params, "min_fee", verifier.min_fee),
            max_penalty=_read_amount(params, "max_penalty", verifier.max_penalty),
            rate=_read_number(params, "rate", verifier.rate),
            memory=_read_number(params, "memory", verifier.memory),
        )
        contract.forget(name)
        pool = await contract.pool(name)
        offer = await make_offer(self._tools, pool, wanted)
        return pool, offer, _read_amount(params, "max_stake", verifier.max_stake)

    async def _choose(self, params: dict[str, Any]) -> Held:
        """Return our seat that parameters name; nothing need be named if there is one."""
        held = await list_held(self._tools)
        if "pool" in params:
            held = [each for each in held if each[0].pool == params["pool"]]
        if "seat" in params:
            held = [each for each in held if each[0].index == params["seat"]]
        if len(held) == 1:
            return held[0]
        if not held:
            raise NotAllowed(
                "this address holds no such verifier seat",
                hint="take one: walrusctl node register",
            )
        raise BadRequest(
            f"this address holds {len(held)} seats",
            hint="name one: --seat and its number, --pool if they are in several",
        )

    async def _read_submissions(self) -> list[ob.Submission]:
        known = self._tools.chain_log.known("submission")
        found = await self._tools.contract.read_many(ob.Submission, [k.id for k in known])
        return list(found.values())

    async def show_balance(self) -> Result:
        """Return the address, its balance, and claimable credits."""
        tools = self._tools
        lists = [sub.credits for sub in await self._read_submissions()]
        lists += [task.credits for task in await read_tasks(tools)]
        claimable = sum(credit_of(entries, tools.address) for entries in lists)
        return {
            "address": tools.address,
            "balance_mist": await tools.contract.balance(tools.address),
            "claimable_mist": claimable,
        }

    async def show_stake(self) -> Result:
        """Return our seats with their stakes, and all stakes bound in tasks."""
        tools = self._tools
        bound = {
            submission.id: submission.stake
            for submission in await self._read_submissions()
            if submission.contributor == tools.address and submission.stake
        }
        seats = [
            {
                "pool": seat.pool,
                "seat": seat.index,
                "stake_mist": held.stake,
                "min_fee_mist": held.min_fee,
                "max_penalty_mist": held.max_penalty,
                "rate": held.rate,
                "memory_bytes": held.memory,
                "duties": held.duties,
                "silent": held.silent,
                "renewed_ms": held.renewed_ms,
                "lapses_ms": held.renewed_ms
                + (await tools.contract.pool(seat.pool)).params.seat_life_ms,
                "exiting": bool(held.exiting_at_ms),
            }
            for seat, held in await list_held(tools)
        ]
        return {"address": tools.address, "seats": seats, "bound_mist": bound}

    async def begin_exit(self, params: dict[str, Any]) -> Result:
        """Begin to leave a pool."""
        seat, _held = await self._choose(params)
        executed = await self._tools.contract.exit_seat(seat)
        return {"digest": executed.digest, "seat": seat.index}

    async def withdraw(self, params: dict[str, Any]) -> Result:
        """Take back a seat's stake after unbonding."""
        seat, _held = await self._choose(params)
        executed = await self._tools.contract.withdraw_seat(seat)
        return {"digest": executed.digest, "seat": seat.index}


def _read_amount(params: dict[str, Any], name: str, default: int) -> Mist:
    try:
        return parse_amount(params.get(name, default))
    except ValueError as error:
        raise BadRequest(str(error), hint="amounts are text such as 1.5 SUI") from error


def _read_number(params: dict[str, Any], name: str, default: int) -> int:
    value = params.get(name, default)
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise BadRequest(f"{name} must be a whole number")
    return value
