"""Which method of the product's chain client makes which call of the contract.

The arguments are those of the specification's function, without clock and randomness.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction

Send = Callable[..., Awaitable[ExecutedTransaction]]


def _named(name: str, *keywords: str, skip: int = 0) -> Send:
    """A call on a task and a submission, after ``skip`` further objects, with named arguments."""

    async def send(client: ContractClient, _market: Any, *args: Any) -> ExecutedTransaction:
        on = [each.id for each in args[:2]]
        named = dict(zip(keywords, args[2 + skip :], strict=True))
        return await getattr(client, name)(*on, **named)

    return send


def _crank(name: str) -> Send:
    """A crank on a submission: market, task, pool, submission."""

    async def send(client: ContractClient, _m: Any, task: Any, _pool: Any, work: Any) -> Any:
        return await getattr(client, name)(task.id, work.id)

    return send


def _alone(name: str, at: int = 1) -> Send:
    """A call on one object, which is argument ``at``."""

    async def send(client: ContractClient, *args: Any) -> ExecutedTransaction:
        return await getattr(client, name)(args[at].id)

    return send


async def _register(client: ContractClient, _m: Any, _p: Any, coin: Any, key: bytes, *most: int):
    min_fee, state, work = most
    return await client.register_seat(
        stake=coin.balance,
        key=key,
        min_fee=min_fee,
        max_state_bytes=state,
        max_segment_work=work,
        once="register",
    )


async def _exit(client: ContractClient, *_: Any) -> ExecutedTransaction:
    return await client.exit_seat()


async def _withdraw(client: ContractClient, *_: Any) -> ExecutedTransaction:
    return await client.withdraw_seat()


async def _list(client: ContractClient, _m: Any, title: bytes, description: int, *version: Any):
    listed = ob.DatasetVersion(1, *version)
    return await client.list_dataset(
        title=title, description_blob=description, version=listed, once="list"
    )


async def _request(client: ContractClient, _m: Any, dataset: Any, *args: Any):
    names = "number", "key", "scope", "task", "lifetime_ms"
    named = dict(zip(names, args, strict=True))
    return await client.request_key(dataset.id, **named, once="request")


async def _grant(client: ContractClient, _m: Any, request: Any, envelope: bytes):
    return await client.grant_key(request.id, envelope)


async def _deny(client: ContractClient, _m: Any, request: Any, reason: bytes):
    return await client.deny_key(request.id, reason.decode())


async def _add_version(client: ContractClient, _m: Any, dataset: Any, *args: Any):
    market, ref = await client._market_ref(), await client.shared_ref(dataset.id)
    blob, manifest, root, rows, row_bytes, check = args

    def build(p: Ptb) -> None:
        given = p.u256(blob), p.byte_vector(manifest), p.byte_vector(root)
        sizes = p.u64(rows), p.u64(row_bytes), p.byte_vector(check)
        p.call(client._target("dataset", "add_version"), market, ref, *given, *sizes)

    return await client._send(build, None, dataset.id, label="add_version")


async def _expire(client: ContractClient, _m: Any, request: Any):
    market, ref = await client._market_ref(), await client.shared_ref(request.id)

    def build(p: Ptb) -> None:
        p.call(client._target("dataset", "expire_key"), market, ref, p.clock)

    return await client._send(build, None, request.id, label="expire_key")


async def _open_task(client: ContractClient, _m: Any, terms: ob.Terms, *args: Any):
    names = "publisher_key", "manifest_blob", "manifest_digest", "state_root_0", "plan_digest"
    *given, parent, datasets, numbers, coin = args
    return await client.open_task(
        terms,
        funds=coin.balance,
        **dict(zip(names, given, strict=True)),
        parent=parent,
        datasets=[ob.DatasetRef(*pair) for pair in zip(datasets, numbers, strict=True)],
        once="open_task",
    )


async def _aggregate(client: ContractClient, _m: Any, _cap: Any, task: Any, *args: Any):
    root, blindings, blob = args
    return await client.record_aggregate(task.id, root=root, blindings_root=blindings, blob=blob)


async def _join(client: ContractClient, _m: Any, task: Any, dataset: Any, request: Any, coin: Any):
    return await client.join(task.id, dataset=dataset.id, request=request.id, stake=coin.balance)


async def _commit(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    trace, update, scheme, rows, path, cost, proof, digest, blob = args
    made = ob.Commitment(trace, update, scheme, rows, cost, digest, blob)
    return await client.commit(task.id, work.id, made, leaf_zero_path=path, cost_proof=proof)


async def _commit_abort(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    *claim, trace, path = args
    made = ob.AbortClaim(*claim)
    return await client.commit_abort(task.id, work.id, made, trace_root=trace, leaf_zero_path=path)


async def _open(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    *opening, blinding = args
    return await client.open(task.id, work.id, ob.Opening(*opening), blinding=blinding)


async def _challenge(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    names = "kind", "index", "place", "leaf", "path", "commitment"
    *given, coin = args
    named = dict(zip(names, given, strict=True))
    return await client.challenge(task.id, work.id, **named, bond=coin.balance)


async def _draw_jury(client: ContractClient, _m: Any, _pool: Any, work: Any):
    return await client.draw_jury(work.id, _case(work))


async def _accuser_reveal(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    named = dict(zip(("chain", "state_root", "salt"), args, strict=True))
    return await client.accuser_reveal(task.id, work.id, challenge=_case(work), **named)


def _as_juror(name: str, *keywords: str) -> Send:
    async def send(client: ContractClient, _m: Any, task: Any, work: Any, _cap: Any, *args: Any):
        named = dict(zip(("juror", *keywords), args, strict=True))
        return await getattr(client, name)(task.id, work.id, challenge=_case(work), **named)

    return send


def _case(work: ob.Submission) -> bytes:
    """Name the case, for the client's journal; without one there is nothing to name."""
    return b"" if work.dispute is None else work.dispute.challenge


