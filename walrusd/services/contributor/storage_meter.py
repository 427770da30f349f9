"""What a contributor has to store for a task, measured once for each task."""

from collections import OrderedDict

from walrusd.chain.layouts import objects as ob
from walrusd.core.sizes import Storage, list_contributed
from walrusd.engine.tools import Tools
from walrusd.market.case import read_version
from walrusd.market.fetch import Fetcher
from walrusd.market.limits import (
    check_run_length,
    make_storage,
)
from walrusd.market.sealing import compute_cut
from walrusd.market.verified import make_work_shape, read_modulus_bits

KEPT = 4096
"""Tasks whose sizes are cached: terms, plans and dataset versions never change."""


class StorageMeter:
    """Measures the parts of tasks for a contributor."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher
        self._known: OrderedDict[str, Storage] = OrderedDict()

    async def measure(self, task: ob.Task, ref: ob.DatasetRef) -> Storage:
        """Return the parts of work for ``task`` on one of its datasets.

        Raises:
            MalformedData, PlanRefused, PaillierKeyRefused: if the task's manifest is invalid, or
                the dataset has no such version.
            ObjectNotFound: if the dataset does not exist.
            StorageUnreachable, BlobNotFound: if the manifest cannot be read now.
        """
        name = f"{task.id}:{ref.dataset}:{ref.number}"
        if name not in self._known:
            verified = await self._fetcher.plan_of(task)
            plan = verified.plan
            check_run_length(plan)
            version = read_version(await self._tools.contract.dataset(ref.dataset), ref.number)
            bits = read_modulus_bits(verified.manifest)
            walrus = self._tools.settings.walrus
            shape = make_work_shape(task.terms, plan, version.rows, bits)
            self._known[name] = make_storage(list_contributed(shape, compute_cut(walrus)), walrus)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[name]
