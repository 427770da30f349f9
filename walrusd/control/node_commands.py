"""This node's money and its seat among the verifiers."""

from typing import Any

from walrusd.chain.layouts import objects as ob
from walrusd.control.roles import check_role
from walrusd.engine.readiness import Readiness
from walrusd.engine.tools import Tools
from walrusd.errors import BadRequest
from walrusd.market.case import read_tasks
from walrusd.services.committee.registrar import register_seat
from walrusd.services.upkeep.claimer import credit_of
from walrusd.settings.amounts import parse_amount
from walrusd.settings.model import Role

Result = dict[str, Any]


class NodeCommands:
    """The methods ``node.…``."""

    def __init__(self, tools: Tools, readiness: Readiness) -> None:
        self._tools = tools
        self._readiness = readiness

    async def register(self, params: dict[str, Any]) -> Result:
        """Take a seat in the verifier pool."""
        check_role(self._tools.settings, Role.VERIFIER)
        verifier = self._tools.settings.verifier
        try:
            stake = parse_amount(params.get("stake", verifier.stake))
            min_fee = parse_amount(params.get("min_fee", verifier.min_fee))
        except ValueError as error:
            raise BadRequest(str(error), hint="amounts are text such as 1.5 SUI") from error
        await self._readiness.check_seat()
        return await register_seat(self._tools, stake=stake, min_fee=min_fee)

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
        """Return the verifier seat's stake and all stakes bound in tasks."""
        tools = self._tools
        bound = {
            submission.id: submission.stake
            for submission in await self._read_submissions()
            if submission.contributor == tools.address and submission.stake
        }
        found = await tools.contract.verifier_cap(tools.address)
        seat: Result | None = None
        if found is not None:
            index = found[1].index
            held = (await tools.contract.pool()).seats[index]
            seat = {
                "index": index,
                "stake_mist": held.stake,
                "min_fee_mist": held.min_fee,
                "in_use": held.in_use,
                "exiting": bool(held.exiting_at_ms),
            }
        return {"address": tools.address, "seat": seat, "bound_mist": bound}

    async def begin_exit(self) -> Result:
        """Begin to leave the verifier pool."""
        executed = await self._tools.contract.exit_seat()
        return {"digest": executed.digest}

    async def withdraw(self) -> Result:
        """Take back the seat's stake after unbonding."""
        executed = await self._tools.contract.withdraw_seat()
        return {"digest": executed.digest}
