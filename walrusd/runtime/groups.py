"""Look inside exception groups."""


def first_leaf(exc: BaseException) -> BaseException:
    """Return the first exception inside nested groups, or ``exc`` itself."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
