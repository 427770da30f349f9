"""What a gRPC status of a Sui node means: whether another node may do better, and which error."""

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
    """Return whether the node itself failed, so that it may be well again later."""
    return status in _IN_TROUBLE


def lacks_method(status: Status) -> bool:
    """Return whether the node does not offer the method: it is older, an archive, or no node."""
    return status is Status.UNIMPLEMENTED


def another_may_do(status: Status) -> bool:
    """Return whether another node may do what this one did not."""
    return is_trouble(status) or lacks_method(status)


def method_name(route: str) -> str:
    """Return ``Method`` of ``/package.Service/Method``."""
    return route.rpartition("/")[2]


def translate(error: GRPCError, endpoint: str, route: str = "") -> WalrusdError:
    """Return what a gRPC status means to us; ``route`` is the method that was called."""
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
