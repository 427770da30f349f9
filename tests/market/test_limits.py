"""Nothing is opened, asked for or staked whose parts storage cannot take."""

import dataclasses
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from tests.support.market.bench import (
    DATASET,
    REQUEST,
    TASK,
    Network,
    decisions,
    make_api,
    make_staker,
)
from tests.support.market.spec import Play
from tests.support.market.world import make_plan
from tests.support.refusals import refused
from walrusd.core.lifecycle import SubmissionState
from walrusd.core.sizes import LOSS_DEFINITION_BYTES, compute_opening_manifest_size
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.errors import BlobOverLimit, PlanRefused
from walrusd.market.aggregate import AggregateChecker
from walrusd.market.fetch import Fetcher
from walrusd.market.verified import (
    compute_file_limit,
    compute_opening_limit,
    make_opening_shape,
)
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.trainer import Trainer
from walrusd.services.publisher.publisher import Publisher
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.weights import init_weights, weights_from_bytes, weights_to_bytes
from walrusd.units import normalize_address

ADAMW = {
    "kind": "adamw", "lr": "0.01", "beta1": "0.9", "beta2": "0.95", "epsilon": "1e-8",
    "weight_decay": "0.01",
}  # fmt: skip


def wide_plan(*hidden: int, **changes):
    plan = make_plan(segments=4, segment_steps=2)
    plan["model"] = {**plan["model"], "hidden": list(hidden)}
    return {**plan, **changes}


@pytest.fixture(scope="module")
def wide() -> Network:
    """A task whose states of 2.4 MB are cut into blobs, which not every publisher takes."""
    return Network(plan=read_plan(wide_plan(4000)))


@contextmanager
def contributor(net: Network, path: Path, max_blob_bytes: int = 1_000_000, **policy):
    """A contributor of it whose publishers take less than the smallest part of a piece."""
    with net.daemon(path, "c", **policy) as tools:
        yield with_walrus(tools, max_blob_bytes=max_blob_bytes)


async def test_a_contributor_does_not_even_ask_for_the_key(tmp_path: Path, wide: Network) -> None:
    with contributor(wide, tmp_path) as tools:
        decision = await make_staker(tools).estimate(wide.task)
        (refused,) = [v for v in decision.verdicts if not v.ok]
        assert refused.rule == "storage"
        assert "The piece of the opening needs 1,048,576" in refused.sentence
        assert "at most 1,000,000" in refused.sentence
        assert decision.binding_refusals == (refused.sentence,)
        await make_staker(tools).run_once()
        assert decisions(tools, TASK) == ["decline"]
        assert not tools.contract.sent


async def test_the_owners_word_does_not_override_it(tmp_path: Path, wide: Network) -> None:
    """Not where only that speaks against the task, nor where the policy refuses it as well."""
    with contributor(wide, tmp_path, max_stake_per_task=1) as tools:
        wide.grant(tools.address, tools.keys.encryption_key)
        tools.records.put("stake_override", TASK, "join")
        await make_staker(tools).run_once()
        del wide.objects[REQUEST]
        assert not tools.contract.sent
        assert "The piece of the opening needs" in tools.records.get("decisions", TASK)[1]


async def test_the_owners_word_does_not_override_a_parent_that_fails(tmp_path: Path) -> None:
    net = Network()
    net.task.parent = normalize_address("0x77")
    with net.daemon(tmp_path, "c", max_stake_per_task=1) as tools:
        tools.records.put("stake_override", TASK, "join")
        await make_staker(tools).run_once()
        assert not tools.contract.sent
        assert "parent task does not verify" in tools.records.get("decisions", TASK)[1]


async def test_an_estimate_shows_the_numbers(tmp_path: Path, wide: Network) -> None:
    with contributor(wide, tmp_path, min_reward=10**18) as tools:
        shown = await make_api(tools).task_estimate(TASK)
        parts = {part["part"]: part for part in shown["parts"]}
        assert parts["piece of the opening"]["limit_bytes"] == 1_000_000
        assert not parts["piece of the opening"]["fits"]
        assert parts["manifest of the opening"]["fits"]
        assert parts["verification file"]["fits"]
        assert {rule["rule"] for rule in shown["rules"] if not rule["ok"]} == {"reward", "storage"}


