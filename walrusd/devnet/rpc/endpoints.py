"""The Sui endpoints of a devnet, and what the admin may change on each."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.rpc.faults import FaultRule
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.sui_services import SuiServices, build_sui_services

_RULE_FIELDS = {f.name for f in fields(FaultRule)} - {"fired"}


@dataclass(frozen=True)
class NodeOptions:
    """How every full node of a devnet behaves until the admin says otherwise.

    ``lag_ms``: delay of checkpoints. ``keep``: how many checkpoints it keeps; None for all.
    ``without``: RPCs, or whole services, that it answers with UNIMPLEMENTED: an old node lacks
    some, and an archive has only ``LedgerService``.
    """

    lag_ms: int = 0
    keep: int | None = None
    without: tuple[str, ...] = ()


class SuiEndpoints:
    """One set of services per endpoint, all on one ledger."""

    def __init__(self, ledger: Ledger, count: int = 1, options: NodeOptions | None = None) -> None:
        """Make ``count`` endpoints.

        Raises:
            ValueError: if ``options`` name an RPC that does not exist.
        """
        options = options or NodeOptions()
        self.nodes: list[SuiServices] = []
        for _ in range(count):
            node = Replica(ledger, lag=options.lag_ms / 1000, keep=options.keep)
            self.nodes.append(build_sui_services(ledger, node=node))
        for services in self.nodes:
            _set_unknown(services, options.without)

    def describe(self) -> dict[str, Any]:
        """Return the state of every endpoint."""
        return {"endpoints": [_describe(services) for services in self.nodes]}

    def change(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change one endpoint, or all of them: ``{endpoint?, lag_ms?, frozen?, prune?, without?}``.

        ``prune`` is the lowest checkpoint to keep.

        Raises:
            ValueError: if there is no such endpoint, field, or RPC.
        """
        known = {"endpoint", "lag_ms", "frozen", "prune", "without"}
        if unknown := set(body) - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        for services in self._chosen(body):
            node = services.node
            if "lag_ms" in body:
                node.lag = _whole(body["lag_ms"], "lag_ms") / 1000
            if "frozen" in body:
                node.freeze(bool(body["frozen"]))
            if "prune" in body:
                node.prune(_whole(body["prune"], "prune"))
            if "without" in body:
                _set_unknown(services, body["without"])
        return self.describe()

    def set_faults(self, body: dict[str, Any]) -> dict[str, Any]:
        """Replace the rules of one endpoint, or all: ``{endpoint?, seed?, rules}``.

        Raises:
            ValueError: if there is no such endpoint, or a rule is impossible.
        """
        for number, services in enumerate(self._chosen(body)):
            rules = [_read_rule(rule) for rule in body.get("rules", [])]
            services.faults.rules = rules
            seed = _whole(body.get("seed", 0), "seed") + number
            services.faults.chance = random.Random(seed)  # noqa: S311 - faults, not secrets
        return self.describe()

    def _chosen(self, body: dict[str, Any]) -> Sequence[SuiServices]:
        number = body.get("endpoint")
        if number is None:
            return self.nodes
        if not isinstance(number, int) or not 0 <= number < len(self.nodes):
            raise ValueError(f"there are endpoints 0 to {len(self.nodes) - 1}, not {number!r}")
        return [self.nodes[number]]


def _describe(services: SuiServices) -> dict[str, Any]:
    node = services.node
    return {
        "checkpoint": node.tip.sequence,
        "lowest": node.lowest,
        "lag_ms": round(node.lag * 1000),
        "frozen": node.frozen,
        "without": sorted(services.faults.unknown),
        "faults": [rule.to_json() for rule in services.faults.rules],
    }


def _read_rule(rule: Any) -> FaultRule:
    if not isinstance(rule, dict) or "kind" not in rule or set(rule) - _RULE_FIELDS:
        raise ValueError(f"a rule has kind and {', '.join(sorted(_RULE_FIELDS - {'kind'}))}")
    try:
        return FaultRule(**rule)
    except TypeError as error:
        raise ValueError(f"a rule has a field of the wrong type: {error}") from error


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} must be a whole number, 0 or more")
    return value


def _set_unknown(services: SuiServices, names: Sequence[str]) -> None:
    methods: dict[str, set[str]] = {}
    for route in services.table:
        service, _, method = route.rpartition("/")
        methods[method] = {method}
        methods.setdefault(service.rpartition(".")[2], set()).add(method)
    if unknown := set(names) - methods.keys():
        raise ValueError(f"no such RPC: {', '.join(sorted(unknown))}")
    services.faults.unknown = set().union(*(methods[name] for name in names))
