"""Open tasks, and publish the weighted sum of what was accepted."""

import hashlib
from pathlib import Path
from typing import Any

import trio

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.aggregate import Aggregate
from walrusd.core.economics import compute_required_funds
from walrusd.core.lifecycle import Scheme, TaskPhase
from walrusd.core.manifest import PaillierOffer, TaskManifest
from walrusd.core.terms_review import review_terms
from walrusd.crypto.envelope import derive_public_key
from walrusd.crypto.vfile.scheme_checks import compute_modulus_context
from walrusd.engine.service import Service
from walrusd.engine.tools import Tools
from walrusd.errors import (
    BadRequest,
    InsufficientBalance,
    MalformedData,
    ObjectNotFound,
    PlanRefused,
)
from walrusd.files import write_atomically
from walrusd.market.aggregate import AggregateChecker, read_accepted
from walrusd.market.anchors import check_dataset_for_plan
from walrusd.market.case import read_tasks, read_version
from walrusd.market.fetch import Fetcher
from walrusd.market.limits import (
    check_run_length,
    check_storage,
    check_weights_size,
    make_work_shape,
    measure_published,
    show_parts,
)
from walrusd.market.schemes import compute_slot_bits
from walrusd.market.secrets import derive_paillier_seed
from walrusd.services.publisher.aggregator import Aggregator
from walrusd.services.publisher.estimate import check_terms, make_rules, show_warnings
from walrusd.services.publisher.pretrained import adopt_folder
from walrusd.services.publisher.task_request import (
    check_names,
    digest_request,
    read_datasets,
    read_given_weights,
    read_key_bits,
    read_parent,
    read_title,
)
from walrusd.services.publisher.terms import read_terms
from walrusd.state.protection import Begun
from walrusd.training.plan.plan import Plan, read_plan
from walrusd.training.run.jobs import AggregateJob, InitJob
from walrusd.training.run.weights import compute_state_root_0, weights_from_bytes
from walrusd.units import BlobId, Mist, address_bytes, format_sui
from walrusd.workers.paillier import make_key
from walrusd.workers.pool import run_heavy


