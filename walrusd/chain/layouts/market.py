"""The market and its verifiers, as the Move modules ``market`` and ``node`` lay them out."""

from walrusd.chain.values.bcs import U8, U64, Addr, Balance, Bool, Bytes, Id, Layout, Uid


class MarketParams(Layout, module="market"):
    """What an administrator may set. Amounts in Mist, windows in milliseconds.

    ``min_grace_ms``: the shortest time that an honest party may be away. ``max_life_ms``: the
    longest that the terms of a task may take, all its cases included.
    """

    tip: U64
    min_window_ms: U64
    max_window_ms: U64
    min_grace_ms: U64
    max_life_ms: U64


class Market(Layout, module="market"):
    """Shared. Always taken by immutable reference, so tasks never contend on it."""

    id: Uid
    version: U64
    chain_id: Bytes
    package: Addr
    paused: Bool
    allowed_versions: list[U64]
    params: MarketParams


class AdminCap(Layout, module="market"):
    """Owned by the publisher of the package."""

    id: Uid


class PoolParams(Layout, module="node"):
    """What is equal for every seat of a pool. Amounts in Mist, times in milliseconds.

    A seat is one lot: it stakes ``stake``, serves at most ``duties`` times at once, and each duty
    is backed by an equal share of the stake. Registering and renewing burn ``fee``; a seat that is
    not renewed within ``seat_life_ms`` may be exited by anybody. What a seat asks for is bounded:
    its minimum fee from above, its rate, memory and greatest penalty from below.
    """

    stake: U64
    duties: U64
    fee: U64
    seat_life_ms: U64
    unbonding_ms: U64
    max_min_fee: U64
    min_rate: U64
    min_memory: U64
    min_penalty: U64


class Seat(Layout, module="node"):
    """One verifier's seat, or a vacant slot (``verifier`` 0x0), which is used again.

    ``keys`` is the digest of the seat's public keys, which its ``VerifierCap`` holds. ``rate`` is
    in units of segment work a second, ``memory`` in bytes. ``silent`` counts the duties in a row at
    which it was silent. ``stake`` is what is left of the pool's stake.
    """

    verifier: Addr
    generation: U64
    keys: Bytes
    stake: U64
    min_fee: U64
    max_penalty: U64
    rate: U64
    memory: U64
    active_from_ms: U64
    renewed_ms: U64
    exiting_at_ms: U64
    duties: U64
    silent: U8


class VerifierPool(Layout, module="node"):
    """Shared. The seats and their stakes; which lot is drawn and not yet used.

    ``booked`` duties are promised to submissions, seated or not. ``lot`` is the submission whose
    lot was drawn from a list of eligible seats and is not seated yet, or 0x0.
    """

    id: Uid
    version: U64
    market: Id
    params: PoolParams
    seats: list[Seat]
    booked: U64
    lot: Addr
    stakes: Balance


class VerifierCap(Layout, module="node"):
    """Owned by a verifier; proves which seat it holds, and publishes the seat's keys."""

    id: Uid
    market: Id
    pool: Id
    index: U64
    generation: U64
    pk1: Bytes
    pk2: Bytes