async def test_an_estimate_says_why_the_numbers_are_not_known(tmp_path: Path) -> None:
    net = Network()
    net.task.terms = dataclasses.replace(net.terms, state_bytes=8)
    with net.daemon(tmp_path, "c") as tools:
        shown = await make_api(tools).task_estimate(TASK)
        assert not shown["join"]
        assert "unknown: the plan takes more memory" in shown["reason"]
        assert shown["parts"] == []


def with_walrus(tools, **changes):
    walrus = dataclasses.replace(tools.settings.walrus, **changes)
    return dataclasses.replace(tools, settings=dataclasses.replace(tools.settings, walrus=walrus))


async def test_a_contributor_whose_publisher_takes_more_joins(
    tmp_path: Path, wide: Network
) -> None:
    with contributor(wide, tmp_path, max_blob_bytes=1 << 20) as tools:
        assert (await make_staker(tools).estimate(wide.task)).join
        # What the publisher takes is of no use where the network takes less.
        small = with_walrus(tools, shards=4)
        assert "this network takes" in (await make_staker(small).estimate(wide.task)).reason


def publish(tools, plan, weights_path=None, **terms):
    fetcher = Fetcher(tools)
    publisher = Publisher(tools, fetcher, AggregateChecker(tools, fetcher))
    params = {"plan": plan, "datasets": [{"dataset": DATASET}], "terms": terms}
    return publisher.publish(params | ({"weights_path": weights_path} if weights_path else {}))


@pytest.mark.parametrize(
    ("plan", "terms", "parts"),
    [
        # 5.9 million weights, of which AdamW's state holds three numbers each.
        (
            wide_plan(2400, 2400, optimizer=ADAMW),
            {"committee": 1, "segments_per_seat": 4},
            ["sum"],
        ),
        (wide_plan(18_000), {"committee": 1, "segments_per_seat": 1}, ["sum"]),
        (wide_plan(16_000), {"scheme": "paillier"}, ["verification file"]),
    ],
)
async def test_such_a_task_is_not_opened(tmp_path: Path, plan, terms, parts) -> None:
    net = Network()
    net.fill_pool()
    with net.daemon(tmp_path, "p") as tools:
        before = set(net.blobs)
        with pytest.raises(BlobOverLimit) as caught:
            await publish(tools, plan, **terms)
        assert caught.value.code == "storage.over_limit"
        found = [part["part"] for part in caught.value.fields["parts"] if not part["fits"]]
        assert found == parts
        for name in parts:
            assert f"The {name} needs" in caught.value.message
            assert f"{name}: " in caught.value.hint
        assert not tools.contract.sent
        assert set(net.blobs) == before
        assert not tools.files.work.exists() or not list(tools.files.work.rglob("*.safetensors"))


async def test_weights_with_a_header_that_nobody_reads_are_not_stored(tmp_path: Path) -> None:
    net = Network()
    path = tmp_path / "weights.safetensors"
    tensors = weights_from_bytes(net.plan, weights_to_bytes(net.plan, init_weights(net.plan)))
    save_file(tensors, path, metadata={"story": "s" * (1 << 17)})
    net.fill_pool()
    with net.daemon(tmp_path, "p") as tools:
        before = set(net.blobs)
        with refused("rpc.bad_request", "readers"):
            await publish(tools, net.plan.to_json(), weights_path=str(path))
        assert set(net.blobs) == before


async def test_a_manifest_that_nobody_reads_is_not_stored(tmp_path: Path) -> None:
    net = Network()
    plan = wide_plan(16, batch=65_536, micro_batches=[1] * 65_536)
    assert len(read_plan(plan).to_bytes()) < 1 << 20, "every plan fits; nothing to refuse"
    net.fill_pool()
    with net.daemon(tmp_path, "p") as tools:
        net.version.rows = 1 << 20
        with pytest.raises(BlobOverLimit, match="The manifest needs 13"):
            await publish(with_walrus(tools, max_blob_bytes=100_000), plan)


