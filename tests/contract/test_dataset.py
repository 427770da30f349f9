"""Listing datasets; requesting, granting, denying, expiring keys."""

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import KeyRequest
from walrusd.core.lifecycle import KeyScope, RequestState
from walrusd.devnet.contract.constants import NOBODY as NOBODY_ID

from .early import CONTRIBUTORS, DAY, NOBODY, TERMS, EarlyBazaar
from .world import aborts, address, digest

VERSION = (8, digest("manifest 2"), digest("rows 2"), 10, 20, digest("check 2"))


@pytest.fixture
def m():
    return EarlyBazaar(verifiers=0)


def add(m, *args, owner="owner"):
    m.call("dataset::add_version", owner, m.market, m.dataset, *args)


def test_listing_and_adding_versions(m):
    assert m.dataset.owner == address("owner")
    assert [v.number for v in m.dataset.versions] == [1]
    listed, added = m.last(events.DatasetListed), m.last(events.DatasetVersionAdded)
    assert (listed.title, listed.description_blob) == (b"iris", 5)
    assert (added.number, added.rows) == (1, 1_000)
    add(m, *VERSION)
    assert [v.number for v in m.dataset.versions] == [1, 2]
    assert m.dataset.versions[1].row_root == digest("rows 2")
    assert m.last(events.DatasetVersionAdded).number == 2
    for _ in range(62):
        add(m, *VERSION)
    with aborts("dataset.ETooManyVersions"):
        add(m, *VERSION)


@pytest.mark.parametrize(
    ("abort", "changes"),
    [
        ("dataset.EBadTitle", {"title": b""}),
        ("dataset.EBadTitle", {"title": bytes(129)}),
        ("dataset.EBadDigest", {"manifest_digest": bytes(31)}),
        ("dataset.EBadDigest", {"row_root": b""}),
        ("dataset.EBadDigest", {"key_check": bytes(33)}),
        ("dataset.EEmpty", {"rows": 0}),
        ("dataset.EEmpty", {"row_bytes": 0}),
    ],
)
def test_listings_that_are_refused(m, abort, changes):
    with aborts(abort):
        m.list_dataset(**changes)


def test_versions_that_are_refused(m):
    with aborts("dataset.ENotOwner"):
        add(m, *VERSION, owner="stranger")
    with aborts("dataset.EBadDigest"):
        add(m, 8, b"", *VERSION[2:])
    with aborts("dataset.EEmpty"):
        add(m, *VERSION[:3], 0, 20, VERSION[5])


def test_a_request_is_granted_once(m):
    request = m.request("asker", scope=KeyScope.TRAIN)
    assert request.state == RequestState.REQUESTED
    assert (request.owner, request.requester) == (address("owner"), address("asker"))
    assert (request.requested_ms, request.expires_ms) == (m.now, m.now + DAY)
    assert m.last(events.KeyRequested).task == NOBODY_ID
    m.grant(request, envelope=b"for you")
    assert (request.state, request.envelope) == (RequestState.GRANTED, b"for you")
    assert m.last(events.KeyGranted).scope == KeyScope.TRAIN
    with aborts("dataset.EWrongState"):
        m.grant(request)
    with aborts("dataset.EWrongState"):
        m.call("dataset::deny_key", "owner", m.market, request, b"no")
    m.advance(DAY)
    with aborts("dataset.EWrongState"):
        m.call("dataset::expire_key", "anyone", m.market, request)


