from typing import Any, NamedTuple, TypeAlias

from oslash.either import Either

class SuccessResponse(NamedTuple):
    result: Any
    id: Any

class ErrorResponse(NamedTuple):
    code: int
    message: str
    data: Any
    id: Any

Response: TypeAlias = Either[ErrorResponse, SuccessResponse]

# One response at a time, so the answer is one object.
def to_serializable(response: Either[ErrorResponse, Any]) -> dict[str, Any]: ...
