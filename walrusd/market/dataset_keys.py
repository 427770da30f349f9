"""The envelope in which a data owner grants a dataset's key: what it is bound to."""

from walrusd.chain.layouts import objects as ob
from walrusd.crypto.envelope import dataset_key_info
from walrusd.units import address_bytes


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
