"""Asking endpoints in turn until one returns data that verifies."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from walrusd.errors import BlobCorrupt, BlobNotFound, BlobTooLarge, StorageUnreachable, WalrusdError
from walrusd.storage.classify import AnswerKind
from walrusd.storage.exchange import Endpoint, EndpointFailure
from walrusd.storage.http import EndpointPool

T = TypeVar("T")

ROUNDS_AFTER_NOT_FOUND = 2
"""How often silent endpoints are asked after another has answered that the blob is not stored."""


async def ask_in_turn(
    pool: EndpointPool,
    attempt: Callable[[Endpoint], Awaitable[T]],
    *,
    what: str,
    may_appear: bool = False,
    rounds: int | None = None,
) -> T:
    """Return the first result of ``attempt``.

    ``attempt`` raises ``EndpointFailure`` if the endpoint does not deliver, and ``BlobCorrupt`` if
    its data is provably wrong: the endpoint is then quarantined and not asked again in this call.
    With ``may_appear``, "not found" is retried because the blob was stored just now.

    Raises:
        BlobCorrupt: if an endpoint sent wrong data and no other delivered.
        BlobNotFound: if no Walrus service that answered has it.
        BlobTooLarge: if the answers were longer than allowed.
        StorageUnreachable: if no endpoint gave a usable answer.
    """
    tally = _Tally(what)
    limit = rounds or pool.policy.rounds
    for round_ in range(limit):
        for endpoint in pool.ranked():
            if endpoint.url in tally.given_up:
                continue
            try:
                return await attempt(endpoint)
            except BlobCorrupt as error:
                pool.quarantine(endpoint)
                tally.note_corrupt(endpoint, error)
            except EndpointFailure as failure:
                again = failure.outcome.may_pass or (
                    may_appear and failure.outcome is AnswerKind.NOT_FOUND
                )
                tally.note_failure(endpoint, failure, again=again)
        if tally.all_given_up(pool) or round_ + 1 == limit:
            break
        if tally.any_lacks_it and not may_appear and round_ + 1 >= ROUNDS_AFTER_NOT_FOUND:
            break
        await trio.sleep(pool.policy.delay(round_))
    raise tally.verdict() from tally.cause


class _Tally:
    """The failures of the endpoints so far."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._last: dict[str, EndpointFailure | BlobCorrupt] = {}
        self.given_up: set[str] = set()
        self.cause: Exception | None = None

    def note_corrupt(self, endpoint: Endpoint, error: BlobCorrupt) -> None:
        self._last[endpoint.url] = self.cause = error
        self.given_up.add(endpoint.url)

    def note_failure(self, endpoint: Endpoint, failure: EndpointFailure, *, again: bool) -> None:
        self._last[endpoint.url] = failure
        self.cause = self.cause or failure
        if not again:
            self.given_up.add(endpoint.url)

    def all_given_up(self, pool: EndpointPool) -> bool:
        return all(endpoint.url in self.given_up for endpoint in pool.ranked())

    @property
    def _outcomes(self) -> set[AnswerKind]:
        return {e.outcome for e in self._last.values() if isinstance(e, EndpointFailure)}

    @property
    def any_lacks_it(self) -> bool:
        return any(
            isinstance(error, EndpointFailure)
            and error.outcome is AnswerKind.NOT_FOUND
            and not error.vague
            for error in self._last.values()
        )

    @property
    def all_lack_it(self) -> bool:
        """Whether every endpoint says so; then even 404s that any web server may send count."""
        return self._outcomes == {AnswerKind.NOT_FOUND}

    def verdict(self) -> WalrusdError:
        story = "; ".join(f"{url}: {_shorten(error, url)}" for url, error in self._last.items())
        message = f"{self._what}: {story or 'no endpoint is configured'}"
        if any(isinstance(error, BlobCorrupt) for error in self._last.values()):
            return BlobCorrupt(message, hint="add another aggregator, or report this blob")
        if AnswerKind.OVERSIZE in self._outcomes:
            return BlobTooLarge(message, agreed=self._outcomes == {AnswerKind.OVERSIZE})
        if self.any_lacks_it:
            return BlobNotFound(message, hint="it was never stored, has expired, or is very new")
        if self.all_lack_it:
            return BlobNotFound(
                message,
                hint="it is not stored, or these are no Walrus services: check their URLs",
            )
        return StorageUnreachable(message)


def _shorten(error: Exception, url: str) -> str:
    return str(error).removeprefix(f"{url}: ")[:200]
