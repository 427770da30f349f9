from typing import Any, NamedTuple, TypeAlias

from oslash.either import Either

class SuccessResult(NamedTuple):
    result: Any = ...

class ErrorResult(NamedTuple):
    code: int
    message: str
    data: Any = ...

Result: TypeAlias = Either[ErrorResult, SuccessResult]

def Success(*args: Any, **kwargs: Any) -> Result: ...
def Error(*args: Any, **kwargs: Any) -> Result: ...
