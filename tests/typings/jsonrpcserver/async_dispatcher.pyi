from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jsonrpcserver.request import Request
from jsonrpcserver.result import Result

# A mapping of any kind does; the library asks for a dict.
async def dispatch_request(
    methods: Mapping[str, Callable[..., Awaitable[Any]]], context: Any, request: Request
) -> tuple[Request, Result]: ...
