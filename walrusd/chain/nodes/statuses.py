"""What a gRPC status of a Sui node means: whether to ask another node, and which error to raise."""

from walrusd.chain.grpc import BadRequest, GRPCError, Status
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    MethodMissing,
    ObjectNotFound,
    WalrusdError,
)

_IN_TROUBLE = frozenset(
    {
        Status.UNAVAILABLE,
        Status.DEADLINE_EXCEEDED,
        Status.RESOURCE_EXHAUSTED,
        Status.ABORTED,
        Status.CANCELLED,
        Status.UNKNOWN,
        Status.INTERNAL,
        Status.DATA_LOSS,
    }
)


def is_trouble(status: Status) -> bool:
    """Return whether the node itself failed and may recover."""
    return status in _IN_TROUBLE


def lacks_method(status: Status) -> bool:
    """Return whether the node lacks the method: it is older, an archive, or not a Sui node."""
    return status is Status.UNIMPLEMENTED


def another_may_succeed(status: Status) -> bool:
    """Return whether another node may succeed where this one did not."""
    return is_trouble(status) or lacks_method(status)


def method_name(route: str) -> str:
    """Return ``Method`` of ``/package.Service/Method``."""
    return route.rpartition("/")[2]


def translate(error: GRPCError, endpoint: str, route: str = "") -> WalrusdError:
    """Return the typed error for a gRPC error; ``route`` is the method that was called."""
    text = f"{endpoint}: {error.message or error.status.name}"
    fields = [
        f"{violation.field}: {violation.description}"
        for detail in error.details or ()
        if isinstance(detail, BadRequest)
        for violation in detail.field_violations
    ]
    if fields and not all(field in text for field in fields):
        text += f" ({'; '.join(fields)})"
    if is_trouble(error.status):
        return ChainUnreachable(text)
    if lacks_method(error.status):
        name = method_name(route)
        return MethodMissing(
            f"{endpoint} does not offer {name or 'the method'}: {error.message or 'unknown'}",
            status=error.status.name,
            method=name,
        )
    if error.status is Status.NOT_FOUND:
        return ObjectNotFound(text)
    return ChainRefused(text, status=error.status.name)
