"""What a contributor finds out before it stakes on a task of the Paillier scheme."""

from types import SimpleNamespace

import pytest

from tests.crypto import paillier_vectors
from tests.support.market.world import make_plan
from tests.support.refusals import refused
from walrusd.core.lifecycle import Scheme, WeightsRule
from walrusd.core.manifest import PaillierOffer, TaskManifest
from walrusd.crypto.paillier.modulus_proof import prove_modulus
from walrusd.errors import PaillierKeyRefused, SlotOverflow
from walrusd.market.fetch import Fetcher
from walrusd.state.data_dir import DataDir
from walrusd.training.plan.plan import read_plan

KEY = paillier_vectors.load_key(2048)
PLAN = read_plan(make_plan())
CHAIN, PACKAGE = b"c" * 32, "0x" + "ab" * 32
CONTEXT = CHAIN + bytes.fromhex("ab" * 32)


def offer(modulus=None, context=CONTEXT):
    return PaillierOffer(modulus or KEY.public.to_bytes(), prove_modulus(KEY, context), b"i" * 32)


async def read(tmp_path, paillier, rule=WeightsRule.EQUAL, submissions=4):
    """Read a task's plan as the service does that stakes."""
    manifest = TaskManifest("t", PLAN.to_bytes().decode(), 5, b"w" * 32, paillier)

    async def market():
        return SimpleNamespace(chain_id=CHAIN, package=PACKAGE)

    async def get(_blob, _bound):
        return manifest.to_bytes()

    terms = SimpleNamespace(
        scheme=Scheme.PAILLIER,
        weights_rule=rule,
        max_submissions=submissions,
        segments=PLAN.segments,
        state_bytes=PLAN.state_bytes,
        segment_work=PLAN.segment_work(),
    )
    task = SimpleNamespace(
        manifest_blob=7,
        manifest_digest=manifest.digest(),
        plan_digest=PLAN.digest(),
        terms=terms,
    )
    reading = SimpleNamespace(
        contract=SimpleNamespace(market=market),
        store=SimpleNamespace(get=get),
        files=DataDir(tmp_path),
    )
    verified = await Fetcher(reading).plan_of(task)
    return verified.manifest, verified.plan


async def test_a_key_with_its_proof_is_taken(tmp_path):
    manifest, plan = await read(tmp_path, offer())
    assert plan == PLAN
    assert manifest.paillier.modulus == KEY.public.to_bytes()


@pytest.mark.parametrize(
    "bad",
    [
        offer(context=CHAIN + bytes(32)),  # made for another contract
        offer(modulus=(KEY.public.n + 2).to_bytes(256, "big")),
        offer(modulus=KEY.p.to_bytes(128, "big")),  # too short
    ],
)
async def test_a_key_that_may_not_bind_is_refused(tmp_path, bad):
    with pytest.raises(PaillierKeyRefused):
        await read(tmp_path, bad)


async def test_a_task_without_a_key_is_refused(tmp_path):
    with refused("data.malformed", "key"):
        await read(tmp_path, None)


async def test_weights_that_could_overflow_the_slots_are_refused(tmp_path):
    await read(tmp_path, offer(), WeightsRule.SAMPLES, submissions=15)
    with pytest.raises(SlotOverflow):
        await read(tmp_path, offer(), WeightsRule.SAMPLES, submissions=16)
