"""Subscribers never block the publisher; the events they miss are counted."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from walrusd.runtime.broadcast import Broadcast, Subscription


async def test_everyone_who_listens_hears_everything(nursery) -> None:
    broadcast = Broadcast()
    heard: dict[str, list[int]] = {"alice": [], "bob": []}

    async def listen(name: str, *, task_status) -> None:
        with broadcast.subscribe() as subscription:
            task_status.started()
            async for event in subscription:
                heard[name].append(event["step"])

    broadcast.publish("step", step=0)
    for name in heard:
        await nursery.start(listen, name)
    for step in (1, 2, 3):
        broadcast.publish("step", step=step)
        await wait_all_tasks_blocked()
    assert heard == {"alice": [1, 2, 3], "bob": [1, 2, 3]}
    nursery.cancel_scope.cancel()


async def test_leaving_the_block_unsubscribes() -> None:
    broadcast = Broadcast()
    with broadcast.subscribe() as subscription:
        pass
    broadcast.publish("late")
    with trio.move_on_after(0):
        pytest.fail(f"heard {await anext(subscription)}")


@given(buffer=st.integers(1, 5), events=st.integers(0, 20))
def test_a_slow_subscriber_loses_the_oldest_events_and_is_told_how_many(
    buffer: int, events: int
) -> None:
    async def main() -> list[dict]:
        subscription = Subscription(buffer)
        for number in range(events):
            subscription.push_nowait({"type": "n", "n": number})
        heard = []
        while True:
            with trio.move_on_after(0) as scope:
                heard.append(await anext(subscription))
            if scope.cancelled_caught:
                return heard

    async def patient() -> list[dict]:
        subscription = Subscription(buffer)
        for number in range(events):
            subscription.push_nowait({"type": "n", "n": number})
        lost = max(0, events - buffer)
        return [await anext(subscription) for _ in range(min(events, buffer) + bool(lost))]

    heard = trio.run(patient)
    lost = max(0, events - buffer)
    notices = [{"type": "dropped", "count": lost}] if lost else []
    assert heard == notices + [{"type": "n", "n": n} for n in range(lost, events)]
    # Cancelled before it waited, a subscriber has received and lost nothing.
    assert trio.run(main) == []


async def test_closing_ends_the_iteration_after_what_is_buffered(nursery) -> None:
    broadcast = Broadcast()
    heard = []

    async def listen(*, task_status) -> None:
        with broadcast.subscribe() as subscription:
            task_status.started()
            heard.extend([event["n"] async for event in subscription])
        heard.append("end")

    await nursery.start(listen)
    broadcast.publish("n", n=1)
    broadcast.close()
    await wait_all_tasks_blocked()
    assert heard == [1, "end"]
    await nursery.start(listen)
    await wait_all_tasks_blocked()
    assert heard == [1, "end", "end"], "who comes later is not left waiting"
