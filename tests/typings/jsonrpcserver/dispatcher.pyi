from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from jsonrpcserver.request import Request
from jsonrpcserver.response import ErrorResponse, Response
from jsonrpcserver.result import Result
from oslash.either import Either

_Raw = TypeVar("_Raw")

# ``request`` is whatever the deserializer reads, and the validator's return value is not used.
def deserialize_request(
    deserializer: Callable[[_Raw], Any], request: _Raw
) -> Either[ErrorResponse, Any]: ...
def validate_request(
    validator: Callable[[Any], object], request: Any
) -> Either[ErrorResponse, Any]: ...
def create_request(request: dict[str, Any]) -> Request: ...
def not_notification(request_result: Any) -> bool: ...
def to_response(request: Request, result: Result) -> Response: ...

# ``to_serializable`` has been applied before.
def extract_list(is_batch: bool, responses: Iterable[Any]) -> Any: ...
