"""The helper that compares codes lets nothing else pass."""

import pytest

from tests.support.refusals import is_named, refused
from walrusd.errors import BadRequest, ConfigError, UnknownId


def test_a_code_with_names_and_fields_is_recognised() -> None:
    with refused("rpc.bad_request", "terms.join", 7, row=3) as caught:
        raise BadRequest("terms.join must be below 7", row=3)
    assert caught.value.fields == {"row": 3}


def test_the_error_of_a_group_is_found() -> None:
    with refused("config.invalid"):
        raise ExceptionGroup("together", [ConfigError("wrong")])


@pytest.mark.parametrize(
    "raised",
    [
        ConfigError("terms.join 7"),  # another code
        UnknownId("terms.join 7"),  # a subclass has a code of its own
        BadRequest("terms.joined 7"),
        BadRequest("terms.join 70"),
        BadRequest("terms.join 7", row=4),
    ],
)
def test_what_differs_in_code_name_or_field_is_not(raised: Exception) -> None:
    with pytest.raises(AssertionError), refused("rpc.bad_request", "terms.join", 7, row=3):
        raise raised if raised.fields else type(raised)(str(raised), row=3)


def test_no_error_is_no_refusal_and_other_errors_pass_through() -> None:
    with pytest.raises(AssertionError, match="nothing was raised"), refused("config.invalid"):
        pass
    with pytest.raises(ZeroDivisionError), refused("config.invalid"):
        raise ZeroDivisionError


def test_a_sentence_is_no_name() -> None:
    with pytest.raises(AssertionError, match="is a sentence"):
        refused("config.invalid", "must be below")
    with pytest.raises(AssertionError, match="empty"):
        refused("config.invalid", "")


def test_names_are_whole_words() -> None:
    assert is_named("label", "label 3 is not one of 3 classes")
    assert is_named("[polcy]", "unknown section [polcy]")
    assert not is_named("3", "step 35")
    assert not is_named("commit:1", "commit:12")
