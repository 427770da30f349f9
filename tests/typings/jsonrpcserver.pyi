# The part of jsonrpcserver that walrusd uses. Its own annotations call bytes text, and so on.

from collections.abc import Callable, Mapping
from typing import Any

class JsonRpcError(Exception):
    code: int
    message: str
    data: Any
    def __init__(self, code: int, message: str, data: Any = ...) -> None: ...

def Success(*args: Any, **kwargs: Any) -> Any: ...

# Returns the answer, those of a batch, or None to notifications. ``methods`` may be any mapping.
def dispatch_to_serializable(
    request: bytes,
    methods: Mapping[str, Callable[..., Any]],
    *,
    deserializer: Callable[[bytes], Any],
) -> Any: ...
