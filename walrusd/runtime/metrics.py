"""What is measured, in one registry of its own: nothing global, so tests and daemons do not mix."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.process_collector import ProcessCollector


class Metrics:
    """The daemon's instruments; names follow Prometheus' conventions (base units, ``_total``)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.decisions = Counter(
            "walrusd_decisions",
            "Decisions written to the journal.",
            ["kind", "decision"],
            registry=self.registry,
        )
        self.transactions = Counter(
            "walrusd_transactions",
            "Sui transactions by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.bytes_stored = Counter(
            "walrusd_stored_bytes", "Bytes stored on Walrus.", registry=self.registry
        )
        self.bytes_fetched = Counter(
            "walrusd_fetched_bytes", "Verified bytes read from Walrus.", registry=self.registry
        )
        self.segments_replayed = Counter(
            "walrusd_segments_replayed",
            "Segments replayed, by verdict.",
            ["verdict"],
            registry=self.registry,
        )
        self.balance = Gauge(
            "walrusd_balance_mist", "Balance of the own address.", registry=self.registry
        )
        self.training_step = Gauge(
            "walrusd_training_step", "Last finished step.", ["task"], registry=self.registry
        )
        self._restarts = Gauge(
            "walrusd_service_restarts",
            "Restarts of a service since the daemon's start.",
            ["service"],
            registry=self.registry,
        )
        self._lateness = Gauge(
            "walrusd_loop_lateness_seconds",
            "How late the event loop last woke its canary.",
            registry=self.registry,
        )

    def watch_lateness(self, read: Callable[[], float]) -> None:
        """Read the loop's lateness from ``read`` at every scrape."""
        self._lateness.set_function(read)

    def watch_restarts(self, service: str, read: Callable[[], float]) -> None:
        """Read a service's restarts from ``read`` at every scrape."""
        self._restarts.labels(service).set_function(read)
