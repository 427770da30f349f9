"""The fixture ``scenario``: a test that takes it is played on every stage.

A folder has it if its ``conftest.py`` imports what is in ``__all__``.
"""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.support.scenario.devnet_stage import open_devnet
from tests.support.scenario.scenario import Scenario
from tests.support.scenario.stage import open_specification

__all__ = ["pytest_pyfunc_call", "scenario"]

STAGES = {"specification": open_specification, "devnet": open_devnet}


@pytest.fixture(params=STAGES)
def scenario(request: pytest.FixtureRequest) -> Iterator[Scenario]:
    """Yield a market with 14 verifiers and a dataset, on each stage in turn."""
    with STAGES[request.param]() as stage:
        yield Scenario(stage)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Compare the stage with the specification at the end of a play."""
    result = yield
    played = pyfuncitem.funcargs.get("scenario")
    if isinstance(played, Scenario):
        played.stage.compare()
    return result