def test_a_grant_is_for_one_task_while_it_takes_contributors():
    m = EarlyBazaar()
    first = m.open_task()
    request = m.request(CONTRIBUTORS[0])
    assert m.last(events.KeyRequested).task == first.id
    with aborts("dataset.EWrongTask"):
        m.call("dataset::grant_key_alone", "owner", m.market, request, b"sealed")
    second = m.open_task()
    with aborts("dataset.EWrongTask"):
        m.grant(request, task=second)
    m.grant(request, task=first)
    with aborts("dataset.EWrongState"):
        m.grant(request, task=first)

    late = m.request(CONTRIBUTORS[1])
    with aborts("dataset.ETaskOpen"):
        m.call("dataset::lapse_key", "anyone", m.market, second, late)
    m.advance(TERMS.join_ms)
    with aborts("dataset.ETaskClosed"):
        m.grant(late)
    with aborts("dataset.EWrongTask"):
        m.call("dataset::lapse_key", "anyone", m.market, first, late)
    m.call("dataset::lapse_key", "anyone", m.market, second, late)
    assert late.state == RequestState.EXPIRED
    assert m.last(events.KeyExpired).request == late.id
    with aborts("dataset.EWrongState"):
        m.call("dataset::lapse_key", "anyone", m.market, second, late)
    with aborts("dataset.EWrongState"):
        m.call("dataset::lapse_key", "anyone", m.market, first, request)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_task_that_has_begun_or_was_cancelled_takes_no_grants(is_cancelled):
    m = EarlyBazaar()
    m.joined(3)
    request = m.request(CONTRIBUTORS[3])
    if is_cancelled:
        m.cancel()
    else:
        m.join(CONTRIBUTORS[3], request=m.grant(m.request(CONTRIBUTORS[3])))
        m.close_joining()
    with aborts("dataset.ETaskClosed"):
        m.grant(request)
    m.call("dataset::lapse_key", "anyone", m.market, m.task, request)


def test_a_request_for_no_task_is_granted_for_none():
    m = EarlyBazaar()
    m.open_task()
    request = m.request("asker", scope=KeyScope.TRAIN, task=NOBODY)
    with aborts("dataset.EWrongTask"):
        m.call("dataset::grant_key", "owner", m.market, m.task, request, b"sealed")
    m.grant(request)


@pytest.mark.parametrize(
    ("abort", "changes"),
    [
        ("dataset.ENoVersion", {"number": 0}),
        ("dataset.ENoVersion", {"number": 2}),
        ("dataset.EBadKey", {"key": bytes(31)}),
        ("dataset.EBadScope", {"scope": 0}),
        ("dataset.EBadScope", {"scope": 3}),
        ("dataset.EBadScope", {"scope": KeyScope.TRAIN_AND_VERIFY, "task": NOBODY}),
        ("dataset.EBadLifetime", {"lifetime_ms": 59_999}),
        ("dataset.EBadLifetime", {"lifetime_ms": 30 * DAY + 1}),
    ],
)
def test_requests_that_are_refused(m, abort, changes):
    with aborts(abort):
        m.request("asker", **{"scope": KeyScope.TRAIN, **changes})


def test_lifetimes_at_their_limits(m):
    m.request("asker", scope=KeyScope.TRAIN, lifetime_ms=60_000)
    m.request("asker", scope=KeyScope.TRAIN, lifetime_ms=30 * DAY)


def test_grants_that_are_refused(m):
    request = m.request("asker", scope=KeyScope.TRAIN)
    with aborts("dataset.ENotOwner"):
        m.grant(request, owner="asker")
    for envelope in (b"", bytes(2049)):
        with aborts("dataset.EBadEnvelope"):
            m.grant(request, envelope=envelope)
    m.advance(DAY)
    with aborts("dataset.EExpired"):
        m.grant(request)


def test_denying(m):
    request = m.request("asker", scope=KeyScope.TRAIN)
    with aborts("dataset.ENotOwner"):
        m.call("dataset::deny_key", "asker", m.market, request, b"no")
    with aborts("dataset.EBadEnvelope"):
        m.call("dataset::deny_key", "owner", m.market, request, bytes(257))
    m.call("dataset::deny_key", "owner", m.market, request, b"not for you")
    assert (request.state, request.reason) == (RequestState.DENIED, b"not for you")
    assert m.last(events.KeyDenied).reason == b"not for you"


def test_expiring(m):
    request = m.request("asker", scope=KeyScope.TRAIN)
    m.advance(DAY - 1)
    with aborts("dataset.ENotExpired"):
        m.call("dataset::expire_key", "anyone", m.market, request)
    m.advance(1)
    m.call("dataset::expire_key", "anyone", m.market, request)
    assert m.latest(KeyRequest).state == RequestState.EXPIRED
    assert m.last(events.KeyExpired).requester == address("asker")


def test_versions_of_objects_are_checked(m):
    request = m.request("asker", scope=KeyScope.TRAIN)
    request.version = 2
    with aborts("market.EWrongVersion"):
        m.grant(request)
    m.dataset.version = 0
    with aborts("market.EWrongVersion"):
        m.request("asker", scope=KeyScope.TRAIN)
