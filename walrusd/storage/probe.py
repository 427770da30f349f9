"""Whether Walrus services answer, asked in ways that store nothing and cost nothing.

A publisher is asked to store for no epoch, with a parameter that no publisher knows: it refuses
before it reads a body or pays, and whoever is not a publisher, or wants a token, answers otherwise.
An aggregator is asked for a blob whose id is none. Their ``/status`` says only that some process
runs, and a proxy need not pass it on.

Only the 400 with which Walrus refuses such questions counts: a web server in front redirects, wants
a payment, or speaks of itself in a page, and whatever we send would meet the same.
"""

from dataclasses import dataclass

from walrusd.storage.classify import AnswerKind
from walrusd.storage.exchange import EndpointFailure
from walrusd.storage.http import EndpointPool

MAX_ANSWER = 64 << 10
BAD_QUESTION, REDIRECTS = 400, 3
"""The status of a question that does not parse, and the hundreds of those that lead elsewhere."""


@dataclass(frozen=True)
class Question:
    """One request, and the answers by which a service shows that it would serve us."""

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
            if failure.outcome in question.good and not _is_of_another(failure):
                return None
            complaints.append(f"{endpoint.url}: {_describe(failure)}")
        else:
            complaints.append(f"{endpoint.url}: it takes what is no question")
    return "; ".join(complaints) or "none is configured"


def _is_of_another(failure: EndpointFailure) -> bool:
    """Return whether a refusal comes from no Walrus service, though its status is known there."""
    wrong = failure.outcome is AnswerKind.BAD_REQUEST and failure.status != BAD_QUESTION
    return wrong or (failure.page and failure.outcome is not AnswerKind.OVERLOADED)


def _describe(failure: EndpointFailure) -> str:
    if failure.status is not None and failure.status // 100 == REDIRECTS:
        return f"it redirects elsewhere (HTTP {failure.status})"
    if _is_of_another(failure):
        return f"it answers as no Walrus service does (HTTP {failure.status})"
    return failure.outcome.value
