"""The windows of a new market are durations, as everywhere."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.market_params import DEFAULT_PARAMS, DEFAULT_POOL
from walrusd.__main__ import cli
from walrusd.admin import contract as admin
from walrusd.chain.layouts.objects import MarketParams, PoolParams
from walrusd.cli import contract


@pytest.fixture
def publish(monkeypatch, tmp_path: Path):
    """Run ``contract publish``; returns its result, and the parameters that it would publish."""
    asked: list[tuple[MarketParams, PoolParams]] = []

    async def keep(
        _settings: object, _path: Path, market: MarketParams, pool: PoolParams, _budget: int
    ) -> dict:
        asked.append((market, pool))
        return {}

    monkeypatch.setattr(admin, "publish_contract", keep)
    monkeypatch.setattr(contract, "load_settings", lambda _path: None)
    config = tmp_path / "walrusd.toml"
    config.touch()

    def run(*options: str):
        fixed = ["contract", "publish", "--config", str(config), "--name", "x", "--json"]
        return CliRunner().invoke(cli, [*fixed, "--dir", str(tmp_path), *options]), asked

    return run


@pytest.mark.parametrize(
    ("written", "millis"),
    [("1h30m", 5_400_000), ("90s", 90_000), ("600", 600_000), ("2d", 172_800_000)],
)
def test_a_window_of_a_market_is_a_duration_or_seconds(publish, written, millis) -> None:
    options = ("--max-window", "--min-grace", "--max-life", "--unbonding", "--seat-life")
    result, ((market, pool),) = publish(*(word for name in options for word in (name, written)))
    assert result.exit_code == 0
    assert (market.max_window_ms, market.min_grace_ms, market.max_life_ms) == (millis,) * 3
    assert (pool.unbonding_ms, pool.seat_life_ms) == (millis, millis)
    assert market.min_window_ms == 60_000, "the default"


def test_a_market_and_a_pool_have_defaults(publish) -> None:
    _result, asked = publish()
    assert asked == [(DEFAULT_PARAMS, DEFAULT_POOL)]


@pytest.mark.parametrize("written", ["soon", "1x", "0s", "-1", "1.5h"])
def test_what_is_no_duration_is_refused_with_the_option(publish, written) -> None:
    result, asked = publish(f"--min-window={written}")
    assert result.exit_code == 2
    assert "--min-window" in result.output
    assert not asked
