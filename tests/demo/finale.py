"""After the last transaction: verify, measure, and count every Mist."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import trio

from tests.demo import task as script
from tests.demo.audit import (
    BURN,
    Account,
    Rules,
    Supply,
    compute_accounts,
    find_discrepancies,
)
from tests.demo.board import Board
from tests.demo.cast import PUBLISHER, Cast
from tests.demo.control import RefusedError, run_ctl
from tests.demo.observer import Observer
from tests.demo.phases import Phases
from tests.demo.report import Report, SubmissionLine
from tests.demo.world import DemoWorld
from tests.support.guards import GUARD_S
from tests.support.patience import patiently
from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.chain.values.bcs import Layout
from walrusd.core.lifecycle import EndReason, SubmissionState
from walrusd.engine.training_backend import ChildTraining
from walrusd.settings.model import Role
from walrusd.storage.blobid import format_blob_id
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.jobs import EvaluateJob, InitJob, JobLimits, RowsFile
from walrusd.units import BlobId

QUIET_S = 1.5
"""No transaction for so long: everybody has collected what is theirs."""


class FinaleScene(Protocol):
    """What the end of the demonstration needs to see."""

    cast: Cast
    board: Board
    world: DemoWorld
    observer: Observer
    task: str


@dataclass(frozen=True)
class Books:
    """Balances of all accounts, and the devnet's count, at one moment. In Mist."""

    balances: dict[str, int]
    supply: Supply


async def read_books(world: DemoWorld, observer: Observer) -> Books:
    """Read the balances of every account that the devnet prefunded, and its supply."""
    addresses = [account["address"] for account in world.network["accounts"]]
    balances = {address: await observer.balance(address) for address in addresses}
    return Books(dict(balances), Supply.from_json(await world.admin("/supply")))


async def examine(scene: FinaleScene, phases: Phases, before: Books) -> Report:
    """Return the report; called once the aggregate is recorded."""
    verified = await _verify_aggregate(scene)
    await _wait_for_claims(scene)
    phases.begin("examine", "Verifying a file offline, measuring accuracy, counting coins")
    file_verified = await _verify_file(scene)
    accuracy_before, accuracy_after = await _measure(scene)
    report = Report(
        seed=scene.cast.seed,
        accuracy_before=accuracy_before,
        accuracy_after=accuracy_after,
        aggregate_verified=verified,
        file_verified=file_verified,
        loss_curves=await _read_curves(scene),
    )
    await _count(scene, report, before)
    phases.end()
    report.seconds = phases.seconds
    return report


async def _read_curves(scene: FinaleScene) -> dict[str, list[float]]:
    """Return the loss of every step that each contributor has committed to, by its own daemon."""
    curves = {}
    for daemon in scene.world.with_role(Role.CONTRIBUTOR):
        costs = (await daemon.control.ctl("task", "costs", scene.task))["costs"]
        (mine,) = [cost for cost in costs if cost["contributor"] == daemon.address]
        curves[daemon.name] = mine["losses"]
    return curves


async def _verify_aggregate(scene: FinaleScene) -> bool:
    """Let an honest contributor's daemon verify the aggregate, with challenges it draws."""
    honest = [d for d in scene.world.with_role(Role.CONTRIBUTOR) if not d.actor.cheats]
    checker = honest[0]
    scene.board.tell(checker.name, "verifies the aggregate")
    try:
        answer = await checker.control.ctl("task", "aggregate", scene.task)
    except RefusedError as error:
        scene.board.tell(checker.name, f"could not verify the aggregate: {error}")
        return False
    verified = answer["verified"] is True and len(answer["submissions"]) == len(honest)
    scene.board.tell(checker.name, f"verified the aggregate of {len(answer['submissions'])}")
    return verified and await _verify_aggregate_as_anyone(scene, len(honest))


async def _verify_aggregate_as_anyone(scene: FinaleScene, accepted: int) -> bool:
    """Verify it once more without a daemon, from what chain and Walrus show to everybody."""
    network = scene.world.directory / "network.json"
    network.write_text(json.dumps(scene.world.network))
    scene.board.tell("anyone", "verifies the aggregate without a daemon")
    try:
        found = await run_ctl("verify", "aggregate", scene.task, "--network", str(network))
    except RefusedError as error:
        scene.board.tell("anyone", f"the aggregate does not verify: {error}")
        return False
    scene.board.tell("anyone", f"{len(found['checks'])} checks of the aggregate hold")
    return found["valid"] is True and len(found["submissions"]) == accepted


async def _wait_for_claims(scene: FinaleScene) -> None:
    """Return once nothing is owed to anybody and no transaction has come for a while."""
    publisher = scene.world.daemons[PUBLISHER]
    scene.board.tell("everybody", "collects what is theirs")
    await publisher.wait_ready()
    quiet, height = 0.0, -1
    while quiet < QUIET_S:
        task, submissions = await scene.observer.task(scene.task)
        owed = task.credits or any(submission.credits for submission in submissions)
        left = task.funds + task.bond + task.tips
        model = (await publisher.control.call("task.show", task=scene.task))["model"]
        now = await scene.observer.height()
        quiet = 0.0 if owed or left or model is None or now != height else quiet + 0.3
        height = now
        await trio.sleep(0.3)


