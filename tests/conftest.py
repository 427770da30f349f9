"""Rules for all tests."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.databases import at_end_of_test, connect_owned

# The machine of a test run may be busy: a slow example is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Python 3.13 reports a connection that nobody closed; before, nothing did.
sqlite3.connect = connect_owned()


@pytest.fixture(autouse=True)
def _close_what_is_open() -> Iterator[None]:
    yield
    at_end_of_test.close()
