"""Which endpoint is asked, how often, in which order, and what its failures mean together."""

import random

import pytest
import trio

from tests.support.clocks import virtual_time
from walrusd.errors import BlobCorrupt, BlobNotFound, BlobTooLarge, StorageUnreachable
from walrusd.storage.classify import AnswerKind
from walrusd.storage.exchange import EndpointFailure
from walrusd.storage.failover import ask_in_turn
from walrusd.storage.http import EndpointPool, RetryPolicy

pytestmark = virtual_time

URLS = ["http://one", "http://two", "http://three"]
POLICY = RetryPolicy(rounds=4, base_delay=1.0, max_delay=3.0, quarantine=600.0)
KINDS = {kind: kind for kind in AnswerKind}


@pytest.fixture
def longest_pauses(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)


@pytest.fixture
async def pool():
    made = EndpointPool(URLS, POLICY)
    yield made
    await made.aclose()


class Script:
    """Answers of endpoints by name, the last one for ever; notes who was asked and when."""

    def __init__(self, **answers):
        self.answers = {f"http://{name}": list(found) for name, found in answers.items()}
        self.asked: list[str] = []
        self.times: list[float] = []

    async def __call__(self, endpoint):
        await trio.lowlevel.checkpoint()
        self.asked.append(endpoint.url.removeprefix("http://"))
        self.times.append(trio.current_time())
        left = self.answers[endpoint.url]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, BlobCorrupt):
            raise answer
        if answer in KINDS or answer == "vague":
            kind = AnswerKind.NOT_FOUND if answer == "vague" else answer
            failure = EndpointFailure(kind, endpoint.url, "it says so")
            failure.vague = answer == "vague"
            raise failure
        return answer


DOWN, GONE, BLOCKED = AnswerKind.UNAVAILABLE, AnswerKind.NOT_FOUND, AnswerKind.BLOCKED
CORRUPT = BlobCorrupt("other bytes")
LONG = AnswerKind.OVERSIZE


def names(pool):
    return [endpoint.url.removeprefix("http://") for endpoint in pool.ranked()]


def find(pool, name):
    return next(e for e in pool.ranked() if e.url == f"http://{name}")


# --- quarantine ------------------------------------------------------------------------------


async def test_a_liar_is_asked_last_for_a_while(pool):
    script = Script(one=[CORRUPT, "fine"], two=["fine"], three=["fine"])
    assert await ask_in_turn(pool, script, what="x") == "fine"
    assert names(pool) == ["two", "three", "one"]
    await ask_in_turn(pool, script, what="x")
    assert script.asked == ["one", "two", "two"]
    await trio.sleep(POLICY.quarantine - 0.001)
    assert names(pool) == ["two", "three", "one"]
    await trio.sleep(0.001)
    assert names(pool) == ["one", "two", "three"]


async def test_a_quarantined_endpoint_is_the_last_resort(pool):
    """Every byte is verified anyway."""
    for name in ("one", "two"):
        pool.quarantine(find(pool, name))
    script = Script(one=["fine"], two=["fine"], three=[BLOCKED])
    assert await ask_in_turn(pool, script, what="x") == "fine"
    assert script.asked == ["three", "one"]


async def test_a_quarantine_is_renewed_by_another_lie(pool):
    pool.quarantine(find(pool, "one"))
    await trio.sleep(400)
    pool.quarantine(find(pool, "one"))
    await trio.sleep(400)
    assert names(pool)[-1] == "one"


async def test_a_liar_is_not_asked_again_in_the_same_call(pool):
    script = Script(one=[CORRUPT], two=[DOWN], three=[DOWN])
    with pytest.raises(BlobCorrupt):
        await ask_in_turn(pool, script, what="x")
    assert script.asked.count("one") == 1
    assert script.asked.count("two") == POLICY.rounds


# --- order -----------------------------------------------------------------------------------


async def test_the_fast_and_healthy_come_first(pool):
    for name, latency in (("one", 0.5), ("two", 0.1), ("three", 0.2)):
        find(pool, name).latency = latency
    assert names(pool) == ["two", "three", "one"]
    find(pool, "two").failures = 1  # as slow as 0.2 s
    assert names(pool) == ["two", "three", "one"]
    find(pool, "two").failures = 2
    assert names(pool) == ["three", "two", "one"]
    find(pool, "two").failures = 5
    assert names(pool) == ["three", "one", "two"]


async def test_a_record_is_smoothed_and_failures_end_with_a_success(pool):
    endpoint = find(pool, "one")
    endpoint.failures = 3
    endpoint.record_success(1.3)
    assert endpoint.failures == 0
    assert endpoint.latency == pytest.approx(0.7 * 0.3 + 0.3 * 1.3)
    endpoint.record_wait(0.5)
    assert endpoint.latency == pytest.approx(0.6)
    endpoint.record_wait(20)
    assert endpoint.latency == 20


async def test_a_limit_of_size_holds_from_the_smallest_refused_body_on(pool):
    endpoint = find(pool, "one")
    assert endpoint.takes(1 << 40)
    endpoint.record_too_large(1000, 600)
    assert endpoint.takes(999)
    assert not endpoint.takes(1000)
    endpoint.record_too_large(800, 600)
    assert [endpoint.takes(size) for size in (799, 800)] == [True, False]
    endpoint.record_too_large(900, 600)
    assert [endpoint.takes(size) for size in (799, 800)] == [True, False]


async def test_a_limit_of_size_is_tried_again_later(pool):
    endpoint = find(pool, "one")
    endpoint.record_too_large(1000, 600)
    await trio.sleep(599.999)
    assert not endpoint.takes(1000)
    await trio.sleep(0.001)
    assert endpoint.takes(1000)
    endpoint.record_too_large(5000, 600)  # the operator has raised it meanwhile
    assert [endpoint.takes(size) for size in (4999, 5000)] == [True, False]


