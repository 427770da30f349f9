"""What a failure is called, and what a caller may conclude from it."""

from dataclasses import replace

import pytest

from walrusd.chain.send.failures import AbortSentences, explain_failure
from walrusd.chain.send.refusals import NOT_EXECUTED, Refusal, classify, explain
from walrusd.chain.values.types import Abort
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    InsufficientBalance,
    MoveAborted,
    ObjectNotFound,
    PackageMismatch,
    TransactionFailed,
    TransactionUncertain,
)
from walrusd.units import normalize_address

from .parts import effects

PACKAGE, OTHER = normalize_address("0x77"), normalize_address("0x78")
SENTENCES = AbortSentences(["0x77"], {("task", 2): "ETooLate: Joining has closed."})
WRONG = AbortSentences(["0x77"], {("task", 2): "EWrongVersion: Another version."})
ABORT = Abort(PACKAGE, "task", "join", 2)


def failed(abort=None, error="ABORTED"):
    return replace(effects(success=False, error=error, digest="d"), abort=abort)


@pytest.mark.parametrize("executed", [True, False])
def test_an_abort_of_the_contract_has_its_sentence(executed) -> None:
    error = explain_failure(failed(ABORT), SENTENCES, executed=executed)
    assert isinstance(error, MoveAborted)
    assert error.message == "ETooLate: Joining has closed. (task::join, code 2)"
    assert error.fields == {
        "package": PACKAGE, "module": "task", "function": "join", "abort_code": 2, "digest": "d",
        "executed": executed,
    }  # fmt: skip
    assert error.hint == MoveAborted.default_hint


def test_an_abort_because_of_the_version_has_another_hint() -> None:
    error = explain_failure(failed(ABORT), WRONG, executed=True)
    assert error.hint == PackageMismatch.default_hint


@pytest.mark.parametrize(
    ("abort", "text"),
    [
        (replace(ABORT, package=OTHER), "task::join aborts with code 2"),
        (replace(ABORT, code=3), "task::join aborts with code 3"),
        (replace(ABORT, module="jury"), "jury::join aborts with code 2"),
        (replace(ABORT, package=OTHER, function=""), "task aborts with code 2"),
        (replace(ABORT, package=OTHER, name="EOdd"), "EOdd (task::join, code 2)"),
        (replace(ABORT, package=OTHER, name="EOdd", sentence="Odd."), "Odd. (task::join, code 2)"),
        (replace(ABORT, name="EOdd", sentence="Odd."), "ETooLate: Joining has closed. (task"),
    ],
)
def test_other_aborts_have_what_the_node_says(abort, text) -> None:
    assert explain_failure(failed(abort), SENTENCES, executed=True).message.startswith(text)


def test_a_new_package_is_the_contracts_too() -> None:
    sentences = AbortSentences(["0x77"], {("task", 2): "late"})
    assert sentences.find(replace(ABORT, package=OTHER)) == ""
    sentences.add_package("0x78")
    assert sentences.find(replace(ABORT, package=OTHER)) == "late"
    assert AbortSentences().find(ABORT) == ""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("FUNCTION_NOT_FOUND in command 0", PackageMismatch),
        ("ARITY_MISMATCH", PackageMismatch),
        ("VM_VERIFICATION_OR_DESERIALIZATION_ERROR", PackageMismatch),
        ("INSUFFICIENT_GAS", TransactionFailed),
    ],
)
@pytest.mark.parametrize("executed", [True, False])
def test_a_failure_without_an_abort_is_named_by_its_error(error, kind, executed) -> None:
    found = explain_failure(failed(error=error), SENTENCES, executed=executed)
    assert type(found) is kind
    assert error in found.message
    assert ("would" in found.message) is not executed
    assert found.fields == {"digest": "d", "executed": executed}


@pytest.mark.parametrize(
    ("error", "is_certain"),
    [
        (MoveAborted("x"), True),
        (TransactionFailed("x"), True),
        (PackageMismatch("x"), True),
        (InsufficientBalance("x"), True),
        (TransactionUncertain("x"), False),
        (ChainUnreachable("x"), False),
        (ObjectNotFound("x"), False),
        (ChainRefused("x"), False),
    ],
)
def test_only_some_errors_prove_that_nothing_was_done(error, is_certain) -> None:
    assert isinstance(error, NOT_EXECUTED) is is_certain


def test_a_lock_is_explained_with_what_to_do_and_other_refusals_as_they_are() -> None:
    locked = ChainRefused("x", status="FAILED_PRECONDITION")
    assert classify(locked) is Refusal.LOCKED
    found = explain(locked)
    assert found is not locked
    assert found.fields == locked.fields
    assert "stop the other program" in found.hint
    for text in ("transaction expired", "under reference gas price", "unavailable for consumption"):
        error = ChainRefused(text, status="INVALID_ARGUMENT")
        assert explain(error) is error
