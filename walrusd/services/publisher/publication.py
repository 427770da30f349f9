"""Open a task: check the request, store model and plan, deposit the funds."""

import hashlib
from pathlib import Path
from typing import Any

import trio

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.chain.values.types import ExecutedTransaction
from walrusd.core.deposits import compute_funds
from walrusd.core.lifecycle import Scheme
from walrusd.core.manifest import PaillierOffer, TaskManifest
from walrusd.core.protocol import PROGRAM_ROOT
from walrusd.core.secrets import derive_paillier_seed
from walrusd.core.terms_review import Weakness, review_terms
from walrusd.crypto.envelopes.contexts import PublisherContext
from walrusd.crypto.vfile.scheme_checks import compute_modulus_context
from walrusd.engine.jobs import run_training_job
from walrusd.engine.tools import Tools
from walrusd.errors import (
    BadRequest,
    MalformedData,
    ObjectNotFound,
    PlanRefused,
)
from walrusd.files import write_atomically
from walrusd.market.case import read_version
from walrusd.market.envelopes import prove_own_keys
from walrusd.market.limits import (
    check_run_length,
    check_storage,
    check_weights_size,
    measure_published,
    show_parts,
)
from walrusd.market.verified import (
    check_dataset_for_plan,
    compute_slot_bits,
    make_work_shape,
)
from walrusd.runtime.pool import run_heavy
from walrusd.services.publisher.estimate import (
    check_terms,
    make_rules,
    show_rings,
    show_warnings,
)
from walrusd.services.publisher.pretrained import adopt_folder
from walrusd.services.publisher.preview import (
    Bill,
    check_capacity,
    check_rules,
    show_capacity,
    show_preview,
)
from walrusd.services.publisher.task_request import TaskRequest, check_names, read_request
from walrusd.training.plan.plan import Plan
from walrusd.training.run.jobs import InitJob
from walrusd.training.run.weights import compute_state_root_0, weights_from_bytes
from walrusd.units import BlobId, Mist, address_bytes
from walrusd.workers.paillier import make_key


