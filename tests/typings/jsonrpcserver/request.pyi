from typing import Any, NamedTuple

class Request(NamedTuple):
    method: str
    params: list[Any] | dict[str, Any]
    id: Any
