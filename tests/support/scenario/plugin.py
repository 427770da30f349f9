"""The fixture ``scenario``: a test that takes it is played on every stage.

A folder has it if its ``conftest.py`` imports what is in ``__all__``. The Move VM starts once for
all plays of a run.
"""

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import pytest

from tests.support.node import find_node
from tests.support.scenario.devnet_stage import open_devnet
from tests.support.scenario.move_stage import MoveStage, open_move, rehearse
from tests.support.scenario.scenario import Scenario
from tests.support.scenario.stage import open_specification

__all__ = ["pytest_pyfunc_call", "scenario"]

STAGES = {"specification": open_specification, "move": open_move, "devnet": open_devnet}
_REHEARSED = pytest.StashKey[bool]()


@pytest.fixture(params=STAGES)
def scenario(request: pytest.FixtureRequest) -> Iterator[Scenario]:
    """Yield a market with its verifiers and a dataset, on each stage in turn."""
    if request.param == "move":
        # All plays in one package are more than the VM's memory for packages takes.
        pytest.skip("the plays of protocol 2 are not replayed in the Move VM yet")
    with STAGES[request.param]() as stage:
        yield Scenario(stage)


def require_vm() -> None:
    """Skip the test where there is no Node, in which the Move VM runs."""
    if find_node() is None:
        pytest.skip("NODE IS MISSING: the play was not replayed in the Move VM")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Compare the stage with the specification at the end of a play."""
    result = yield
    played = pyfuncitem.funcargs.get("scenario")
    if isinstance(played, Scenario):
        played.stage.compare()
    return result


def _rehearse_all(session: pytest.Session) -> None:
    """Replay all plays of this run in the Move VM at once, the first time one is due."""
    if not session.stash.get(_REHEARSED, False):
        session.stash[_REHEARSED] = True
        rehearse(play for item in session.items if (play := _find_play(item)) is not None)


def _find_play(item: pytest.Item) -> Any:
    """Return how to play a test in the Move VM; None if it is none, or needs other fixtures."""
    given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    if not isinstance(item, pytest.Function) or given.pop("scenario", None) != "move":
        return None
    if set(item._fixtureinfo.argnames) != {"scenario", *given}:
        return None
    return partial(_play, item.function, given)


def _play(function: Any, given: dict[str, Any], stage: MoveStage) -> None:
    function(scenario=Scenario(stage), **given)
