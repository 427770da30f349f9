"""Plays are performed on every stage."""

from tests.support.scenario.plugin import pytest_pyfunc_call, scenario

__all__ = ["pytest_pyfunc_call", "scenario"]
