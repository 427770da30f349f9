"""The keys of openings and datasets: finding those that were sent to us.

A key travels in an envelope, encrypted to one recipient and bound to one purpose. The envelopes of
an opening are on chain, checked by the contract (``market/envelopes.py`` makes them); that of a
dataset's key is its owner's answer to a request.
"""

from collections.abc import Iterator, Sequence

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import is_granted
from walrusd.core.pieces.keys import OpeningKeys, make_opening_keys
from walrusd.core.secrets import derive_opening_secret, derive_recipient_secret
from walrusd.crypto.envelope import dataset_key_info, open_key
from walrusd.crypto.envelopes.contexts import Label, PublisherContext, SeatContext
from walrusd.crypto.envelopes.openings import LabelValue, OpeningKey, OpeningSecret
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.envelopes.sealing import Envelope, unseal
from walrusd.crypto.pedersen.g1 import POINT_BYTES, SCALAR_BYTES
from walrusd.engine.tools import Tools
from walrusd.errors import ObjectNotFound, VerificationFailed
from walrusd.market.case import Case
from walrusd.units import address_bytes

NO_PROOF = SchnorrProof(bytes(SCALAR_BYTES), bytes(SCALAR_BYTES))
"""Stands for the proof of an envelope on chain: the contract has checked it and keeps it not."""

Place = ob.CommitteeSeat | ob.Juror
"""A seat of a pool that serves a submission."""

Purpose = tuple[str, str, int]
"""What a request is for: a task, a dataset, and the number of its version."""


# --- openings -----------------------------------------------------------------------------------


def derive_own_secret(tools: Tools, case: Case) -> OpeningSecret:
    """Return the secret of the present attempt at opening our submission."""
    return derive_opening_secret(tools.keys, case.opening_context.digest())


def find_label_value(tools: Tools, case: Case, label: Label) -> LabelValue | None:
    """Return the value of a label of a submission's opening, from which its key follows.

    The contributor computes it; a seat, a juror or the publisher finds it in its envelope on chain,
    which the contract has checked. None if there is no opening, or no envelope for us, or our
    keystore does not hold the key that ours was sealed to.
    """
    submission, me = case.submission, tools.address
    if submission.opening is None:
        return None
    opening = OpeningKey(case.opening_context.digest(), submission.opening.p2)
    if submission.contributor == me:
        secret = derive_own_secret(tools, case)
        return secret.compute_value(label) if secret.describe() == opening else None
    for sealed, recipient in _list_envelopes(tools, case, label):
        envelope = Envelope(sealed[:POINT_BYTES], sealed[POINT_BYTES:], NO_PROOF)
        try:
            return unseal(envelope, derive_recipient_secret(tools.keys, recipient), label, opening)
        except VerificationFailed:
            continue
    return None


def _list_envelopes(tools: Tools, case: Case, label: Label) -> Iterator[tuple[bytes, bytes]]:
    """Yield our envelopes on chain, each with the digest of what its keys are bound to."""
    submission, me = case.submission, tools.address
    if label is Label.UPDATE:
        if case.task.publisher == me and submission.update_envelope:
            yield submission.update_envelope, make_publisher_context(case).digest()
        return
    places: list[Place] = [*submission.committee]
    if submission.dispute is not None:
        places += submission.dispute.jurors
    for place in places:
        if place.verifier == me and place.envelope:
            yield place.envelope, make_seat_context(case, place).digest()


def make_seat_context(case: Case, place: Place) -> SeatContext:
    """Return what the keys of a seat or juror of a submission are bound to."""
    return SeatContext(
        chain_id=case.market.chain_id,
        package=address_bytes(case.market.package),
        market=address_bytes(case.market.id),
        pool=address_bytes(case.submission.pool),
        index=place.pool_index,
        generation=place.generation,
        owner=address_bytes(place.verifier),
    )


def make_publisher_context(case: Case) -> PublisherContext:
    """Return what the keys of a task's publisher are bound to."""
    return PublisherContext(
        chain_id=case.market.chain_id,
        package=address_bytes(case.market.package),
        market=address_bytes(case.market.id),
        owner=address_bytes(case.task.publisher),
    )