class Publisher(Service):
    """Everything a publisher's daemon does: ``publish`` on request, the rest by itself."""

    name = "publisher"

    def __init__(self, tools: Tools, fetcher: Fetcher, checker: AggregateChecker) -> None:
        super().__init__(tools)
        self._fetcher = fetcher
        self._checker = checker
        self._aggregator = Aggregator(tools, fetcher, self.name)

    # --- opening a task -----------------------------------------------------------------------

    async def publish(self, params: dict[str, Any]) -> dict[str, Any]:
        """Store model and plan, then open a task. The same parameters open it once.

        A parameter ``again`` with any text makes an intended second task another one.

        Terms under which cheating would pay come back as warnings.

        Raises:
            BadRequest, PlanRefused, ModelRefused: if the parameters make no task.
            NotAllowed: if the terms are weak and the policy refuses such.
            InsufficientBalance: if the reward and fees are not at hand.
            BlobOverLimit: if a part of the task would be too large to be stored.
        """
        tools = self.tools
        check_names(params)
        params = await adopt_folder(params, tools.work_dir)
        plan = read_plan(params.get("plan"))
        terms = read_terms(params.get("terms"), plan)
        datasets = read_datasets(params.get("datasets"))
        title, parent = read_title(params), read_parent(params)
        given = await read_given_weights(params)
        once = f"open_task:{digest_request(params, given)}"
        executed = await tools.contract.find_done(once)
        market = await tools.contract.market()
        weak = review_terms(make_rules(terms, market.params.accuser_share_bps))
        parts: list[dict[str, object]] = []
        if executed is None:
            check_terms(weak, refuse=tools.settings.policy.refuse_weak_terms)
            funds = compute_required_funds(
                max_submissions=terms.max_submissions,
                reward=terms.reward,
                committee=terms.committee,
                verifier_fee=terms.verifier_fee,
                jury=terms.jury,
                juror_fee=terms.juror_fee,
                tip=market.params.tip,
                publisher_bond=terms.publisher_bond,
            )
            await self._check_balance(funds)
            check_run_length(plan)
            rows = await self._check_datasets(plan, datasets)
            shape = make_work_shape(terms, plan, rows, read_key_bits(params))
            storage = measure_published(title, plan, shape, tools.settings.walrus)
            check_storage(storage)
            parts = show_parts(storage)
            offer = await self._offer_key(terms, plan, params, once)
            manifest, blob, state_root_0 = await self._store(plan, params, given, title, offer)
            executed = await tools.contract.open_task(
                terms,
                funds=funds,
                publisher_key=derive_public_key(tools.keys.encryption_key),
                manifest_blob=blob,
                manifest_digest=manifest.digest(),
                state_root_0=state_root_0,
                plan_digest=plan.digest(),
                parent=parent,
                datasets=datasets,
                once=once,
            )
        opened = ev.TaskOpened.from_bcs(executed.emitted("events::TaskOpened")[0].contents)
        task = await tools.contract.task(opened.task)
        funds = Mist(task.pool + task.bond + task.tips)
        if not tools.journal.why(opened.task, limit=1):
            tools.journal.record(
                opened.task,
                self.name,
                "published",
                " ".join(["The owner asked for it.", *(each.sentence for each in weak)]),
                title=title,
            )
        return {
            "task": opened.task,
            "digest": executed.digest,
            "funds": funds,
            "warnings": show_warnings(weak),
            "parts": parts,
        }

    async def _check_balance(self, funds: Mist) -> None:
        balance = await self.tools.contract.balance(self.tools.address)
        if balance < funds:
            raise InsufficientBalance(
                f"opening this task takes {format_sui(funds)}, "
                f"{self.tools.address} has {format_sui(balance)}"
            )

    async def _check_datasets(self, plan: Plan, datasets: list[ob.DatasetRef]) -> int:
        """Look whether anybody could train: the contract takes any id, and nobody would join.

        Return the number of rows of the largest.
        """
        rows = 0
        for ref in datasets:
            try:
                version = read_version(await self.tools.contract.dataset(ref.dataset), ref.number)
                check_dataset_for_plan(plan, version)
                rows = max(rows, version.rows)
            except (ObjectNotFound, MalformedData, PlanRefused) as error:
                raise BadRequest(
                    f"dataset {ref.dataset} does not do for this plan: {error.message}",
                    hint="see `walrusctl dataset show`",
                ) from error
        return rows

    async def _offer_key(
        self, terms: ob.Terms, plan: Plan, params: dict[str, Any], once: str
    ) -> PaillierOffer | None:
        """Return the key of a Paillier task: derived from what names the request, so the same."""
        bits = read_key_bits(params)
        if terms.scheme != Scheme.PAILLIER:
            return None
        compute_slot_bits(terms, plan)
        key_id = hashlib.sha256(once.encode()).digest()
        seed = derive_paillier_seed(self.tools.keys, key_id)
        market = await self.tools.contract.market()
        context = compute_modulus_context(market.chain_id, address_bytes(market.package))
        modulus, proof = await run_heavy(make_key, seed, bits, context)
        return PaillierOffer(modulus, proof, key_id)

    async def _store(
        self,
        plan: Plan,
        params: dict[str, Any],
        given: bytes | None,
        title: str,
        offer: PaillierOffer | None,
    ) -> tuple[TaskManifest, BlobId, bytes]:
        tools, text = self.tools, plan.to_bytes().decode("ascii")
        weights, state_root_0 = await self._initial_weights(plan, params, given)
        check_weights_size(plan, (await trio.Path(weights).stat()).st_size)
        stored = await tools.store.put_file(weights, epochs=tools.settings.walrus.epochs)
        manifest = TaskManifest(title, text, stored.blob_id, stored.digest, offer)
        blob = await tools.store.put(manifest.to_bytes(), epochs=tools.settings.walrus.epochs)
        return manifest, blob.blob_id, state_root_0

    async def _initial_weights(
        self, plan: Plan, params: dict[str, Any], given: bytes | None
    ) -> tuple[Path, bytes]:
        """Return the weights to start from: given by the owner, or made from the plan's seed."""
        if given is not None:
            root = compute_state_root_0(plan, weights_from_bytes(plan, given))
            return Path(params["weights_path"]), root
        workdir = self.tools.work_dir / "init" / plan.digest().hex()
        workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        plan_path = workdir / "plan.json"
        write_atomically(plan_path, plan.to_bytes())
        made = await self.tools.run_job(InitJob(str(plan_path), str(workdir)), _ignore)
        return Path(made["weights"]), bytes.fromhex(made["state_root_0"])

    # --- after settlement -----------------------------------------------------------------------

    async def reconcile(self) -> None:
        """Aggregate what has settled; take back what was not spent."""
        for task in await read_tasks(self.tools):
            if task.publisher != self.tools.address:
                continue

            async def finish(task: ob.Task = task) -> None:
                await self._finish(task)

            await self.undertake(task.id, finish)

    async def _finish(self, task: ob.Task) -> None:
        done = {TaskPhase.SETTLED, TaskPhase.AGGREGATED, TaskPhase.VOID}
        if task.phase in done and task.pool + task.bond + task.tips > 0:
            # Before the aggregate: that may wait for a key which never comes.
            await self.tools.contract.reclaim(task.id)
            self.tools.journal.record(
                task.id, self.name, "reclaimed", "the task has ended, this was not spent"
            )
        if task.phase == TaskPhase.SETTLED and task.accepted >= task.terms.k_min:
            await self._aggregate(task)
        elif task.phase == TaskPhase.AGGREGATED:
            await self._apply(task)

    async def _aggregate(self, task: ob.Task) -> None:
        tools = self.tools
        accepted = await read_accepted(tools, task)
        summed = await self._aggregator.sum(task, accepted)
        if summed is None:
            return  # a key has not reached us yet
        vector, openings = summed
        parts = tuple((address_bytes(sub.id), sub.weight) for sub in accepted)
        aggregate = Aggregate(vector, openings, parts)
        epochs = tools.settings.walrus.epochs
        stored = await tools.store.put(aggregate.to_bytes(), epochs=epochs, try_anyway=True)
        with tools.database.transaction():
            begun = tools.protection.begin(f"aggregate:{task.id}", aggregate.root)
            if begun is Begun.FRESH:
                tools.journal.record(
                    task.id,
                    self.name,
                    "aggregated",
                    f"{len(accepted)} submissions were accepted",
                    root=aggregate.root.hex(),
                )
        await tools.contract.record_aggregate(
            task.id,
            root=aggregate.root,
            blindings_root=aggregate.openings_root,
            blob=stored.blob_id,
        )
        tools.protection.done(f"aggregate:{task.id}")

    async def _apply(self, task: ob.Task) -> None:
        """Make the new model, once: the old weights plus the weighted mean of the updates."""
        tools = self.tools
        if tools.records.get("models", task.id) is not None:
            return
        verified = await self._checker.verify(task)
        workdir = tools.work_dir / "aggregate" / task.id
        workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        sum_path = workdir / "sum.bin"
        write_atomically(sum_path, verified.aggregate.vector)
        result = await tools.run_job(
            AggregateJob(
                plan=str(await self._fetcher.plan_file(task)),
                workdir=str(workdir),
                weights=str(await self._fetcher.weights_of(task)),
                weighted_sum=str(sum_path),
                total_weight=verified.total_weight,
            ),
            _ignore,
        )
        tools.records.put("models", task.id, result)
        tools.broadcast.publish("model", task=task.id, **result)


async def _ignore(_kind: str, _payload: dict[str, Any]) -> None:
    """Progress of a job that takes a moment."""
