"""What a client that knows nothing of our proofs needs to register seats, made beforehand."""

import json

from walrusd.chain.values.digests import decode_digest
from walrusd.crypto.envelopes.contexts import SeatContext
from walrusd.crypto.envelopes.recipients import RecipientSecret, prove_recipient
from walrusd.devnet.app import DevnetInfo
from walrusd.devnet.contract import DEVNET_POOL
from walrusd.units import address_bytes

PAYMENT = DEVNET_POOL.stake + DEVNET_POOL.fee
"""What a seat of the devnet's pool takes, in Mist."""
_SECRET = RecipientSecret(2**200 + 9)


def make_registrations(info: DevnetInfo, owner: str, count: int) -> str:
    """Return, as JSON, the payment for a seat, and keys with proofs for the slots from 0 on."""
    seats = []
    for slot in range(count):
        context = SeatContext(
            chain_id=decode_digest(info.chain_id),
            package=address_bytes(info.package_id),
            market=address_bytes(info.market_id),
            pool=address_bytes(info.pool_id),
            index=slot,
            generation=1,
            owner=address_bytes(owner),
        ).digest()
        keys, proof = _SECRET.describe(context), prove_recipient(_SECRET, context)
        parts = (keys.pk1, keys.pk2, proof.challenge, proof.answer)
        seats.append([part.hex() for part in parts])
    return json.dumps({"payment": PAYMENT, "seats": seats})
