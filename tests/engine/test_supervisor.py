"""Services restart alone, with growing pauses; a wrong start or a broken invariant is fatal."""

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.clocks import TrioClock
from walrusd.engine.supervisor import Backoff, Supervisor
from walrusd.errors import ChainUnreachable, ConfigError
from walrusd.runtime.groups import first_leaf

NO_JITTER = Backoff(first_s=1, factor=2, ceiling_s=60, healthy_after_s=300)


class Flaky:
    """Fails after each of the given spells, then stays up."""

    name = "flaky"

    def __init__(self, *spells: float, error: BaseException | None = None) -> None:
        self.spells = list(spells)
        self.starts: list[float] = []
        self.error = error or ChainUnreachable("link down")

    async def run(self, *, task_status) -> None:
        self.starts.append(trio.current_time())
        task_status.started()
        if not self.spells:
            await trio.sleep_forever()
        await trio.sleep(self.spells.pop(0))
        raise self.error


def make() -> Supervisor:
    return Supervisor(TrioClock(0), NO_JITTER, jitter=lambda: 0.0)


async def test_pauses_grow_and_health_is_readable(autojump_clock, nursery) -> None:
    supervisor, service = make(), Flaky(1, 1, 1)
    await nursery.start(supervisor.keep_running, service)
    assert supervisor.is_healthy
    await trio.sleep(1.5)
    assert not supervisor.is_healthy
    assert supervisor.healths[0].to_json() == {
        "name": "flaky",
        "state": "backing_off",
        "failures": 1,
        "restarts": 0,
        "last_error": ChainUnreachable("link down").to_json(),
        "since_ms": 1000,
    }
    await trio.sleep(100)
    assert service.starts == pytest.approx([0, 2, 5, 10])
    assert supervisor.healths[0].restarts == 3
    assert supervisor.is_healthy
    nursery.cancel_scope.cancel()


async def test_a_healthy_spell_is_forgiving(autojump_clock, nursery) -> None:
    service = Flaky(1, 1, 1000, 1)
    await nursery.start(make().keep_running, service)
    await trio.sleep(5000)
    assert service.starts == pytest.approx([0, 2, 5, 1006, 1009])
    nursery.cancel_scope.cancel()


async def test_one_service_does_not_disturb_another(autojump_clock, nursery) -> None:
    supervisor, flaky, steady = make(), Flaky(1), Flaky()
    steady.name = "steady"
    await nursery.start(supervisor.keep_running, flaky)
    await nursery.start(supervisor.keep_running, steady)
    await trio.sleep(50)
    assert (len(flaky.starts), len(steady.starts)) == (2, 1)
    assert [health.name for health in supervisor.healths] == ["flaky", "steady"]
    nursery.cancel_scope.cancel()


async def test_the_first_start_must_succeed() -> None:
    class Misconfigured:
        name = "misconfigured"

        async def run(self, *, task_status) -> None:
            raise ConfigError("no such market")

    supervisor = make()
    with pytest.raises(BaseExceptionGroup) as caught:
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.keep_running, Misconfigured())
    assert isinstance(first_leaf(caught.value), ConfigError)
    assert supervisor.healths[0].state == "failed"


async def test_a_fault_of_the_world_at_the_first_start_is_waited_out(
    autojump_clock, nursery
) -> None:
    class Cut:
        name = "cut"
        starts = 0

        async def run(self, *, task_status) -> None:
            self.starts += 1
            if self.starts < 4:
                raise ChainUnreachable("link down")
            task_status.started()
            await trio.sleep_forever()

    supervisor, service = make(), Cut()
    await nursery.start(supervisor.keep_running, service)
    assert service.starts == 4
    assert trio.current_time() == pytest.approx(7)
    assert supervisor.is_healthy
    nursery.cancel_scope.cancel()


async def test_a_broken_invariant_is_fatal_at_any_time(autojump_clock) -> None:
    supervisor, service = make(), Flaky(1, 1, error=AssertionError("coins do not add up"))
    with pytest.raises(BaseExceptionGroup) as caught:
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.keep_running, service)
    assert isinstance(first_leaf(caught.value), AssertionError)
    assert service.starts == [0]
    assert supervisor.healths[0].state == "broken"


async def test_a_service_that_returns_is_restarted(autojump_clock, nursery) -> None:
    class Quitter(Flaky):
        async def run(self, *, task_status) -> None:
            self.starts.append(trio.current_time())
            task_status.started()

    service = Quitter()
    supervisor = make()
    await nursery.start(supervisor.keep_running, service)
    await trio.sleep(10)
    assert len(service.starts) == 4
    assert supervisor.healths[0].last_error["message"] == "ServiceReturned"
    nursery.cancel_scope.cancel()


async def test_an_unknown_errors_text_is_not_shown(autojump_clock, nursery) -> None:
    supervisor = make()
    await nursery.start(supervisor.keep_running, Flaky(1, error=OSError("the key is hunter2")))
    await trio.sleep(1.5)
    assert supervisor.healths[0].last_error == {
        "code": "internal", "message": "OSError", "hint": "see the log",
    }  # fmt: skip
    nursery.cancel_scope.cancel()


async def test_cancelling_ends_it(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(make().keep_running, Flaky(1, 1, 1, 1))
        await trio.sleep(4)
        nursery.cancel_scope.cancel()


@example(failures=1, jitter=1 - 2**-53)
@example(failures=7, jitter=1 - 2**-53)
@given(failures=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_pauses_are_bounded(failures: int, jitter: float) -> None:
    backoff = Backoff()
    pause = backoff.compute_pause(failures, jitter)
    assert backoff.first_s / 2 < pause <= backoff.ceiling_s
    assert pause <= backoff.compute_pause(failures + 1, jitter)