class Publication:
    """Opens tasks, each request once."""

    def __init__(self, tools: Tools, user: str) -> None:
        """Take the collaborators; ``user`` names the service, for the journal."""
        self._tools = tools
        self._user = user

    async def publish(self, params: dict[str, Any]) -> dict[str, Any]:
        """Store model and plan, then open a task. The same parameters open it once.

        A parameter ``again`` with any text opens an intended second task.

        Terms under which cheating would pay come back as warnings.

        Raises:
            BadRequest, PlanRefused, ModelRefused: if the parameters make no task.
            TermsRefused: if the contract would refuse the terms.
            NotAllowed: if the terms are weak and the policy refuses such.
            InsufficientBalance: if the balance does not cover deposit and gas.
            PoolUnfit: if too few seats of the pool can serve the task.
            BlobOverLimit: if a part of the task would be too large to be stored.
        """
        tools = self._tools
        request = await self._read(params)
        executed = await tools.contract.find_done(request.once)
        market = await tools.contract.market()
        weak = review_terms(make_rules(request.terms))
        parts: list[dict[str, object]] = []
        if executed is None:
            pool = await self._read_pool()
            bill = await self._check_request(request, market, pool, weak)
            bill.check(tools.address)
            check_capacity(request.terms, pool, tools.clock.now_ms())
            parts = await self._check_parts(request)
            executed = await self._open(request, market, pool.id, bill.funds)
        opened = _read_opened(executed)
        task = await tools.contract.task(opened.task)
        self._journal(opened.task, request, weak)
        return {
            "task": opened.task,
            "digest": executed.digest,
            "locked_mist": task.funds + task.bond + task.tips,
            "warnings": show_warnings(weak),
            "parts": parts,
        }

    async def preview(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what publishing would lock, cost and take. Nothing is stored or sent.

        A balance that is too small is told, not refused: its owner asks how much is needed.

        Raises:
            BadRequest, PlanRefused, ModelRefused, TermsRefused, NotAllowed, PoolUnfit,
            BlobOverLimit: as :meth:`publish`.
        """
        tools = self._tools
        request = await self._read(params)
        market = await tools.contract.market()
        weak = review_terms(make_rules(request.terms))
        pool = await self._read_pool()
        bill = await self._check_request(request, market, pool, weak)
        capacity = check_capacity(request.terms, pool, tools.clock.now_ms())
        rings = await trio.to_thread.run_sync(
            show_rings, make_rules(request.terms), capacity.census.fit
        )
        parts = await self._check_parts(request)
        done = await tools.contract.find_done(request.once)
        opened = None if done is None else _read_opened(done).task
        return {
            "title": request.title,
            "already_open": opened,
            "pool": pool.id,
            **show_capacity(capacity),
            **show_preview(request.terms, market.params.tip, bill, weak),
            "rings": rings,
            "parts": parts,
        }

    def _journal(self, task: str, request: TaskRequest, weak: tuple[Weakness, ...]) -> None:
        if not self._tools.journal.why(task, limit=1):
            self._tools.journal.record(
                task,
                self._user,
                "published",
                " ".join(["The owner asked for it.", *(each.sentence for each in weak)]),
                title=request.title,
            )

    # --- before anything is spent ---------------------------------------------------------------

    async def _read(self, params: dict[str, Any]) -> TaskRequest:
        check_names(params)
        return await read_request(await adopt_folder(params, self._tools.files.work))

    async def _read_pool(self) -> ob.VerifierPool:
        """Return the pool that new tasks are for, as it is now."""
        contract = self._tools.contract
        pool = contract.pool_ids[0]
        contract.forget(pool)
        return await contract.pool(pool)

    async def _check_request(
        self,
        request: TaskRequest,
        market: ob.Market,
        pool: ob.VerifierPool,
        weak: tuple[Weakness, ...],
    ) -> Bill:
        """Check the terms by the contract's rules and the policy's; return what they cost."""
        tools = self._tools
        check_rules(request.terms, market, pool)
        check_terms(weak, refuse=tools.settings.policy.refuse_weak_terms)
        return Bill(
            funds=compute_funds(vars(request.terms), market.params.tip),
            bond=Mist(request.terms.publisher_bond),
            gas_budget=tools.settings.sui.gas_budget,
            balance=await tools.contract.balance(tools.address),
        )

    async def _check_parts(self, request: TaskRequest) -> list[dict[str, object]]:
        """Check that every part of the task can be stored; return their sizes and limits."""
        plan, walrus = request.plan, self._tools.settings.walrus
        check_run_length(plan)
        rows = await self._check_datasets(plan, request.datasets)
        shape = make_work_shape(request.terms, plan, rows, request.key_bits)
        storage = measure_published(request.title, plan, shape, walrus)
        check_storage(storage)
        return show_parts(storage)

    async def _check_datasets(self, plan: Plan, datasets: tuple[ob.DatasetRef, ...]) -> int:
        """Check that the plan can train on each dataset; return the rows of the largest.

        The contract takes any id, but no one would join.
        """
        rows = 0
        for ref in datasets:
            try:
                version = read_version(await self._tools.contract.dataset(ref.dataset), ref.number)
                check_dataset_for_plan(plan, version)
                rows = max(rows, version.rows)
            except (ObjectNotFound, MalformedData, PlanRefused) as error:
                raise BadRequest(
                    f"dataset {ref.dataset} cannot be used with this plan: {error.message}",
                    hint="see `walrusctl dataset show`",
                ) from error
        return rows

    # --- opening --------------------------------------------------------------------------------

    async def _open(
        self, request: TaskRequest, market: ob.Market, pool: str, funds: Mist
    ) -> ExecutedTransaction:
        tools = self._tools
        offer = await self._offer_key(request)
        manifest, blob, state_root_0 = await self._store(request, offer)
        context = PublisherContext(
            chain_id=market.chain_id,
            package=address_bytes(market.package),
            market=address_bytes(market.id),
            owner=address_bytes(tools.address),
        )
        return await tools.contract.open_task(
            request.terms,
            pool=pool,
            funds=funds,
            keys=prove_own_keys(tools.keys, context),
            manifest_blob=blob,
            manifest_digest=manifest.digest(),
            state_root_0=state_root_0,
            plan_digest=request.plan.digest(),
            program_root=PROGRAM_ROOT,
            parent=request.parent,
            datasets=list(request.datasets),
            once=request.once,
        )

    async def _offer_key(self, request: TaskRequest) -> PaillierOffer | None:
        """Return the key of a Paillier task, derived from the request: the same at every try."""
        if request.terms.scheme != Scheme.PAILLIER:
            return None
        compute_slot_bits(request.terms, request.plan)
        key_id = hashlib.sha256(request.once.encode()).digest()
        seed = derive_paillier_seed(self._tools.keys, key_id)
        market = await self._tools.contract.market()
        context = compute_modulus_context(market.chain_id, address_bytes(market.package))
        modulus, proof = await run_heavy(make_key, seed, request.key_bits, context)
        return PaillierOffer(modulus, proof, key_id)

    async def _store(
        self, request: TaskRequest, offer: PaillierOffer | None
    ) -> tuple[TaskManifest, BlobId, bytes]:
        """Store weights and manifest; return the manifest, its blob, and the first state root."""
        store, epochs = self._tools.store, self._tools.settings.walrus.epochs
        text = request.plan.to_bytes().decode("ascii")
        weights, state_root_0 = await self._find_initial_weights(request)
        check_weights_size(request.plan, (await trio.Path(weights).stat()).st_size)
        stored = await store.put_file(weights, epochs=epochs)
        manifest = TaskManifest(request.title, text, stored.blob_id, stored.digest, offer)
        blob = await store.put(manifest.to_bytes(), epochs=epochs)
        return manifest, blob.blob_id, state_root_0

    async def _find_initial_weights(self, request: TaskRequest) -> tuple[Path, bytes]:
        """Return the file of the initial weights, given or made from the seed, and their root."""
        plan = request.plan
        if request.weights is None or request.weights_path is None:
            return await make_initial_weights(self._tools, plan)
        root = compute_state_root_0(plan, weights_from_bytes(plan, request.weights))
        return request.weights_path, root


async def make_initial_weights(tools: Tools, plan: Plan) -> tuple[Path, bytes]:
    """Make the weights of a plan's seed; return their file and the root of the first state."""
    workdir = tools.files.work / "init" / plan.digest().hex()
    workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan_path = workdir / "plan.json"
    write_atomically(plan_path, plan.to_bytes())
    made = await run_training_job(tools, InitJob(str(plan_path), str(workdir)))
    return Path(made["weights"]), bytes.fromhex(made["state_root_0"])


def _read_opened(executed: ExecutedTransaction) -> ev.TaskOpened:
    return ev.TaskOpened.from_bcs(executed.emitted("events::TaskOpened")[0].contents)
