"""Which method of the product's chain client makes which call of the contract.

The arguments are those of the specification's function, without clock and randomness.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.calls.delivery import OpeningAttempt, Sealed
from walrusd.chain.calls.jury import Accused
from walrusd.chain.calls.node import ProvenKeys, SeatOffer
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction

Send = Callable[..., Awaitable[ExecutedTransaction]]


def _named(name: str, *keywords: str) -> Send:
    """A call on a task and a submission, with named arguments."""

    async def send(client: ContractClient, _market: Any, task: Any, work: Any, *args: Any) -> Any:
        named = dict(zip(keywords, args, strict=True))
        return await getattr(client, name)(task.id, work.id, **named)

    return send


def _with_cap(name: str, *keywords: str) -> Send:
    """A call of whoever holds a place of a submission: the client finds the capability."""

    async def send(client: ContractClient, _market: Any, task: Any, work: Any, *args: Any) -> Any:
        named = dict(zip(keywords, args[1:], strict=True))
        return await getattr(client, name)(task.id, work, **named)

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


# --- seats ----------------------------------------------------------------------------------------


async def _register(client: ContractClient, _m: Any, pool: Any, coin: Any, slot: int, *args: Any):
    is_new = slot >= len(pool.seats)
    seat = SeatId(pool.id, slot, 1 if is_new else pool.seats[slot].generation + 1)
    keys, offer = ProvenKeys(*args[:4]), SeatOffer(*args[4:])
    return await client.register_seat(
        seat, payment=coin.balance, keys=keys, offer=offer, once="register"
    )


def _held(cap: ob.VerifierCap) -> SeatId:
    return SeatId(cap.pool, cap.index, cap.generation)


async def _declare(client: ContractClient, _m: Any, _p: Any, cap: Any, *offer: int):
    return await client.declare_seat(_held(cap), SeatOffer(*offer))


async def _renew(client: ContractClient, _m: Any, _p: Any, cap: Any, coin: Any):
    return await client.renew_seat(_held(cap), fee=coin.balance, once="renew")


async def _top_up(client: ContractClient, _m: Any, _p: Any, cap: Any, coin: Any):
    return await client.top_up_seat(_held(cap), amount=coin.balance, once="top up")


def _on_own_seat(name: str) -> Send:
    async def send(client: ContractClient, _m: Any, _p: Any, cap: Any) -> ExecutedTransaction:
        return await getattr(client, name)(_held(cap))

    return send


def _on_slot(name: str) -> Send:
    async def send(client: ContractClient, _m: Any, pool: Any, slot: int) -> ExecutedTransaction:
        return await getattr(client, name)(SeatId(pool.id, slot, pool.seats[slot].generation))

    return send


# --- datasets and keys ----------------------------------------------------------------------------


async def _list(client: ContractClient, _m: Any, title: bytes, description: int, *version: Any):
    listed = ob.DatasetVersion(1, *version)
    return await client.list_dataset(
        title=title, description_blob=description, version=listed, once="list"
    )


async def _request(client: ContractClient, _m: Any, dataset: Any, *args: Any):
    names = "number", "key", "scope", "task", "lifetime_ms"
    named = dict(zip(names, args, strict=True))
    return await client.request_key(dataset.id, **named, once="request")


async def _grant(client: ContractClient, _m: Any, *args: Any):
    *_task, request, envelope = args
    return await client.grant_key(request, envelope)


async def _lapse(client: ContractClient, _m: Any, _task: Any, request: Any):
    return await client.lapse_key(request)


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


# --- tasks ----------------------------------------------------------------------------------------


async def _open_task(client: ContractClient, _m: Any, pool: Any, terms: ob.Terms, *args: Any):
    names = "manifest_blob", "manifest_digest", "state_root_0", "plan_digest", "program_root"
    *given, parent, datasets, numbers, coin = args
    return await client.open_task(
        terms,
        pool=pool.id,
        funds=coin.balance,
        keys=ProvenKeys(*given[:4]),
        **dict(zip(names, given[4:], strict=True)),
        parent=parent,
        datasets=[ob.DatasetRef(*pair) for pair in zip(datasets, numbers, strict=True)],
        once="open_task",
    )


async def _aggregate(client: ContractClient, _m: Any, _cap: Any, task: Any, *args: Any):
    names = "parts", "root", "blindings_root", "blob"
    return await client.record_aggregate(task.id, **dict(zip(names, args, strict=True)))


# --- submissions ----------------------------------------------------------------------------------


async def _join(client: ContractClient, _m: Any, task: Any, dataset: Any, request: Any, *args: Any):
    program_root, coin = args
    return await client.join(
        task.id,
        dataset=dataset.id,
        request=request.id,
        program_root=program_root,
        stake=coin.balance,
    )


async def _commit(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    trace, update, scheme, rows, path, cost, proof, digest, blob = args
    made = ob.Commitment(trace, update, scheme, rows, cost, digest, blob)
    return await client.commit(task.id, work.id, made, leaf_zero_path=path, cost_proof=proof)


async def _commit_abort(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    *claim, trace, path = args
    made = ob.AbortClaim(*claim)
    return await client.commit_abort(task.id, work.id, made, trace_root=trace, leaf_zero_path=path)


async def _open(client: ContractClient, _m: Any, task: Any, work: Any, *args: Any):
    return await client.open(task.id, work.id, OpeningAttempt(*args), attempt=work.attempt)


async def _deliver(client: ContractClient, _m: Any, task: Any, work: Any, place: int, *args: Any):
    pk1, pk2, *sealed = args
    return await client.deliver(
        task.id, work.id, place=place, pk1=pk1, pk2=pk2, sealed=Sealed(*sealed), once="deliver"
    )


async def _deliver_juror(
    client: ContractClient, _m: Any, task: Any, work: Any, juror: int, *args: Any
):
    pk1, pk2, *sealed = args
    return await client.deliver_juror(
        task.id, work.id, juror=juror, pk1=pk1, pk2=pk2, sealed=Sealed(*sealed), case=_case(work)
    )


async def _deliver_update(
    client: ContractClient, _m: Any, task: Any, _pool: Any, work: Any, *sealed: bytes
):
    return await client.deliver_update(task.id, work.id, Sealed(*sealed))


# --- cases ----------------------------------------------------------------------------------------


async def _accuse(
    client: ContractClient, _m: Any, task: Any, work: Any, cap: Any, seat: int, *args: Any
):
    *accused, path, root = args
    held = work.committee[seat]
    if (held.pool_index, held.generation) != (cap.index, cap.generation):
        return await _accuse_without_place(client, task, work, cap, seat, *args)
    about = Accused(*accused, path=tuple(path))
    return await client.accuse(task.id, work, about, seat=seat, program_root=root)


async def _accuse_without_place(
    client: ContractClient, task: Any, work: Any, cap: Any, seat: int, *args: Any
):
    """What no client would send."""
    kind, index, position, leaf, path, root = args
    market, ref = await client._market_ref(), await client.shared_ref(task.id)
    sub, own = await client.shared_ref(work.id), await client._require_cap(_held(cap))

    def build(p: Ptb) -> None:
        what = p.u64(seat), p.u8(kind), p.u64(index), p.u64(position)
        shown = p.byte_vector(leaf), p.byte_vectors(path), p.byte_vector(root)
        p.call(client._target("jury", "accuse"), market, ref, sub, own, *what, *shown, p.clock)

    return await client._send(build, None, work.id, label="accuse")


async def _accuse_file(
    client: ContractClient, _m: Any, task: Any, work: Any, root: bytes, coin: Any
):
    return await client.accuse_file(task.id, work, program_root=root, bond=coin.balance)


async def _audit(client: ContractClient, _m: Any, task: Any, work: Any, leaf: bytes, path: Any):
    return await client.audit(task.id, work, leaf=leaf, path=path)


async def _resolve(
    client: ContractClient, _m: Any, task: Any, _pool: Any, work: Any, chain: bytes, root: bytes
):
    return await client.resolve(task.id, work.id, chain=chain, state_root=root)


def _case(work: ob.Submission) -> bytes:
    """Name the case, for the client's journal; without one there is nothing to name."""
    return b"" if work.dispute is None else work.dispute.challenge


