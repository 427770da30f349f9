"""Which of several simultaneous errors is raised."""

import pytest
import trio

from walrusd.errors import BadRequest, ChainUnreachable, MalformedData
from walrusd.runtime.groups import collapsed, leaves, most_significant

BROKEN, BUG = AssertionError("broken"), KeyError("x")
OURS, WORLD, PEER = BadRequest("ours"), ChainUnreachable("world"), MalformedData("peer")


def nest(*errors: Exception) -> ExceptionGroup:
    """Put each error deeper than the one before."""
    group = ExceptionGroup("inner", [errors[-1]])
    for error in reversed(errors[:-1]):
        group = ExceptionGroup("outer", [group, error])
    return group


@pytest.mark.parametrize(
    ("errors", "first"),
    [
        ((WORLD, BROKEN), BROKEN),
        ((BUG, BROKEN, PEER), BROKEN),
        ((WORLD, BUG), BUG),
        ((PEER, OURS), OURS),
        ((PEER, WORLD), WORLD),
        ((PEER, OSError(28, "full")), None),
        ((PEER,), PEER),
    ],
)
def test_the_most_significant_error_is_raised(errors, first) -> None:
    for order in (errors, errors[::-1]):
        with pytest.raises(Exception) as caught, collapsed():  # noqa: PT011  # any, compared below
            raise nest(*order)
        found = first or errors[1]
        assert caught.value is found
        assert most_significant(nest(*order)) is found
        assert set(map(id, leaves(nest(*order)))) == set(map(id, errors))


def test_what_is_no_group_passes_as_it_is() -> None:
    with pytest.raises(KeyError) as caught, collapsed():
        raise BUG
    assert caught.value is BUG
    with collapsed():
        pass


@pytest.mark.parametrize(("error", "ends"), [(WORLD, False), (BUG, False), (BROKEN, True)])
async def test_cancellation_stays_cancellation(error: Exception, ends: bool) -> None:
    """Only a broken invariant is more than the end of the task in which it happened."""

    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            with collapsed():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(fail)
                    nursery.start_soon(trio.sleep_forever)
        except AssertionError:
            assert ends
    assert scope.cancelled_caught != ends
