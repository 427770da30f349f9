# What jsonrpcserver returns: a value (``Right``) or an error (``Left``).

from abc import abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")
_Error = TypeVar("_Error")

# jsonrpcserver writes the error first; oslash names its parameters the other way round.
class Either(Generic[_Error, _Value]):
    @abstractmethod
    def bind(
        self, func: Callable[[_Value], Either[_Error, _Result]]
    ) -> Either[_Error, _Result]: ...
    @abstractmethod
    def __eq__(self, other: object) -> bool: ...

class Right(Either[_Error, _Value]):
    _value: _Value
    def __init__(self, value: _Value) -> None: ...
    def bind(
        self, func: Callable[[_Value], Either[_Error, _Result]]
    ) -> Either[_Error, _Result]: ...
    def __eq__(self, other: object) -> bool: ...

class Left(Either[_Error, _Value]):
    _error: _Error
    def __init__(self, error: _Error) -> None: ...
    def bind(
        self, func: Callable[[_Value], Either[_Error, _Result]]
    ) -> Either[_Error, _Result]: ...
    def __eq__(self, other: object) -> bool: ...