_PROOF = "digest", "slot_path", "state_root", "trace_path", "program_root"

CALLS: dict[str, Send] = {
    "node::register_seat": _register,
    "node::declare_seat": _declare,
    "node::renew_seat": _renew,
    "node::top_up_seat": _top_up,
    "node::exit_seat": _on_own_seat("exit_seat"),
    "node::withdraw_seat": _on_own_seat("withdraw_seat"),
    "node::evict_seat": _on_slot("evict_seat"),
    "node::release_seat": _on_slot("release_seat"),
    "dataset::list_dataset": _list,
    "dataset::add_version": _add_version,
    "dataset::request_key": _request,
    "dataset::grant_key": _grant,
    "dataset::grant_key_alone": _grant,
    "dataset::deny_key": _deny,
    "dataset::expire_key": _expire,
    "dataset::lapse_key": _lapse,
    "task::open_task": _open_task,
    "task::cancel_task": _alone("cancel_task", at=2),
    "task::close_joining": _alone("close_joining", at=2),
    "task::close_training": _alone("close_training"),
    "task::record_aggregate": _aggregate,
    "task::reclaim": _alone("reclaim", at=2),
    "task::claim_task": _alone("claim_task"),
    "submission::join": _join,
    "submission::commit": _commit,
    "submission::commit_abort": _commit_abort,
    "submission::open": _open,
    "submission::deliver": _deliver,
    "settlement::deliver_update": _deliver_update,
    "settlement::reopen": _crank("reopen"),
    "committee::draw_committee": _crank("draw_committee"),
    "committee::seat_committee": _crank("seat_committee"),
    "committee::replace": _crank("replace"),
    "attestation::attest": _with_cap("attest", "seat", "position", *_PROOF),
    "attestation::report": _with_cap("report", "seat"),
    "audit::draw_audit": _named("draw_audit"),
    "audit::audit": _audit,
    "jury::accuse": _accuse,
    "jury::accuse_file": _accuse_file,
    "jury::draw_jury": _crank("draw_jury"),
    "jury::seat_jury": _crank("seat_jury"),
    "jury::deliver_juror": _deliver_juror,
    "jury::jury_commit": _with_cap("jury_commit", "juror", "commitment"),
    "jury::jury_reveal": _with_cap("jury_reveal", "juror", "value", "salt"),
    "jury::resolve": _resolve,
    "settlement::settle": _crank("settle"),
    "settlement::claim": _alone("claim"),
}
"""Calls by their name in the specification."""
