"""Subjects for which a service failed: how often, with which error, and when it retries."""

import random
from dataclasses import dataclass
from typing import Any

from walrusd.errors import OurFault, PeerFault, WalrusdError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_PEER_PAUSE_S = 300.0
"""Data that a peer anchored does not improve by itself; checking again may be expensive."""

LONGEST_OUR_PAUSE_S = 300.0
"""Errors of our configuration, keys or funds last until someone changes them."""
ALIKE = 6
"""After this many equal failures in a row the error counts as lasting."""


@dataclass
class Trouble:
    """The failures of one subject in a row; ``alike`` counts the newest ones with one code."""

    subject: str
    error: WalrusdError
    failures: int
    alike: int
    since_ms: int
    """When the first of them was, in the chain's time."""
    pause_s: float
    retry_at: float
    """In trio's time."""

    @property
    def code(self) -> str:
        """The code of the newest error."""
        return self.error.code

    @property
    def is_news(self) -> bool:
        """Whether the failure before it, if any, was a different one."""
        return self.alike == 1

    def to_json(self, service: str, now: float, now_ms: int) -> dict[str, Any]:
        """Return the entry of ``status``; ``now`` is trio's time, ``now_ms`` the chain's."""
        return {
            "subject": self.subject,
            "service": service,
            "code": self.code,
            "message": self.error.message,
            "hint": self.error.hint,
            "failures": self.failures,
            "since_ms": self.since_ms,
            "next_ms": now_ms + round(max(0.0, self.retry_at - now) * 1000),
        }


def follow_failure(
    before: Trouble | None, subject: str, error: WalrusdError, *, now: float, now_ms: int
) -> Trouble:
    """Return the trouble with a subject that has failed again, or for the first time.

    The pause doubles with each failure up to a limit, and is drawn from its upper half.
    """
    failures = 1 if before is None else before.failures + 1
    alike = before.alike + 1 if before is not None and before.code == error.code else 1
    pause = min(_longest_pause(error, alike), FIRST_PAUSE_S * 2 ** min(failures - 1, 16))
    pause *= random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
    return Trouble(
        subject=subject,
        error=error,
        failures=failures,
        alike=alike,
        since_ms=now_ms if before is None else before.since_ms,
        pause_s=pause,
        retry_at=now + pause,
    )


def _longest_pause(error: WalrusdError, alike: int) -> float:
    if isinstance(error, PeerFault):
        return LONGEST_PEER_PAUSE_S
    if isinstance(error, OurFault) and alike > ALIKE:
        return LONGEST_OUR_PAUSE_S
    return LONGEST_PAUSE_S
