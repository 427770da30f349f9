"""Two daemons in one process do not share instruments."""

from prometheus_client import generate_latest

from walrusd.runtime.metrics import Metrics


def test_instruments_are_per_daemon_and_read_at_scrape_time() -> None:
    alice, bob = Metrics(), Metrics()
    alice.watch_decisions(lambda: 7)
    late = [0.0]
    alice.watch_lateness(lambda: late[0])
    alice.watch_restarts("trainer", lambda: 4)
    late[0] = 0.25
    text = generate_latest(alice.registry).decode()
    assert "walrusd_decisions 7.0" in text
    assert "walrusd_loop_lateness_seconds 0.25" in text
    assert 'walrusd_service_restarts{service="trainer"} 4.0' in text
    assert "walrusd_decisions 7.0" not in generate_latest(bob.registry).decode()