def find_opening_keys(tools: Tools, case: Case) -> OpeningKeys | None:
    """Return the keys of the pieces of a submission's opening, as ``find_label_value`` finds them.

    None if we hold none of them. A seat finds that of the update in the manifest.
    """
    if case.submission.contributor == tools.address and case.submission.opening is not None:
        secret = derive_own_secret(tools, case)
        ours = secret.describe().p2 == case.submission.opening.p2
        return make_opening_keys(secret) if ours else None
    work, update = (find_label_value(tools, case, label) for label in (Label.WORK, Label.UPDATE))
    if work is None and update is None:
        return None
    return OpeningKeys(
        work=None if work is None else work.derive_key(),
        update=None if update is None else update.derive_key(),
        update_value=b"" if update is None else update.value,
    )


# --- datasets -----------------------------------------------------------------------------------


def make_grant_info(market: ob.Market, request: ob.KeyRequest) -> bytes:
    """Return the context of the envelope that grants a request; another one does not open it."""
    return dataset_key_info(
        market.chain_id,
        address_bytes(market.package),
        address_bytes(request.dataset),
        request.number,
        address_bytes(request.owner),
        address_bytes(request.requester),
    )


async def open_granted_key(tools: Tools, request: ob.KeyRequest) -> bytes:
    """Return the dataset key of our granted request.

    Raises:
        DecryptionFailed: if the owner encrypted it wrongly; nothing is staked on such a grant.
    """
    info = make_grant_info(await tools.contract.market(), request)
    return open_key(tools.keys.encryption_key, request.envelope, info)


async def submission_dataset_key(tools: Tools, case: Case) -> bytes:
    """Return the dataset key that was granted to us for a task.

    Raises:
        ObjectNotFound: if we know of no granted request.
        DecryptionFailed: if the grant does not open.
    """
    submission = case.submission
    request = await find_request(
        tools, case.task.id, submission.dataset, submission.dataset_version
    )
    if request is None or not is_granted(request.state):
        raise ObjectNotFound(
            f"no granted key request of ours for task {case.task.id} is known",
            hint="after a loss of local state, wait until walrusd has read the chain's events",
        )
    return await open_granted_key(tools, request)


async def find_request(tools: Tools, task: str, dataset: str, number: int) -> ob.KeyRequest | None:
    """Return our request for a version of a dataset and a task, preferring a granted one."""
    known = tools.chain_log.known("request", parent=dataset, with_ended=True)
    found = await tools.contract.read_many(ob.KeyRequest, [k.id for k in known])
    ours = [
        request
        for request in found.values()
        if request.requester == tools.address and (request.task, request.number) == (task, number)
    ]
    return _choose(ours)


def _choose(ours: Sequence[ob.KeyRequest]) -> ob.KeyRequest | None:
    granted = [request for request in ours if is_granted(request.state)]
    return next(iter([*granted, *reversed(ours)]), None)


class OwnRequests:
    """Our key requests by purpose, listed once for each reconciliation of many tasks.

    The purpose of a request never changes, so it is cached; its state is read each time.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._purposes: dict[str, Purpose | None] = {}
        self._index: dict[Purpose, list[str]] | None = None

    def begin_round(self) -> None:
        """List the requests again when one is next needed."""
        self._index = None

    async def find(self, task: str, dataset: str, number: int) -> ob.KeyRequest | None:
        """Return our request as ``find_request`` does."""
        if self._index is None:
            self._index = await self._list()
        ids = self._index.get((task, dataset, number), [])
        found = await self._tools.contract.read_many(ob.KeyRequest, ids)
        return _choose(list(found.values()))

    async def _list(self) -> dict[Purpose, list[str]]:
        tools = self._tools
        ids = [known.id for known in tools.chain_log.known("request", with_ended=True)]
        new = [i for i in ids if i not in self._purposes]
        for name, request in (await tools.contract.read_many(ob.KeyRequest, new)).items():
            ours = request.requester == tools.address
            purpose = (request.task, request.dataset, request.number)
            self._purposes[name] = purpose if ours else None
        index: dict[Purpose, list[str]] = {}
        for name in ids:
            purpose_or_none = self._purposes.get(name)
            if purpose_or_none is not None:
                index.setdefault(purpose_or_none, []).append(name)
        return index
