"""The keys of openings and datasets: finding those that were sent to us, and sending ours.

A key travels in an envelope, encrypted to one recipient and bound to one purpose. Envelopes of an
opening's key come with the opening, or later by anyone who has the key; that of a dataset's key is
its owner's answer to a request.
"""

from collections.abc import Sequence

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import is_granted
from walrusd.core.pieces.keys import OpeningKeys, derive_opening_keys
from walrusd.core.secrets import derive_opening_key
from walrusd.crypto.envelope import (
    check_public_key,
    dataset_key_info,
    derive_public_key,
    open_key,
    opening_key_info,
    seal_key,
)
from walrusd.crypto.stream import verify_key_check
from walrusd.engine.tools import Tools
from walrusd.errors import (
    DecryptionFailed,
    MalformedData,
    ObjectNotFound,
    SeatKeyLost,
    VerificationFailed,
)
from walrusd.market.case import Case
from walrusd.units import address_bytes

UNUSABLE_ENVELOPE = b"\x00"
"""The envelope for a seat with an unusable encryption key: no method has the number 0."""

Purpose = tuple[str, str, int]
"""What a request is for: a task, a dataset, and the number of its version."""


# --- openings -----------------------------------------------------------------------------------


def make_envelope(case: Case, recipient: str, public_key: bytes, key: bytes) -> bytes:
    """Encrypt an opening's key to a recipient.

    Raises:
        MalformedData: if the recipient's encryption key is unusable.
    """
    return seal_key(public_key, key, _info(case, recipient))


def make_seat_envelope(case: Case, recipient: str, public_key: bytes, key: bytes) -> bytes:
    """Encrypt an opening's key to a seat; a seat with an unusable key gets an unusable envelope.

    The contract cannot tell good keys from bad ones. If we did not open because of one bad key, we
    would lose our stake for a stranger's mistake.
    """
    try:
        check_public_key(public_key)
    except MalformedData:
        return UNUSABLE_ENVELOPE
    return make_envelope(case, recipient, public_key, key)


def _info(case: Case, recipient: str) -> bytes:
    return opening_key_info(
        case.market.chain_id,
        address_bytes(case.market.package),
        address_bytes(case.submission.id),
        address_bytes(recipient),
    )


def find_shared_envelopes(tools: Tools, submission: str, recipient: str) -> dict[str, bytes]:
    """Return the newest envelope that each sender posted for a recipient after the opening."""
    found = [
        ev.KeyResealed.from_bcs(logged.body)
        for logged in tools.chain_log.events("KeyResealed", submission)
    ]
    return {event.sender: event.envelope for event in found if event.recipient == recipient}


def find_opening_key(tools: Tools, case: Case) -> bytes | None:
    """Return the key of a submission's opening, or None if no one has sent it to us.

    Any party may post envelopes, including useless ones, so each is tried until a key has the
    check value on the chain.
    """
    submission, me = case.submission, tools.address
    if submission.opening is None:
        return None
    if submission.contributor == me:
        return derive_opening_key(tools.keys, address_bytes(submission.id))
    seats = zip(submission.committee, submission.opening.envelopes, strict=False)
    envelopes = [envelope for seat, envelope in seats if seat.verifier == me]
    for envelope in [*envelopes, *find_shared_envelopes(tools, submission.id, me).values()]:
        key = _try_envelope(tools, case, envelope)
        if key is not None:
            return key
    return None


def find_opening_keys(tools: Tools, case: Case) -> OpeningKeys | None:
    """Return the keys of the pieces of a submission's opening, found as ``find_opening_key``."""
    key = find_opening_key(tools, case)
    return None if key is None else derive_opening_keys(key, case.attempt)


def _try_envelope(tools: Tools, case: Case, envelope: bytes) -> bytes | None:
    assert case.submission.opening is not None
    try:
        key = open_key(tools.keys.encryption_key, envelope, _info(case, tools.address))
        name = address_bytes(case.submission.id)
        verify_key_check(key, name, case.submission.opening.key_check)
    except (DecryptionFailed, MalformedData, VerificationFailed):
        return None
    return key


async def share_opening_key(
    tools: Tools, case: Case, recipient: str, public_key: bytes, key: bytes
) -> None:
    """Re-encrypt an opening's key to one more recipient, unless we have done so.

    Envelopes that others posted do not count: they may be garbage, and we cannot tell.

    Raises:
        MalformedData: if the recipient's encryption key is unusable.
    """
    if tools.address in find_shared_envelopes(tools, case.submission.id, recipient):
        return
    envelope = make_envelope(case, recipient, public_key, key)
    await tools.contract.reseal(case.submission.id, recipient, envelope)


def check_seat_key(tools: Tools, registered: bytes) -> None:
    """Check that our keystore can open the envelopes for our seat.

    Raises:
        SeatKeyLost: if another keystore registered the seat.
    """
    if derive_public_key(tools.keys.encryption_key) != registered:
        raise SeatKeyLost("the keystore does not hold the key of our seat")


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