_PROOF = "digest", "slot_path", "state_root", "trace_path"

CALLS: dict[str, Send] = {
    "node::register_seat": _register,
    "node::exit_seat": _exit,
    "node::withdraw_seat": _withdraw,
    "dataset::list_dataset": _list,
    "dataset::add_version": _add_version,
    "dataset::request_key": _request,
    "dataset::grant_key": _grant,
    "dataset::deny_key": _deny,
    "dataset::expire_key": _expire,
    "task::open_task": _open_task,
    "task::close_joining": _alone("close_joining"),
    "task::draw": _alone("draw", at=2),
    "task::record_aggregate": _aggregate,
    "task::reclaim": _alone("reclaim", at=2),
    "task::claim_task": _alone("claim_task"),
    "submission::join": _join,
    "submission::commit": _commit,
    "submission::commit_abort": _commit_abort,
    "submission::open": _open,
    "committee::seat": _crank("seat"),
    "committee::replace": _crank("replace"),
    "attestation::attest": _named("attest", "seat", "position", *_PROOF, skip=1),
    "attestation::report": _named("report", "seat", skip=1),
    "audit::draw_audit": _named("draw_audit"),
    "audit::audit": _named("audit", "leaf", "path"),
    "jury::challenge": _challenge,
    "jury::draw_jury": _draw_jury,
    "jury::seat_jury": _crank("seat_jury"),
    "jury::jury_commit": _as_juror("jury_commit", "commitment"),
    "jury::jury_reveal": _as_juror("jury_reveal", "chain", "state_root", "salt"),
    "jury::accuser_reveal": _accuser_reveal,
    "jury::resolve": _crank("resolve"),
    "settlement::settle": _crank("settle"),
    "settlement::claim": _alone("claim"),
}
"""Calls by their name in the specification."""
