"""The fixtures of everything that plays a part in a market."""

from tests.support.market.fixtures import *  # noqa: F403  # fixtures are found by their names here
