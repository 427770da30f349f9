"""Checks whether Walrus services answer, with requests that store nothing and cost nothing.

A publisher is asked to store for zero epochs with an unknown parameter: it refuses before it reads
a body or pays, while other services, or one that wants a token, answer differently. An aggregator
is asked for a malformed blob id. Their ``/status`` shows only that some process runs, and a proxy
may not forward it.

Only the 400 with which Walrus refuses such requests counts. A web server in front may redirect, ask
for payment, or send a page of its own, and would do so with any later request.
"""

from dataclasses import dataclass

from walrusd.storage.classify import AnswerKind
from walrusd.storage.exchange import EndpointFailure
from walrusd.storage.http import EndpointPool

MAX_ANSWER = 64 << 10
BAD_QUESTION, REDIRECTS = 400, 3
"""The status for a request that does not parse, and the hundreds of the redirects."""


@dataclass(frozen=True)
class Question:
    """One request, and the responses that show that a service would serve us."""

    method: str
    path: str
    parameters: dict[str, str]
    good: frozenset[AnswerKind]


STORE = Question(
    "PUT",
    "/v1/blobs",
    {"epochs": "0", "probe": "true"},
    frozenset({AnswerKind.BAD_REQUEST, AnswerKind.OVERLOADED}),
)
READ = Question(
    "GET",
    "/v1/blobs/probe",
    {},
    frozenset(
        {AnswerKind.BAD_REQUEST, AnswerKind.NOT_FOUND, AnswerKind.OVERLOADED, AnswerKind.BLOCKED}
    ),
)


async def find_silence(pool: EndpointPool, question: Question) -> str | None:
    """Return None if an endpoint would serve us, else what is wrong with each."""
    complaints: list[str] = []
    for endpoint in pool.ranked():
        try:
            await pool.request(
                endpoint,
                question.method,
                question.path,
                params=question.parameters,
                content=b"" if question.method == "PUT" else None,
                max_bytes=MAX_ANSWER,
            )
        except EndpointFailure as failure:
            if failure.outcome in question.good and not _is_of_another(failure):
                return None
            complaints.append(f"{endpoint.url}: {_describe(failure)}")
        else:
            complaints.append(f"{endpoint.url}: it accepts a malformed request")
    return "; ".join(complaints) or "none is configured"


def _is_of_another(failure: EndpointFailure) -> bool:
    """Return whether a refusal is not by a Walrus service, though Walrus uses its status."""
    wrong = failure.outcome is AnswerKind.BAD_REQUEST and failure.status != BAD_QUESTION
    return wrong or (failure.page and failure.outcome is not AnswerKind.OVERLOADED)


def _describe(failure: EndpointFailure) -> str:
    if failure.status is not None and failure.status // 100 == REDIRECTS:
        return f"it redirects elsewhere (HTTP {failure.status})"
    if _is_of_another(failure):
        return f"it does not answer like a Walrus service (HTTP {failure.status})"
    return failure.outcome.value
