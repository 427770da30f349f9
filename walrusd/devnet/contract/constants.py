"""The constants of the contract: limits that keep settlement bounded and free of overflow."""

from walrusd.units import normalize_address

VERSION = 1
BPS = 10_000
MAX_AMOUNT = 10**16
MAX_SEATS = 1024
MAX_SUBMISSIONS = 64
MAX_COMMITTEE = 16
MAX_SEGMENTS = 1 << 20
MAX_PER_SEAT = 64
MAX_JURY = 15
MAX_DATASETS = 8
MAX_TRIES = 256
MAX_WEIGHT = 1 << 16
MAX_SCHEME_ROWS = 1 << 20
MAX_ACCUSER_SHARE_BPS = 2_000
MAX_ALLOWED_VERSIONS = 8
MAX_ENVELOPE = 2_048
MAX_TITLE = 128
MAX_REASON = 256
MAX_VERSIONS = 64
MIN_LIFETIME_MS = 60_000
MAX_LIFETIME_MS = 30 * 24 * 3_600_000
K_MIN_LEAST = 3
MAX_VERDICTS = 1_024
SILENCE_FEES = 10
"""How many fees a juror that does not reveal, or a seat that does not attest, loses."""

DIGEST = 32
POINT = 48
PROOF = 112

BURN = normalize_address("0xdead")
"""Coins sent to it are lost, though the supply still counts them."""

NOBODY = normalize_address("0x0")
"""Means "no parent" in a task, and "no accuser" in an audit."""
