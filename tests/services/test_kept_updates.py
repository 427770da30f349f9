"""What a sum needs is kept from the acceptance on, whatever becomes of the blobs."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.support.market.bench import SUBMISSION
from tests.support.market.opened import Bench
from walrusd.core.lifecycle import SubmissionState, TaskPhase
from walrusd.core.secrets import derive_recipient_secret
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.sealing import seal
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import make_publisher_context
from walrusd.services.publisher.publisher import Publisher
from walrusd.services.upkeep.claimer import FORGET_AFTER_MS, KEEP_ACCEPTED_MS, Claimer


@pytest.fixture
async def bench(tmp_path):
    with ExitStack() as stack:
        bench = Bench(tmp_path, stack)
        await bench.open_work()
        yield bench


def make_publisher(tools):
    fetcher = Fetcher(tools)
    return Publisher(tools, fetcher, AggregateChecker(tools, fetcher))


def accept(bench: Bench):
    """Let the work be accepted by the publisher, and return its daemon."""
    net, tools = bench.net, bench.daemon("publisher")
    net.task.publisher = tools.address
    net.task.terms = replace(net.task.terms, k_min=1)
    net.task.phase = TaskPhase.VERIFYING
    net.submission.state = SubmissionState.ACCEPTED
    return tools


def deliver(bench: Bench, tools) -> None:
    """Give the publisher the envelope of the update."""
    context = make_publisher_context(bench.case(tools)).digest()
    recipient = derive_recipient_secret(tools.keys, context).describe(context)
    sealed = seal(bench.value(Label.UPDATE), recipient, bytes(32))
    bench.net.submission.update_envelope = sealed.r + sealed.c


async def test_an_accepted_update_is_added_up_after_its_blobs_are_gone(bench: Bench) -> None:
    tools, net = accept(bench), bench.net
    publisher = make_publisher(tools)
    await publisher.run_once()
    assert not tools.files.submission(SUBMISSION).exists()  # no key yet, and no complaint
    deliver(bench, tools)
    await publisher.run_once()
    kept = {path.name for path in tools.files.submission(SUBMISSION).rglob("*") if path.is_file()}
    assert kept == {"manifest.sealed", "update.sealed", "openings.sealed", "committed.wvf"}
    net.store.read.clear()
    await publisher.run_once()
    assert net.store.read == []
    del net.blobs[net.submission.opening.blob], net.blobs[net.submission.commitment.file_blob]
    summed = await make_publisher(tools)._aggregator.sum(net.task, [net.submission])
    assert summed is not None
    assert len(summed.vector) == 8 * net.plan.weight_count
    assert summed.left_out == ()


@pytest.mark.parametrize("who", ["publisher", "contributor", "verifier"])
async def test_a_copy_is_kept_until_the_sum_or_for_thirty_days(bench: Bench, who: str) -> None:
    publisher, net = accept(bench), bench.net
    tools = {"publisher": publisher, "contributor": bench.contributor, "verifier": bench.verifier}[
        who
    ]
    folder = tools.files.submission(SUBMISSION)
    folder.mkdir(parents=True, exist_ok=True)
    net.clock.ms = net.submission.window_ms + FORGET_AFTER_MS + 1
    await Claimer(tools).run_once()
    assert folder.exists() == (who != "verifier")
    net.clock.ms = net.submission.window_ms + KEEP_ACCEPTED_MS
    await Claimer(tools).run_once()
    assert folder.exists() == (who != "verifier")
    net.clock.ms += 1
    await Claimer(tools).run_once()
    assert not folder.exists()
