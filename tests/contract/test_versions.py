"""Versions of the package: which may act, and how objects of an earlier one are taken over."""

import pytest

from walrusd.chain.layouts.objects import KeyRequest

from .market import Bazaar
from .world import aborts


@pytest.fixture
def m():
    return Bazaar()


def allow(m, version):
    m.call("market::allow_version", "admin", m.admin_cap, m.market, version)


def disallow(m, version):
    m.call("market::disallow_version", "admin", m.admin_cap, m.market, version)


def test_versions_are_allowed_and_stopped(m):
    allow(m, 2)
    allow(m, 3)
    disallow(m, 1)
    assert m.market.allowed_versions == [2, 3]
    with aborts("market.EWrongVersion"):
        m.open_task()
    allow(m, 1)
    m.open_task()


@pytest.mark.parametrize("version", [0, 1])
def test_an_impossible_version_is_not_allowed(m, version):
    with aborts("market.EBadVersion"):
        allow(m, version)


def test_at_most_eight_versions_are_allowed(m):
    for version in range(2, 9):
        allow(m, version)
    with aborts("market.EBadVersion"):
        allow(m, 9)


@pytest.mark.parametrize("version", [1, 2])
def test_the_only_version_is_not_stopped(m, version):
    with aborts("market.EBadVersion"):
        disallow(m, version)


def test_everything_shared_is_taken_over(m):
    (submission,) = m.joined(1)
    request = m.latest(KeyRequest)
    shared = {
        "node::migrate_pool": m.pool,
        "task::migrate_task": m.task,
        "submission::migrate_submission": submission,
        "dataset::migrate_dataset": m.dataset,
        "dataset::migrate_request": request,
    }
    m.market.version, m.market.allowed_versions = 0, [0]
    for each in shared.values():
        each.version = 0
    m.call("market::migrate_market", "admin", m.admin_cap, m.market)
    assert (m.market.version, m.market.allowed_versions) == (1, [1])
    with aborts("market.EWrongVersion"):
        m.close_joining()
    for target, each in shared.items():
        m.call(target, "anyone", m.market, each)
        assert each.version == 1
        with aborts("market.ENotOlder"):
            m.call(target, "anyone", m.market, each)
    with aborts("market.ENotOlder"):
        m.call("market::migrate_market", "admin", m.admin_cap, m.market)
    m.advance(m.task.terms.join_ms)
    m.close_joining()
