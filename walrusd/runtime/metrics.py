"""The daemon's metrics, in a registry of their own, so that tests and daemons do not mix."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.process_collector import ProcessCollector


class Metrics:
    """The daemon's instruments; names follow Prometheus' conventions (base units, ``_total``)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._restarts = Gauge(
            "walrusd_service_restarts",
            "Restarts of a service since the daemon's start.",
            ["service"],
            registry=self.registry,
        )
        self._decisions = Gauge(
            "walrusd_decisions", "Decisions in the journal.", registry=self.registry
        )
        self._lateness = Gauge(
            "walrusd_loop_lateness_seconds",
            "How late the event loop last woke its heartbeat, in seconds.",
            registry=self.registry,
        )

    def watch_decisions(self, read: Callable[[], float]) -> None:
        """Read the number of journalled decisions from ``read`` at every scrape."""
        self._decisions.set_function(read)

    def watch_lateness(self, read: Callable[[], float]) -> None:
        """Read the loop's lateness from ``read`` at every scrape."""
        self._lateness.set_function(read)

    def watch_restarts(self, service: str, read: Callable[[], float]) -> None:
        """Read a service's restarts from ``read`` at every scrape."""
        self._restarts.labels(service).set_function(read)
