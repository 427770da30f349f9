"""After a power cut a run goes on behind the last segment that was reported, with the same bits."""

import pytest

from tests.support.crashes import Disk
from walrusd.training.process.workdir import Checkpoints, write_costs, write_trace
from walrusd.training.run.costs import costs_to_bytes
from walrusd.training.run.trace import Trace
from walrusd.training.run.trainer import SegmentResult


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root"
    path.mkdir()
    return path


def test_a_segment_that_was_reported_is_not_computed_again(assignment, trained, root, monkeypatch):
    states, records = trained
    disk = Disk(root)
    with disk.watch(monkeypatch):
        checkpoints = Checkpoints(assignment, root / "work", states[0])
        for record, state in zip(records, states[1:], strict=True):
            checkpoints.save(SegmentResult(record, state))
            disk.say_done(f"{record.segment}")
    found = disk.crashes()
    reached = set()
    for each in found:
        each.restore(root)
        again = Checkpoints(assignment, root / "work", states[0])
        following = again.resume()
        reached.add((len(each.done), following - 1))
        assert following - 1 in {len(each.done), len(each.done) + 1}
        assert again.state == states[following - 1]
        assert [record.leaf for record in again.records] == [
            record.leaf for record in records[: following - 1]
        ]
        if following > 1:
            assert again.last == records[following - 2]
    # Each segment was found before and after it was reported, and missing before.
    last = len(records)
    before = {(done, done + kept) for done in range(last) for kept in (0, 1)}
    assert reached == before | {(last, last)}


def test_a_result_is_on_the_disk_when_it_is_reported(assignment, trained, root, monkeypatch):
    states, records = trained
    checkpoints = Checkpoints(assignment, root, states[0])
    for record, state in zip(records, states[1:], strict=True):
        checkpoints.save(SegmentResult(record, state))
    trace = Trace(checkpoints.root_0, checkpoints.records)
    disk = Disk(root)
    with disk.watch(monkeypatch):
        write_trace(root, trace)
        write_costs(root, checkpoints.costs)
        disk.say_done("reported")
    for each in disk.crashes():
        found = each.files.get("trace.bin"), each.files.get("costs.bin")
        whole = trace.roots.to_bytes(), costs_to_bytes(checkpoints.costs)
        assert found == whole or not each.done
        assert found in {(None, None), (whole[0], None), whole}
