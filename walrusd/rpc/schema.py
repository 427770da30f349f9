"""The methods of the control interface: names, parameters, results.

The server, the OpenRPC document and ``walrusctl`` share this table. It imports only the standard
library, so that the client starts quickly.
"""

from dataclasses import dataclass
from typing import Any, Literal

PROTOCOL_VERSION = "1"
DEFAULT_SOCKET = "/run/walrusd/control.sock"
SOCKET_ENV = "WALRUSD_SOCKET"
MAX_BODY_BYTES = 1 << 20
MAX_BATCH = 64

Kind = Literal["string", "boolean", "object"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
OUR_FAULT = -32001
PEER_FAULT = -32002
WORLD_FAULT = -32003


@dataclass(frozen=True, slots=True)
class Param:
    """One named parameter."""

    name: str
    kind: Kind
    description: str
    required: bool = True

    def to_json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        return {"type": self.kind}


@dataclass(frozen=True, slots=True)
class Method:
    """One method: ``task.show`` on the wire is ``Api.task_show`` in the daemon.

    ``result`` describes the keys that every result has.
    """

    name: str
    summary: str
    params: tuple[Param, ...]
    result: dict[str, str]

    @property
    def attribute(self) -> str:
        """The name of the :class:`walrusd.rpc.api.Api` method."""
        return self.name.replace(".", "_")


# The daemon accepts the first digits (four or more), and 0x123456…abcdef, if one known id matches.
_SEAT_PARAMS = (
    "pool, another; overrides of [verifier]: max_stake, min_fee, max_penalty, rate, memory"
)
_SEAT = Param("params", "object", "which seat: pool, seat; not needed for one", required=False)
_TASK = Param("task", "string", "object id of the task, or its beginning")
_DATASET = Param("dataset", "string", "object id of the dataset, or its beginning")
_REQUEST = Param("request", "string", "object id of the key request, or its beginning")
_NONE: tuple[Param, ...] = ()

METHODS: tuple[Method, ...] = (
    Method(
        "status",
        "The daemon's address and network, its services' health, and its balance",
        _NONE,
        {
            "state": "running, or what the start is waiting for",
            "address": "own address",
            "roles": "list of roles",
            "cannot": "which work of its roles this machine cannot do, why, and what to do",
            "services": "each service's health",
            "troubles": "what each service fails on, why, and what to do",
        },
    ),
    Method(
        "task.publish",
        "Store model and plan, and open a task",
        (Param("params", "object", "the task: title, plan, datasets, terms, weights_path"),),
        {"task": "object id of the new task"},
    ),
    Method(
        "task.preview",
        "What publishing a task would lock, cost and take; nothing is stored or sent",
        (Param("params", "object", "as for task.publish"),),
        {
            "locked_mist": "what would be deposited, the bond included",
            "lost_most_mist": "the most that can be spent or lost, gas included",
            "missing_mist": "what the balance lacks",
            "durations": "how long each stage takes at most",
            "warnings": "terms under which cheating would pay",
        },
    ),
    Method("task.list", "Tasks on this market", _NONE, {"tasks": "list of tasks"}),
    Method(
        "task.show",
        "Everything known about a task, and this daemon's part in it",
        (_TASK,),
        {"task": "object id"},
    ),
    Method(
        "task.estimate",
        "The estimated cost and pay of a task, and the policy's decision with its reasons",
        (_TASK,),
        {"task": "object id", "join": "true or false", "reason": "why", "rules": "rule by rule"},
    ),
    Method(
        "task.join", "Stake on a task even if the policy declines", (_TASK,), {"task": "object id"}
    ),
    Method(
        "task.cancel",
        "Give up a task of ours before joining closes; whoever joined gets the cancel fee",
        (_TASK,),
        {"task": "object id", "digest": "the transaction"},
    ),
    Method("task.leave", "Do not stake on a task", (_TASK,), {"task": "object id"}),
    Method(
        "task.aggregate",
        "Verify the published aggregate of a task on this machine",
        (_TASK,),
        {"task": "object id"},
    ),
    Method(
        "task.costs",
        "The final loss of each submission and the loss of every step, where we can read them",
        (_TASK,),
        {"task": "object id", "costs": "list, one for each submission"},
    ),
    Method(
        "dataset.add",
        "Encrypt, store and list a dataset",
        (
            Param("path", "string", "absolute path of the data on the daemon's machine"),
            Param("title", "string", "short name shown to others"),
            Param("description", "string", "what the data is"),
            Param("schema", "object", "layout of a row; a container has its own", False),
            Param("raw", "boolean", "the file contains bare rows, whatever its suffix", False),
        ),
        {"dataset": "object id of the listing"},
    ),
    Method(
        "dataset.list",
        "Datasets on this market",
        (Param("mine", "boolean", "only this daemon's own", required=False),),
        {"datasets": "list of datasets"},
    ),
    Method("dataset.show", "A dataset's listing", (_DATASET,), {"dataset": "object id"}),
    Method(
        "dataset.search",
        "Datasets whose title or description contains every word",
        (Param("text", "string", "words"),),
        {"datasets": "list of datasets"},
    ),
    Method(
        "keys.pending",
        "Key requests that this owner has not answered",
        _NONE,
        {"requests": "requests"},
    ),
    Method("keys.list", "All key requests to and by this daemon", _NONE, {"requests": "requests"}),
    Method("keys.approve", "Grant a key request", (_REQUEST,), {"request": "object id"}),
    Method(
        "keys.deny",
        "Refuse a key request",
        (_REQUEST, Param("reason", "string", "shown to the requester")),
        {"request": "object id"},
    ),
    Method(
        "node.register",
        "Take a seat in a pool of verifiers",
        (Param("params", "object", _SEAT_PARAMS, required=False),),
        {"pool": "object id", "seat": "index in the pool", "stake_mist": "the stake"},
    ),
    Method(
        "node.preview",
        "What registering would bind, burn and declare; nothing is sent",
        (Param("params", "object", _SEAT_PARAMS, required=False),),
        {"pool": "object id", "stake_mist": "the stake", "fee_mist": "what is burned"},
    ),
    Method(
        "node.declare",
        "Say anew what our seat asks for and can do",
        (Param("params", "object", "which seat, and as for node.register", required=False),),
        {"seat": "index in the pool"},
    ),
    Method(
        "node.renew",
        "Burn the pool's fee for another life of our seat",
        (_SEAT,),
        {"seat": "index in the pool", "fee_mist": "what is burned"},
    ),
    Method(
        "node.top_up",
        "Add to our seat's stake what penalties took",
        (Param("params", "object", "which seat: pool, seat; amount", required=False),),
        {"amount_mist": "what was added"},
    ),
    Method(
        "node.balance",
        "Own address, its balance, and claimable credits",
        _NONE,
        {"address": "own address", "balance_mist": "balance"},
    ),
    Method("node.stake", "Our seats, and stakes bound in tasks", _NONE, {"seats": "list"}),
    Method("node.exit", "Leave a pool; the seat's stake unbonds", (_SEAT,), {}),
    Method("node.withdraw", "Take back a seat's stake after unbonding", (_SEAT,), {}),
    Method(
        "why",
        "The decisions about an id, its events on the chain, and their outcome for us",
        (Param("subject", "string", "an id or its beginning, seat, or seat:N"),),
        {
            "subject": "the id asked about",
            "entries": "decisions and events with their transactions, oldest first",
            "outcome": "each reward, missed reward and penalty, as sentences",
        },
    ),
)