async def test_an_url_named_twice_is_one_endpoint():
    pool = EndpointPool([*URLS, URLS[0]], POLICY)
    assert len(pool.ranked()) == 3
    assert pool
    assert not EndpointPool([], POLICY)
    await pool.aclose()


# --- rounds and pauses -----------------------------------------------------------------------


async def test_what_may_pass_is_tried_in_every_round(pool, longest_pauses):
    script = Script(one=[DOWN], two=[DOWN], three=[DOWN])
    with pytest.raises(StorageUnreachable):
        await ask_in_turn(pool, script, what="x")
    assert script.asked == ["one", "two", "three"] * POLICY.rounds
    # Pauses of 1, 2 and 3 s: doubled up to the longest; none after the last round.
    assert [script.times[3 * n] for n in range(4)] == [0, 1, 3, 6]
    assert trio.current_time() == 6


async def test_pauses_are_between_nothing_and_the_longest(monkeypatch):
    seen = []
    monkeypatch.setattr(random, "uniform", lambda low, high: seen.append((low, high)) or high)
    assert [POLICY.delay(n) for n in range(4)] == [1, 2, 3, 3]
    assert seen == [(0, 1), (0, 2), (0, 3), (0, 3)]


@pytest.mark.parametrize("kind", list(AnswerKind))
async def test_only_what_may_pass_is_tried_again(pool, kind):
    if kind is AnswerKind.OK:
        return
    script = Script(one=[kind], two=[BLOCKED], three=[BLOCKED])
    with pytest.raises((BlobNotFound, BlobTooLarge, StorageUnreachable)):
        await ask_in_turn(pool, script, what="x")
    assert script.asked.count("one") == (POLICY.rounds if kind.may_pass else 1)


async def test_the_number_of_rounds_may_be_given(pool, longest_pauses):
    script = Script(one=[DOWN], two=[DOWN], three=[DOWN])
    with pytest.raises(StorageUnreachable):
        await ask_in_turn(pool, script, what="x", rounds=1)
    assert script.asked == ["one", "two", "three"]
    assert trio.current_time() == 0


async def test_when_all_have_refused_nobody_waits(pool, longest_pauses):
    script = Script(one=[BLOCKED], two=[GONE], three=[CORRUPT])
    with pytest.raises(BlobCorrupt):
        await ask_in_turn(pool, script, what="x")
    assert script.asked == ["one", "two", "three"]
    assert trio.current_time() == 0


async def test_one_that_lacks_a_blob_shortens_the_wait_for_the_silent(pool):
    script = Script(one=[GONE], two=[DOWN], three=[DOWN])
    with pytest.raises(BlobNotFound):
        await ask_in_turn(pool, script, what="x")
    assert script.asked.count("one") == 1
    assert script.asked.count("two") == 2


async def test_a_vague_answer_does_not(pool):
    """Any web server may send a 404."""
    script = Script(one=["vague"], two=[DOWN], three=[DOWN])
    with pytest.raises(StorageUnreachable):
        await ask_in_turn(pool, script, what="x")
    assert script.asked.count("two") == POLICY.rounds


async def test_a_blob_that_was_stored_just_now_may_appear(pool):
    script = Script(one=[GONE, GONE, GONE, "fine"], two=[BLOCKED], three=[BLOCKED])
    assert await ask_in_turn(pool, script, what="x", may_appear=True) == "fine"
    assert script.asked == ["one", "two", "three", "one", "one", "one"]


async def test_it_may_appear_only_where_it_is_missing(pool):
    script = Script(one=[BLOCKED], two=[GONE], three=[LONG])
    with pytest.raises(BlobTooLarge):
        await ask_in_turn(pool, script, what="x", may_appear=True)
    assert [script.asked.count(name) for name in ("one", "two", "three")] == [1, POLICY.rounds, 1]


# --- the verdict -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((CORRUPT, GONE, LONG), BlobCorrupt),
        ((GONE, LONG, DOWN), BlobTooLarge),
        ((GONE, DOWN, DOWN), BlobNotFound),
        ((GONE, GONE, GONE), BlobNotFound),
        (("vague", "vague", "vague"), BlobNotFound),
        (("vague", "vague", DOWN), StorageUnreachable),
        (("vague", GONE, DOWN), BlobNotFound),
        ((BLOCKED, BLOCKED, BLOCKED), StorageUnreachable),
    ],
)
async def test_the_strongest_answer_decides(pool, answers, expected):
    script = Script(**dict(zip(("one", "two", "three"), ([a] for a in answers), strict=True)))
    with pytest.raises(expected) as caught:
        await ask_in_turn(pool, script, what="reading x")
    assert caught.value.message.startswith("reading x: ")
    for name in ("one", "two", "three"):
        assert f"http://{name}: " in caught.value.message
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(("second", "agreed"), [(LONG, True), (DOWN, False), (GONE, False)])
async def test_all_must_agree_that_a_blob_is_too_large(pool, second, agreed):
    script = Script(one=[LONG], two=[second], three=[LONG])
    with pytest.raises(BlobTooLarge) as caught:
        await ask_in_turn(pool, script, what="x")
    assert caught.value.fields["agreed"] is agreed


async def test_the_last_answer_of_an_endpoint_counts(pool):
    script = Script(one=[DOWN, GONE], two=[BLOCKED], three=[BLOCKED])
    with pytest.raises(BlobNotFound):
        await ask_in_turn(pool, script, what="x")


async def test_without_endpoints_nothing_can_be_asked():
    with pytest.raises(StorageUnreachable):
        await ask_in_turn(EndpointPool([], POLICY), Script(), what="x")
