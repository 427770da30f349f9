"""Verbs about datasets, keys and tasks."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.contract.early import NOBODY
from tests.contract.world import digest
from tests.support.scenario.base import Thing
from tests.support.scenario.seats import SeatVerbs
from tests.support.scenario.terms import POOL_PRICES, PRICES, make_terms, write_terms
from walrusd.core.lifecycle import KeyScope

DAY_S = 86_400
_SCOPES = {"train": KeyScope.TRAIN, "train+verify": KeyScope.TRAIN_AND_VERIFY}


class TaskVerbs(SeatVerbs):
    """Listing, granting, opening tasks, joining."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self.dataset = self._hold("dataset", self.world.dataset, "owner")
        self._caps: dict[Thing, Any] = {}

    # --- datasets and keys ----------------------------------------------------------------------

    def list_dataset(self, who: str = "owner", *, rows: int = 1_000) -> Thing:
        """Let somebody list a dataset. There is one of ``owner`` already: ``dataset``."""
        return self._hold("dataset", self.world.list_dataset(who, rows), who)

    def update_dataset(self, dataset: Thing | None = None) -> None:
        """Let the owner list another version of a dataset."""
        dataset = dataset or self.dataset
        args = 9, digest("manifest 2"), digest("rows 2"), 70, 8, digest("check 2")
        target = "dataset::add_version"
        self.world.call(target, dataset.who, self.world.market, self._get(dataset), *args)

    def request_key(
        self,
        who: str,
        *,
        dataset: Thing | None = None,
        task: Thing | None = None,
        scope: str = "train+verify",
        lifetime: float = DAY_S,
    ) -> Thing:
        """Let somebody ask for a dataset's key.

        ``scope`` is "train", or "train+verify", which joining needs, and which is for one task, by
        default the latest; ``lifetime`` is in seconds.
        """
        if scope == "train+verify":
            task = task or self._latest_task
        asked = self.world.request(
            who,
            dataset=self._get(dataset or self.dataset),
            task=self._ids[task] if task else NOBODY,
            scope=_SCOPES[scope],
            lifetime_ms=round(lifetime * 1000),
        )
        return self._hold("request", asked, who)

    def grant_key(self, request: Thing, by: str = "owner") -> None:
        """Let the owner give the key."""
        asked = self._get(request)
        self.world.grant(asked, by, task=self.world.objects.get(asked.task))

    def deny_key(self, request: Thing, by: str = "owner") -> None:
        """Let the owner refuse the key."""
        target = "dataset::deny_key"
        self.world.call(target, by, self.world.market, self._get(request), b"no")

    def expire_key(self, request: Thing, by: str = "crank") -> None:
        """Let anybody note that a request was not answered in time."""
        self.world.call("dataset::expire_key", by, self.world.market, self._get(request))

    def lapse_key(self, request: Thing, by: str = "crank") -> None:
        """Let anybody note that a request's task takes no contributors any more."""
        asked, world = self._get(request), self.world
        task = world.objects[asked.task]
        world.call("dataset::lapse_key", by, world.market, task, asked)

    # --- tasks ----------------------------------------------------------------------------------

    def make_terms(self, **changes: Any) -> dict[str, Any]:
        """Return terms by name, with defaults; amounts in Mist or "1.5 SUI", windows in seconds."""
        return make_terms(**changes)

    def open_task(
        self,
        terms: Mapping[str, Any] | None = None,
        *,
        publisher: str = "publisher",
        dataset: Thing | None = None,
        funds: int | None = None,
        **changes: Any,
    ) -> Thing:
        """Let somebody open a task under terms (of ``make_terms``), which it pays for."""
        made = write_terms(make_terms(terms or {}, **changes))
        approved = [self._ids[dataset or self.dataset]]
        world = self.world
        opened = world.open_task(made, funds, publisher, datasets=approved)
        task = self._hold("task", opened, publisher)
        self._caps[task] = world.publisher_cap
        self._latest_task = task
        return task

    def price(self, what: str, task: Thing | None = None) -> int:
        """Return, in Mist, what something costs or earns under a task's terms.

        "reward"; "stake" of a contributor, "lapse" (what it loses if it commits nothing), "late"
        (if it is late by all of the grace), "cancel" (what it gets if the task is cancelled); "seat
        stake", "seat fee", "juror fee"; "seat silence" and "juror silence" (what they lose);
        "accusation" (what an accuser loses that is refuted by all jurors, alternates too), "case"
        (what these get), "accuser" (what an accuser gets that is right); "tip" (what turning a
        crank earns). Without a task: "registration" (the fee that taking or renewing a seat burns),
        "deposit" (what a seat holds at first).
        """
        if what in POOL_PRICES:
            return POOL_PRICES[what](self.world.pool.params)
        found = self._task(task)
        return int(found.tip if what == "tip" else PRICES[what](found.terms))

    def join(self, who: str, *, task: Thing | None = None, request: Thing | None = None) -> Thing:
        """Let somebody stake on a task, with a key that was granted, by default on the spot."""
        found = self._task(task)
        (dataset,) = (t for t, i in self._ids.items() if i == found.datasets[0].dataset)
        if request is None:
            asked_for = task or self._latest_task
            request = self.request_key(who, dataset=dataset, task=asked_for)
            self.grant_key(request, dataset.who)
        joined = self.world.join(who, self._get(request), dataset=self._get(dataset))
        return self._hold("submission", joined, who)

    def close_joining(self, task: Thing | None = None, by: str = "crank") -> None:
        """Let anybody end the joining, once its window is over or the task is full."""
        self._task(task)
        self.world.close_joining(by)

    def cancel(self, task: Thing | None = None) -> None:
        """Let the publisher cancel a task whose joining is not closed."""
        task = task or self._latest_task
        self._task(task)
        self.world.cancel(task.who, self._caps[task])

    def reclaim(self, task: Thing | None = None) -> int:
        """Let the publisher take back what is not spent; return the Mist."""
        task = task or self._latest_task
        self._task(task)
        return int(self.world.reclaim(task.who, self._caps[task]))

    def aggregate(self, task: Thing | None = None, *, parts: Iterable[Thing] | None = None) -> None:
        """Let the publisher record the sum of what was accepted, or of some ``parts``."""
        task, world = task or self._latest_task, self.world
        found = self._task(task)
        chosen = (
            found.accepted if parts is None else sum(1 << self._get(part).number for part in parts)
        )
        args = self._caps[task], found, chosen, digest("root"), digest("blindings"), 5
        world.call("task::record_aggregate", task.who, world.market, *args)