LONG = {
    "steps": (
        {"segments": 4096, "segment_steps": 10_000, "steps": 40_960_000},
        "The cost function needs 327,",
    ),
    "micro-batches of a segment": (
        {"segments": 4, "segment_steps": 10**6, "steps": 4 * 10**6, "micro_batches": [4] * 8},
        "a segment has 8,000,000 micro-batches, and 4,194,304 can be held",
    ),
}
"""Runs that no line, file or machine holds to the end: found out after the stake is bound."""


@pytest.mark.parametrize("what", LONG)
async def test_a_run_that_is_too_long_is_not_opened(tmp_path: Path, what: str) -> None:
    changes, reason = LONG[what]
    net = Network()
    net.fill_pool()
    with net.daemon(tmp_path, "p") as tools:
        before = set(net.blobs)
        with pytest.raises((BlobOverLimit, PlanRefused), match=reason):
            await publish(with_walrus(tools, max_blob_bytes=1 << 30), wide_plan(8, **changes))
        assert set(net.blobs) == before


@pytest.mark.parametrize("what", LONG)
async def test_a_run_that_is_too_long_is_not_joined(tmp_path: Path, what: str) -> None:
    changes, reason = LONG[what]
    net = Network(plan=read_plan(wide_plan(8, **changes)))
    with net.daemon(tmp_path, "c") as tools:
        richer = with_walrus(tools, max_blob_bytes=1 << 30)
        net.grant(tools.address, tools.keys.encryption_key)
        tools.records.put("stake_override", TASK, "join")
        await make_staker(richer).run_once()
        shown = await make_api(richer).task_estimate(TASK)
        assert not shown["join"]
        assert reason in shown["reason"]
        assert not tools.contract.sent
        del net.objects[REQUEST]


@pytest.mark.usefixtures("autojump_clock")
async def test_real_parts_take_what_was_computed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        play = Play(tmp_path, stack)
        await play.open()
        await play.run(lambda: play.submission.state == SubmissionState.OPENED)
        submission, fetcher = play.submission, play.contributor.fetcher
        work = play.contributor.tools.work.get("open", submission.id)
        opening = sum(len(play.blobs[int(blob)]) for blob in work["pieces"])
        bound = compute_opening_limit(play.terms, play.plan, submission.dataset_rows)
        # Some rows are read twice in a segment, and are in it once.
        assert 0 <= bound - opening < bound // 20
        shape = make_opening_shape(play.terms, play.plan, submission.dataset_rows)
        listed = len(play.blobs[submission.opening.blob])
        assert 0 <= compute_opening_manifest_size(shape) - listed < 1000
        verified = await fetcher.plan_of(play.task)
        manifest, plan = verified.manifest, verified.plan
        file = play.blobs[submission.commitment.file_blob]
        assert compute_file_limit(play.terms, plan, manifest) - len(file) >= 0
        assert len(file) > compute_file_limit(play.terms, plan, manifest) - LOSS_DEFINITION_BYTES
        assert read_verification_file(file).header.quantisation.entries == plan.weight_count


async def test_what_is_staked_on_already_is_sent_whatever_the_settings_say(tmp_path: Path) -> None:
    """Whoever staked before the limit was known, or lowered it since, still has to deliver."""
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        sent: list[dict] = []
        put = tools.store.put

        async def note(data, **options):
            sent.append(options)
            return await put(data, **options)

        tools.store.put = note
        net.join(tools.address)
        net.grant(tools.address, tools.keys.encryption_key)
        fetcher = Fetcher(tools)
        await Trainer(tools, fetcher).run_once()
        await Committer(tools, fetcher).run_once()
        net.submission.commitment = tools.contract.arguments("commit")[0][2]
        net.seat(tools.address, tools.keys)
        await Opener(tools, fetcher).run_once()
        assert tools.contract.calls("open")
    assert [options["try_anyway"] for options in sent] == [True] * 4
