"""The constants of the contract: limits that keep settlement bounded and free of overflow."""

from walrusd.units import normalize_address

VERSION = 1
BPS = 10_000
MAX_AMOUNT = 10**16
MAX_SEATS = 1024
MAX_SUBMISSIONS = 64
MAX_COMMITTEE = 16
MAX_SUBSTITUTES = 16
MAX_DUTIES = 64
MAX_SEGMENTS = 1 << 20
MAX_PER_SEAT = 64
MAX_JURY = 15
MAX_DATASETS = 8
MAX_TRIES = 256
MAX_WEIGHT = 1 << 16
MAX_SCHEME_ROWS = 1 << 20
MAX_ALLOWED_VERSIONS = 8
MAX_ENVELOPE = 2_048
MAX_TITLE = 128
MAX_REASON = 256
MAX_VERSIONS = 64
MIN_LIFETIME_MS = 60_000
MAX_LIFETIME_MS = 30 * 24 * 3_600_000
K_MIN_LEAST = 3
SILENCE_FEES = 10
"""How many fees a juror that does not reveal, or a seat that does not attest, loses."""
ACCUSER_FEES = 5
"""How many verifier fees an accuser gets whose claim is confirmed, at most."""
ACCUSER_SHARE = 5
"""It gets at most one part in so many of the stake."""
MAX_ATTEMPTS = 2
"""How often a submission may be opened, the first time included."""
MAX_ROUNDS = 2
"""How often silent seats may be replaced."""
MAX_PLACE_TRIES = 4
"""How often a place may be given on after a case that came to nothing."""
MAX_UNPROVED = 3
"""How many accusations on cash may fail before no more are heard."""
MAX_SAMPLES = 2
"""How many audit samples may be drawn, the first included."""
SILENT_EVICTED = 2
"""After so many duties in a row at which a seat was silent anybody may exit it."""
MAX_SILENT = 255
MAX_SPAN_MS = 10 * 365 * 24 * 3_600_000
"""The longest window, life or unbonding period that anybody may set: sums of times never overflow.
"""
LATE_PARTS = 4
"""A late fee, and a penalty for not committing, is at most one part in so many of the stake."""
DEAREST_SILENCES = 4
"""At how many windows one duty of a committee may be found silent."""
PARTIES = 3
"""Whose seats are not drawn: those of the publisher, the contributor and the dataset's owner."""

DIGEST = 32
POINT = 48
PROOF = 112

BURN = normalize_address("0xdead")
"""Coins sent to it are lost, though the supply still counts them."""

NOBODY = normalize_address("0x0")
"""Means "no parent" in a task, "no task" in a key request, "no accuser" in an audit, "vacant" in a
slot, and "no lot" in a pool."""

NO_SEAT = (1 << 64) - 1
"""The place of an accuser that has no seat of the committee."""