async def _verify_file(scene: FinaleScene) -> bool:
    """Download an accepted contributor's verification file and check it without any daemon."""
    _task, submissions = await scene.observer.task(scene.task)
    accepted = [sub for sub in submissions if sub.state == SubmissionState.ACCEPTED]
    if not accepted or accepted[0].commitment is None:
        return False
    commitment = accepted[0].commitment
    name = format_blob_id(BlobId(commitment.file_blob))
    async with httpx.AsyncClient(timeout=GUARD_S) as client:
        answer = await client.get(f"{scene.world.network['walrus_url']}/v1/blobs/{name}")
    answer.raise_for_status()
    scene.board.tell("offline", "verifies a verification file")
    path = scene.world.directory / "verification-file"
    path.write_bytes(answer.content)
    try:
        checked = await run_ctl("verify", str(path), "--digest", commitment.file_digest.hex())
    except RefusedError as error:
        scene.board.tell("offline", f"the verification file fails: {error}")
        return False
    scene.board.tell(
        "offline",
        f"{sum(c['ok'] is True for c in checked['checks'])} checks of a verification file hold",
    )
    return checked["valid"] is True and checked["anchored"] is True


async def _measure(scene: FinaleScene) -> tuple[float, float]:
    """Return the accuracy on held-out rows of the first weights and of the aggregated ones."""
    workdir = scene.world.directory / "evaluation"
    workdir.mkdir()
    plan = workdir / "plan.json"
    plan.write_bytes(read_plan(script.make_plan(scene.cast.init_seed)).to_bytes())
    rows = workdir / "held-out.bin"
    rows.write_bytes(scene.cast.held_out)
    shown = await scene.world.daemons[PUBLISHER].control.ctl("task", "show", scene.task)
    scene.board.tell("offline", "measures the accuracy before and after")
    backend = ChildTraining()
    first = await backend.run(InitJob(str(plan), str(workdir / "init")), _ignore)
    if first["state_root_0"] != shown["state_root_0"]:
        raise AssertionError("the task did not start from the plan's own weights")

    async def measure(weights: str) -> float:
        job = EvaluateJob(str(plan), weights, RowsFile(str(rows)), JobLimits(threads=1))
        return float((await backend.run(job, _ignore))["accuracy"])

    return await measure(first["weights"]), await measure(shown["model"]["weights"])


async def _ignore(_kind: str, _payload: dict[str, Any]) -> None:
    """Progress of a job that takes a moment."""


async def _count(scene: FinaleScene, report: Report, before: Books) -> None:
    """Fill in who got what, and whether it all adds up."""
    world, observer = scene.world, scene.observer
    scene.board.tell("offline", "counts every Mist")
    market, pool = await patiently(observer.reader.market), await observer.pool()
    rules = Rules(market.params.tip, pool.params)
    task, submissions = await observer.task(scene.task)
    while True:
        height = await observer.height()
        transactions = await observer.transactions()
        after = await read_books(world, observer)
        burned = await observer.balance(BURN)
        if await observer.height() == height:
            break  # no transaction came between two of these reads
    report.discrepancies = find_discrepancies(
        transactions,
        rules=rules,
        before=before.balances,
        after=after.balances,
        burned=burned,
        supply_before=before.supply,
        supply_after=after.supply,
    )
    report.burned = burned
    report.gas = sum(transaction.gas for transaction in transactions)
    told = Told([event for transaction in transactions for event in transaction.events])
    names = {d.address: d.name for d in world.daemons.values()}
    nets = {a: after.balances[a] - before.balances[a] for a in before.balances}
    report.submissions = [
        _describe(sub, told, names, nets, scene.cast.cheat.name, task.terms.stake)
        for sub in submissions
    ]
    accounts = compute_accounts(transactions, rules)
    report.verifier_nets = {
        d.name: accounts.get(d.address, Account()).net + script.SEATS * pool.params.stake
        for d in world.with_role(Role.VERIFIER)
    }


class Told:
    """What the chain has told of each submission: its end, its last case, and who judged it."""

    def __init__(self, events: Sequence[Layout]) -> None:
        self.ends = {e.submission: e for e in events if isinstance(e, ev.SubmissionEnded)}
        self.cases = {e.submission: e for e in events if isinstance(e, ev.CaseOpened)}
        self.juries = {e.submission: e for e in events if isinstance(e, ev.JurySeated)}


def _describe(
    submission: ob.Submission,
    told: Told,
    names: dict[str, str],
    nets: dict[str, int],
    cheat: str,
    stake: int,
) -> SubmissionLine:
    ending, case = told.ends[submission.id], told.cases.get(submission.id)
    jury = told.juries.get(submission.id)
    name = names[submission.contributor]
    return SubmissionLine(
        name=name,
        contributor=submission.contributor,
        cheated=name == cheat,
        outcome=SubmissionState(ending.state).name.lower(),
        reason=EndReason(ending.reason).name.lower(),
        verifiers=tuple(names[seat.verifier] for seat in submission.committee),
        accuser=None if case is None else names.get(case.accuser, "an audit"),
        jurors=() if jury is None else tuple(names[juror] for juror in jury.jurors),
        stake=stake,
        payout=ending.payout,
        net=nets[submission.contributor],
    )
