"""An upgrade: the same source as version 2 takes over what version 1 made, in a real Move VM."""

import random
import shutil

import pytest

from tests.contract.world import SHARED
from walrusd.chain.layouts.objects import KeyRequest, Market, Submission
from walrusd.core.aborts import ABORTS
from walrusd.devnet.move.aborts import MoveAbort

from . import oracle
from .builder import PACKAGE
from .histories import Contract, OracleBazaar
from .mutants import Mutant, apply

pytest.importorskip("sui_sandbox", reason="SUI-SANDBOX IS MISSING: no upgrade is tried")

SECOND = Mutant("the next version", "constants", "VERSION = 1\n", "VERSION = 2\n")


@pytest.fixture(scope="module")
def second_modules(tmp_path_factory):
    """The package as version 2, standing where version 1 stood: its types are the same."""
    sources = tmp_path_factory.mktemp("second") / "move"
    shutil.copytree(PACKAGE, sources)
    market = sources / "sources" / "market.move"
    first = market.read_text()
    assert first.count("const VERSION: u64 = 1;") == 1
    market.write_text(first.replace("const VERSION: u64 = 1;", "const VERSION: u64 = 2;"))
    return oracle.build_modules(sources)


def refused(world, target, *args):
    with pytest.raises(MoveAbort):
        world.call(target, *args)
    return ABORTS[world.steps[-1].abort].name


def test_the_next_version_takes_over_a_running_task(
    second_modules, tmp_path, tmp_path_factory, monkeypatch
):
    world = OracleBazaar(Contract, random.Random(1))
    (submission,) = world.opened(1)
    world.attest_all(submission)
    world.draw_audit(submission, selected=False)
    request = world.latest(KeyRequest)
    made_by_first = len(world.steps)

    folder = tmp_path_factory.mktemp("second_rules")
    monkeypatch.syspath_prepend(folder)
    world.functions = apply(SECOND, folder).functions
    settle = "settlement::settle", "crank", world.market, world.task, world.pool, submission
    shared = {
        "node::migrate_pool": world.pool,
        "task::migrate_task": world.task,
        "submission::migrate_submission": submission,
        "dataset::migrate_dataset": world.dataset,
        "dataset::migrate_request": request,
    }
    assert refused(world, *settle) == "EWrongVersion"
    for target, each in shared.items():
        assert refused(world, target, "crank", world.market, each) == "EWrongVersion"
    world.call("market::allow_version", "admin", world.admin_cap, world.market, 2)
    assert refused(world, *settle) == "EWrongVersion"
    world.call("market::migrate_market", "admin", world.admin_cap, world.market)
    assert world.market.allowed_versions == [2]
    for target, each in shared.items():
        world.call(target, "crank", world.market, each)
        assert refused(world, target, "crank", world.market, each) == "ENotOlder"
    world.deliver_update(submission)
    world.claim(submission, "crank")
    world.reclaim()
    again = "market::migrate_market", "admin", world.admin_cap, world.market
    assert refused(world, *again) == "ENotOlder"

    left = [o for oid, o in world.objects.items() if world.owners[oid] == SHARED]
    assert {o.version for o in left} == {2}
    assert {Market, Submission, KeyRequest} <= {type(o) for o in left}
    for step in world.steps[made_by_first:]:
        oracle.check_transition(step, tmp_path, second_modules)


def test_the_first_version_stops_when_it_is_told_to(tmp_path):
    world = OracleBazaar(Contract, random.Random(1))
    (submission,) = world.opened(1)
    begun = len(world.steps)
    world.call("market::allow_version", "admin", world.admin_cap, world.market, 2)
    world.call("market::disallow_version", "admin", world.admin_cap, world.market, 1)
    settle = "settlement::settle", "crank", world.market, world.task, world.pool, submission
    assert refused(world, *settle) == "EWrongVersion"
    last = "market::disallow_version", "admin", world.admin_cap, world.market, 2
    assert refused(world, *last) == "EBadVersion"
    world.call("market::allow_version", "admin", world.admin_cap, world.market, 1)
    assert refused(world, *settle) == "ETooEarly"
    for step in world.steps[begun:]:
        oracle.check_transition(step, tmp_path, oracle.build_modules())
