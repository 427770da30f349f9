"""Parties that lie, and machines that fail, for plays and benches in one process."""

from typing import ClassVar

from tests.adversaries.forgery import forge
from tests.support.market.world import InlineTraining
from walrusd.errors import TrainingFailed
from walrusd.examination.examine import Examination
from walrusd.services.committee.verifier import Verifier
from walrusd.training.run.jobs import TrainJob
from walrusd.training.run.replayed import Replayed


class InlineForger(InlineTraining):
    """Stakes without training."""

    async def run(self, job, on_line):
        if not isinstance(job, TrainJob):
            return await super().run(job, on_line)
        return dict(forge(job))["result"]


class BrokenMachine(InlineTraining):
    """A machine on which no replay ends."""

    async def run(self, job, on_line):
        raise TrainingFailed("out of memory")


class BribedVerifier(Verifier):
    """Attests whatever the contributor says, with its records in the place of a replay."""

    records: ClassVar[list] = []

    async def _examine(self, case, segments):
        found = await super()._examine(case, [])
        replayed = {
            record.segment: Replayed.from_json(record.segment, record.summarize())
            for record in self.records
        }
        return Examination(found.opening, replayed)
