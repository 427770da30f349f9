"""Bytes that an endpoint has spoilt: nobody is accused, attested or refused for them."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.market.bench import SUBMISSION, TASK, Network, failures
from tests.support.market.opened import Bench
from walrusd.chain.layouts import objects as ob
from walrusd.errors import (
    BlobCorrupt,
    BlobNotFound,
    BlobTooLarge,
    ContentMismatch,
    ObjectUnreadable,
    PeerFault,
    StorageUnreachable,
    VerificationFailed,
    WalrusdError,
)
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.fetch import Fetcher
from walrusd.services.committee.verifier import Verifier
from walrusd.services.jury.juror import Juror
from walrusd.services.upkeep.cranker import Cranker
from walrusd.services.upkeep.key_sharer import KeySharer

ENDPOINT_FAULTS = [
    BlobCorrupt("other bytes"),
    BlobTooLarge("too long"),
    BlobTooLarge("too long here only", agreed=False),
    BlobNotFound("not there"),
    StorageUnreachable("nobody answers"),
]


def test_only_what_is_proven_of_content_is_a_peers_fault() -> None:
    assert issubclass(ContentMismatch, PeerFault)
    for fault in [*ENDPOINT_FAULTS, ObjectUnreadable("x")]:
        assert not isinstance(fault, PeerFault)


class ScriptedChecker(AggregateChecker):
    """Finds what the test says."""

    def __init__(self, tools, *outcomes: WalrusdError | None) -> None:
        super().__init__(tools, Fetcher(tools))
        self.outcomes = list(outcomes)

    async def verify(self, task):
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return


@pytest.fixture
def net() -> Network:
    net = Network()
    net.task.aggregate = ob.Aggregate(bytes(32), bytes(32), 1)
    return net


@pytest.mark.parametrize("fault", [*ENDPOINT_FAULTS, ObjectUnreadable("garbled")])
async def test_a_bad_endpoint_does_not_refuse_a_parent_for_good(tmp_path, net, fault) -> None:
    with net.daemon(tmp_path, "c") as tools:
        checker = ScriptedChecker(tools, fault, None)
        with pytest.raises(type(fault)):
            await checker.holds(net.task)
        assert await checker.holds(net.task)
        assert await checker.holds(net.task)  # remembered


async def test_what_was_proven_wrong_stays_wrong(tmp_path: Path, net: Network) -> None:
    with net.daemon(tmp_path, "c") as tools:
        assert not await ScriptedChecker(tools, VerificationFailed("another sum")).holds(net.task)
        assert not await ScriptedChecker(tools).holds(net.task)


async def test_a_refusal_of_an_earlier_version_is_looked_at_again(tmp_path: Path, net) -> None:
    with net.daemon(tmp_path, "c") as tools:
        tools.records.put("aggregates", TASK, value=False)
        assert await ScriptedChecker(tools, None).holds(net.task)


async def test_a_real_look_at_spoilt_bytes_refuses_nobody(tmp_path: Path, net: Network) -> None:
    net.store.get = _failing(BlobCorrupt("other bytes"))
    with net.daemon(tmp_path, "c") as tools:
        checker = AggregateChecker(tools, Fetcher(tools))
        with pytest.raises(BlobCorrupt):
            await checker.holds(net.task)
        assert tools.records.items("aggregates") == {}


def _failing(fault: WalrusdError):
    async def fail(*_arguments, **_options):
        raise fault

    return fail


@pytest.mark.parametrize("what", ["get", "download", "get_file"])
@pytest.mark.parametrize("fault", ENDPOINT_FAULTS)
async def test_no_service_acts_on_what_an_endpoint_spoils(tmp_path, fault, what) -> None:
    with ExitStack() as stack:
        bench = Bench(tmp_path, stack)
        await bench.open_work()
        tools = bench.verifier
        setattr(bench.net.store, what, _failing(fault))
        for service in (Verifier, Juror, Cranker):
            await service(tools, Fetcher(tools)).run_once()
        await KeySharer(tools).run_once()
        assert not tools.contract.sent
        assert not tools.work.items("confirmed")
        assert list(failures(tools, SUBMISSION))
