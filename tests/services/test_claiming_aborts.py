"""A machine claims that a plan cannot be carried out only if it finds so twice."""

from pathlib import Path

import pytest

from tests.support.market.bench import SUBMISSION, Network, decisions, failures
from walrusd.errors import TrainingFailed
from walrusd.market.fetch import Fetcher
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.trainer import Trainer, check_same_abort

ABORT = {"segment": 2, "step": 3, "code": 2, "message": "a value is not finite"}
ROOT, OTHER_ROOT = "11" * 32, "22" * 32


def ended(root=ROOT, **changes):
    """Return a run's result; with ``abort=None`` it came to its end."""
    abort = {**ABORT, **changes} if changes.pop("abort", ABORT) else None
    result = {"trace_root": root, "trace": "t", "loss": 0.5}
    return result if abort is None else {**result, "abort": abort}


class Scripted:
    """Training that ends as a test says, one result a run."""

    def __init__(self, *results):
        self.left = list(results)

    async def run(self, _job, _on_line):
        return self.left.pop(0)


async def train(tmp_path: Path, *results):
    """Train once; return what became of it: decisions, failures, result, runs left."""
    net, training = Network(), Scripted(*results)
    with net.daemon(tmp_path, "c", training=training) as tools:
        net.join(tools.address)
        net.grant(tools.address, tools.keys.encryption_key)
        fetcher = Fetcher(tools)
        await Trainer(tools, fetcher).run_once()
        kept = tools.work.get("trained", SUBMISSION)
        if kept is None:
            await Committer(tools, fetcher).run_once()
            assert not tools.contract.sent
        made = decisions(tools, SUBMISSION)
        return made, list(failures(tools, SUBMISSION)), kept, len(training.left)


async def test_an_abort_that_is_found_twice_is_claimed(tmp_path: Path) -> None:
    made, failed, kept, left = await train(tmp_path, ended(), ended())
    assert "aborted" in made
    assert not failed
    assert kept == ended()
    assert left == 0


DIFFERENT = [
    ended(OTHER_ROOT), ended(segment=1), ended(step=2), ended(code=1), ended(abort=None),
    ended(OTHER_ROOT, abort=None),
]  # fmt: skip


@pytest.mark.parametrize("second", DIFFERENT)
async def test_an_abort_that_is_found_once_is_this_machines_fault(tmp_path: Path, second) -> None:
    made, failed, kept, left = await train(tmp_path, ended(), second)
    assert failed == ["training.failed"]
    assert "aborted" not in made
    assert kept is None
    assert left == 0


async def test_work_that_comes_to_its_end_is_done_once(tmp_path: Path) -> None:
    made, failed, kept, left = await train(tmp_path, ended(abort=None), ended())
    assert "trained" in made
    assert not failed
    assert kept == ended(abort=None)
    assert left == 1


@pytest.mark.parametrize("second", DIFFERENT)
def test_both_runs_must_end_at_the_same_place_with_the_same_trace(second) -> None:
    check_same_abort(ended(), ended())
    with pytest.raises(TrainingFailed):
        check_same_abort(ended(), second)
