"""The devnet's own controls over HTTP: faucet, clock, epochs, supply, and the endpoints' faults."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from walrusd.devnet.ledger.faucet import send_from_faucet
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.move.failures import TransactionRejectedError
from walrusd.devnet.rpc.endpoints import SuiEndpoints
from walrusd.units import MIST_PER_SUI, Mist

_DEFAULT_FAUCET = 10 * MIST_PER_SUI


_Answer = Callable[[dict[str, Any]], Any]

COMMANDS = {
    "GET /": "what this interface can do",
    "POST /faucet": "send coins: {address, amount?}, the amount in Mist, 10 SUI if missing",
    "POST /v2/gas": "the same as on public faucets: {FixedAmountRequest: {recipient}}",
    "GET /clock": "the time on the chain, in milliseconds since 1970",
    "POST /clock/advance": "let time pass on the chain at once: {ms}",
    "POST /epoch/advance": "end the epoch: {gas_price?}, in Mist per unit of gas",
    "POST /checkpoint/seal": "seal a checkpoint now",
    "GET /supply": "where all coins are, and whether none was made or lost; amounts in Mist",
    "GET /status": "chain, epoch, checkpoint, transactions and time",
    "GET /endpoints": "the full nodes, numbered from 0, and how they behave",
    "POST /endpoints": "change them: {endpoint?, lag_ms?, frozen?, prune?, without?}",
    "POST /faults": "let calls of them fail: {endpoint?, seed?, rules}",
}
"""What the admin interface answers, each with what it is for, and its parameters in braces."""


def create_admin_app(ledger: Ledger, endpoints: SuiEndpoints | None = None) -> Starlette:
    """Return the admin application of one ledger and of the endpoints that serve it.

    It answers ``COMMANDS``; the rules of faults are those of ``FaultRule``. Errors are
    ``{"error": text}`` with status 400.
    """
    controls = _Controls(ledger)
    endpoints = endpoints or SuiEndpoints(ledger, 0)
    answers: dict[str, _Answer] = {
        "GET /": controls.describe,
        "POST /faucet": controls.faucet,
        "POST /v2/gas": controls.public_faucet,
        "GET /clock": controls.clock,
        "POST /clock/advance": controls.advance_clock,
        "POST /epoch/advance": controls.advance_epoch,
        "POST /checkpoint/seal": controls.seal,
        "GET /supply": controls.supply,
        "GET /status": controls.status,
        "GET /endpoints": lambda _: endpoints.describe(),
        "POST /endpoints": endpoints.change,
        "POST /faults": endpoints.set_faults,
    }
    return Starlette(routes=[_make_route(name, answer) for name, answer in answers.items()])


def _make_route(name: str, answer: _Answer) -> Route:
    method, _, path = name.partition(" ")
    return Route(path, _json(answer), methods=[method])


def _json(answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(answer(await _read_body(request)))
        except (TransactionRejectedError, ValueError) as e:
            return JSONResponse({"error": str(e)}, status_code=400)

    return endpoint


async def _read_body(request: Request) -> dict[str, Any]:
    body = await request.json() if await request.body() else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - the caller's value
    return body


def _integer(body: dict[str, Any], name: str, default: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number")  # noqa: TRY004 - the caller's value
    return value


class _Controls:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def describe(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"about": "the controls of a walrusd devnet", "commands": COMMANDS}

    def faucet(self, body: dict[str, Any]) -> dict[str, Any]:
        amount = Mist(_integer(body, "amount", _DEFAULT_FAUCET))
        executed = send_from_faucet(self.ledger, str(body.get("address", "")), amount)
        effects = executed.effects
        assert effects is not None
        made = [c.object_id for c in effects.changed_objects if c.input_version is None]
        return {"digest": executed.digest, "objects": made, "amount": str(amount)}

    def clock(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"now_ms": self.ledger.now_ms()}

    def public_faucet(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer as the faucets of public networks do."""
        wanted = body.get("FixedAmountRequest")
        recipient = wanted.get("recipient") if isinstance(wanted, dict) else None
        given = self.faucet({"address": recipient or ""})
        coins = [
            {"amount": int(given["amount"]), "id": oid, "transferTxDigest": given["digest"]}
            for oid in given["objects"]
        ]
        return {"status": "Success", "coins_sent": coins}

    def advance_clock(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"now_ms": self.ledger.advance_clock(_integer(body, "ms"))}

    def advance_epoch(self, body: dict[str, Any]) -> dict[str, Any]:
        price = _integer(body, "gas_price") if "gas_price" in body else None
        return {"epoch": self.ledger.advance_epoch(price), "gas_price": self.ledger.gas_price}

    def seal(self, _: dict[str, Any]) -> dict[str, Any]:
        self.ledger.seal()
        return {"checkpoint": self.ledger.tip.sequence}

    def supply(self, _: dict[str, Any]) -> dict[str, Any]:
        supply = self.ledger.count_supply()
        return {
            "minted": str(supply.minted),
            "in_coins": str(supply.in_coins),
            "in_objects": str(supply.in_objects),
            "gas_collected": str(supply.gas_collected),
            "conserved": supply.is_conserved,
        }

    def status(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "chain_id": self.ledger.chain_id,
            "epoch": self.ledger.epoch,
            "checkpoint": self.ledger.tip.sequence,
            "transactions": self.ledger.tip.end_number,
            "now_ms": self.ledger.now_ms(),
        }
