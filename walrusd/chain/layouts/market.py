"""The market and its verifiers, as the Move modules ``market`` and ``node`` lay them out."""

from walrusd.chain.values.bcs import U64, Addr, Balance, Bool, Bytes, Id, Layout, Uid


class MarketParams(Layout, module="market"):
    """What an administrator may set. Amounts in Mist, windows in milliseconds."""

    tip: U64
    accuser_share_bps: U64
    min_window_ms: U64
    max_window_ms: U64
    min_seat_stake: U64
    unbonding_ms: U64


class Market(Layout, module="market"):
    """Shared. Always taken by immutable reference, so tasks never contend on it."""

    id: Uid
    version: U64
    chain_id: Bytes
    package: Addr
    pool: Id
    paused: Bool
    allowed_versions: list[U64]
    params: MarketParams


class AdminCap(Layout, module="market"):
    """Owned by the publisher of the package."""

    id: Uid


class Seat(Layout, module="node"):
    """One verifier's seat in the pool. Seats are never removed, so indices are stable."""

    verifier: Addr
    key: Bytes
    stake: U64
    min_fee: U64
    max_state_bytes: U64
    max_segment_work: U64
    active_from_ms: U64
    exiting_at_ms: U64
    in_use: U64


class VerifierPool(Layout, module="node"):
    """Shared. The append-only vector of seats and their stakes."""

    id: Uid
    version: U64
    seats: list[Seat]
    stakes: Balance


class VerifierCap(Layout, module="node"):
    """Owned by a verifier; proves which seat it holds."""

    id: Uid
    pool: Id
    index: U64
