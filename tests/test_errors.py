"""Every kind of error tells its reader what to do next."""

import inspect

import pytest

from walrusd import errors

GROUPS = {errors.WalrusdError, errors.OurFault, errors.PeerFault, errors.WorldFault}
SAID_IN_THE_MESSAGE = {errors.BadRequest, errors.NotAllowed}
"""Their messages state what is wanted; where that is not enough, each instance has a hint."""

KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, errors.WalrusdError) and kind not in GROUPS
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_a_hint(kind: type[errors.WalrusdError]) -> None:
    assert "." in kind.code
    error = kind("something happened")
    assert error.hint or kind in SAID_IN_THE_MESSAGE
    assert error.to_json() == {"code": kind.code, "message": error.message, "hint": error.hint}


def test_no_two_errors_have_one_code() -> None:
    own = [kind.code for kind in KINDS if "code" in vars(kind)]
    assert len(own) == len(set(own)) == len(KINDS)
