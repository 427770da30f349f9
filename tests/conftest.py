"""Rules for all tests."""

import os
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.databases import at_end_of_test, connect_owned
from walrusd.training.run.threads import WAITING

# Before torch is imported: waiting threads would take the processor from those that compute.
os.environ.update(WAITING)

# The machine of a test run may be busy: a slow example is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Python 3.13 reports a connection that nobody closed; before, nothing did.
sqlite3.connect = connect_owned()


@pytest.fixture(autouse=True)
def _close_what_is_open() -> Iterator[None]:
    yield
    at_end_of_test.close()


@pytest.fixture(autouse=True)
def _leave_children_their_imports() -> None:
    """Commands that run in this process set it for theirs; later tests start ``-m tests.…``."""
    os.environ.pop("PYTHONSAFEPATH", None)
