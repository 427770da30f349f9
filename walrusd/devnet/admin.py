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


def create_admin_app(ledger: Ledger, endpoints: SuiEndpoints | None = None) -> Starlette:
    """Return the admin application of one ledger and of the endpoints that serve it.

    ``POST /faucet {address, amount?}``, ``POST /v2/gas`` as on public faucets,
    ``POST /clock/advance {ms}``, ``GET /clock``,
    ``POST /epoch/advance {gas_price?}``, ``POST /checkpoint/seal``, ``GET /supply``,
    ``GET /status``; for the endpoints, numbered from 0: ``GET /endpoints``,
    ``POST /endpoints {endpoint?, lag_ms?, frozen?, prune?, without?}`` and
    ``POST /faults {endpoint?, seed?, rules}`` (see ``FaultRule``). Amounts in Mist. Errors are
    ``{"error": text}`` with status 400.
    """
    controls = _Controls(ledger)
    endpoints = endpoints or SuiEndpoints(ledger, 0)
    return Starlette(
        routes=[
            Route("/faucet", _json(controls.faucet), methods=["POST"]),
            Route("/v2/gas", _json(controls.public_faucet), methods=["POST"]),
            Route("/clock/advance", _json(controls.advance_clock), methods=["POST"]),
            Route("/clock", _json(controls.clock), methods=["GET"]),
            Route("/epoch/advance", _json(controls.advance_epoch), methods=["POST"]),
            Route("/checkpoint/seal", _json(controls.seal), methods=["POST"]),
            Route("/endpoints", _json(lambda _: endpoints.describe()), methods=["GET"]),
            Route("/endpoints", _json(endpoints.change), methods=["POST"]),
            Route("/faults", _json(endpoints.set_faults), methods=["POST"]),
            Route("/supply", _json(controls.supply), methods=["GET"]),
            Route("/status", _json(controls.status), methods=["GET"]),
        ]
    )


def _json(answer: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
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
