"""Whether Walrus services answer, asked in ways that store nothing and cost nothing.

A publisher is asked to store for no epoch, with a parameter that no publisher knows: it refuses
before it reads a body or pays, and whoever is not a publisher, or wants a token, answers otherwise.
An aggregator is asked for a blob whose id is none. Their ``/status`` says only that some process
runs, and a proxy need not pass it on.
"""

from dataclasses import dataclass

from walrusd.storage.classify import Outcome
from walrusd.storage.exchange import EndpointFailure
from walrusd.storage.http import EndpointPool

MAX_ANSWER = 64 << 10


@dataclass(frozen=True)
class Question:
    """One request, and the answers by which a service shows that it would serve us."""

    method: str
    path: str
    parameters: dict[str, str]
    good: frozenset[Outcome]


STORE = Question(
    "PUT",
    "/v1/blobs",
    {"epochs": "0", "probe": "true"},
    frozenset({Outcome.BAD_REQUEST, Outcome.OVERLOADED, Outcome.TOO_LARGE}),
)
READ = Question(
    "GET",
    "/v1/blobs/probe",
    {},
    frozenset({Outcome.BAD_REQUEST, Outcome.NOT_FOUND, Outcome.OVERLOADED, Outcome.BLOCKED}),
)


async def find_silence(pool: EndpointPool, question: Question) -> str | None:
    """Return None if an endpoint would serve us, else what is the matter with each."""
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
            if failure.outcome in question.good:
                return None
            complaints.append(f"{endpoint.url}: {failure.outcome.value}")
        else:
            complaints.append(f"{endpoint.url}: it takes what is no question")
    return "; ".join(complaints) or "none is configured"
