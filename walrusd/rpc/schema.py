"""The methods of the control interface: names, parameters, results.

The one table that the server, the OpenRPC document and ``walrusctl`` share. It imports nothing but
the standard library, so that the client starts quickly.
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

    ``result`` lists the keys that every result has, with what they hold.
    """

    name: str
    summary: str
    params: tuple[Param, ...]
    result: dict[str, str]

    @property
    def attribute(self) -> str:
        """The name of the :class:`walrusd.rpc.api.Api` method behind it."""
        return self.name.replace(".", "_")


# The daemon takes a beginning of four digits or more, and 0x123456…abcdef, if one id known is so.
_TASK = Param("task", "string", "object id of the task, or its beginning")
_DATASET = Param("dataset", "string", "object id of the dataset, or its beginning")
_REQUEST = Param("request", "string", "object id of the key request, or its beginning")
_NONE: tuple[Param, ...] = ()

METHODS: tuple[Method, ...] = (
    Method(
        "status",
        "Who this daemon is, its network, its services' health, and its balance",
        _NONE,
        {
            "state": "running, or what a start waits for",
            "address": "own address",
            "roles": "list of roles",
            "cannot": "what this machine cannot do of its roles' work, why, and what to do",
            "services": "each service's health",
            "troubles": "each subject that a service fails with, why, and what to do",
        },
    ),
    Method(
        "task.publish",
        "Store model and plan, and open a task",
        (Param("params", "object", "the task: title, plan, datasets, terms, weights_path"),),
        {"task": "object id of the new task"},
    ),
    Method("task.list", "Tasks on this market", _NONE, {"tasks": "list of tasks"}),
    Method(
        "task.show",
        "Everything known of a task and of this daemon's part in it",
        (_TASK,),
        {"task": "object id"},
    ),
    Method(
        "task.estimate",
        "The policy's arithmetic for a task, and its yes or no with reasons",
        (_TASK,),
        {"task": "object id", "join": "true or false", "reason": "why", "rules": "rule by rule"},
    ),
    Method(
        "task.join", "Stake on a task even if the policy declines", (_TASK,), {"task": "object id"}
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
        "The final loss of each submission and the loss of every step, where they are open to us",
        (_TASK,),
        {"task": "object id", "costs": "list, one a submission"},
    ),
    Method(
        "dataset.add",
        "Encrypt, store and list a dataset",
        (
            Param("path", "string", "absolute path of the data on the daemon's machine"),
            Param("title", "string", "short name shown to others"),
            Param("description", "string", "what the data is"),
            Param("schema", "object", "layout of a row; a container brings its own", False),
            Param("raw", "boolean", "the file holds bare rows, whatever its suffix", False),
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
        "keys.pending", "Key requests that wait for this owner", _NONE, {"requests": "requests"}
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
        "Take a seat in the verifier pool",
        (Param("params", "object", "overrides of [verifier]: stake, min_fee", required=False),),
        {"seat": "index in the pool"},
    ),
    Method(
        "node.balance",
        "Own address, its balance, and claimable credits",
        _NONE,
        {"address": "own address", "balance_mist": "balance"},
    ),
    Method("node.stake", "The seat's stake and stakes bound in tasks", _NONE, {}),
    Method("node.exit", "Begin to leave the verifier pool", _NONE, {}),
    Method("node.withdraw", "Take back the seat's stake after unbonding", _NONE, {}),
    Method(
        "why",
        "What was decided about an id, what the chain says of it, and what it meant for us",
        (Param("subject", "string", "an id or its beginning, seat, or seat:N"),),
        {
            "subject": "what was asked about",
            "entries": "decisions and events with their transactions, oldest first",
            "outcome": "each reward, missed reward and penalty, as sentences",
        },
    ),
)

METHODS_BY_NAME: dict[str, Method] = {method.name: method for method in METHODS}
