"""A transformer from a folder of Hugging Face's, fine-tuned with adapters on text by strangers."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file

from tests.support.market.plays import TERMS, approve_keys, wait_phase
from tests.support.market.world import open_world, wait_for
from tests.support.refusals import refused
from walrusd.settings.model import Role

TOKENS = {"kind": "tokens", "length": 16, "vocabulary": 128}
PLAN = {
    "version": 1,
    "profile": "exact-q20/2",
    "init_seed": "07" * 32,
    "loss": "softmax-cross-entropy",
    "optimizer": {
        "kind": "adamw",
        "lr": "0.01",
        "beta1": "0.9",
        "beta2": "0.95",
        "epsilon": "1e-8",
        "weight_decay": "0.01",
    },
    "schedule": {"kind": "cosine", "warmup_steps": 2, "floor": "0.001"},
    "clipping": {"kind": "global-norm", "limit": "1"},
    "batch": 8,
    "micro_batches": [4, 4],
    "steps": 12,
    "segments": 4,
    "segment_steps": 3,
    "dataset": TOKENS,
    "update": {"scale_bits": 20, "value_bits": 24},
    "model": {
        "kind": "huggingface",
        "lora": {"rank": 2, "alpha": "4", "targets": ["*.query", "*.value"]},
    },
}


def save_model(folder: Path, **changes) -> None:
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=128,
        max_position_embeddings=16,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=24,
        **changes,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


@pytest.mark.slow
async def test_adapters_on_somebodys_model_are_trained_and_aggregated(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes((Path(__file__).parents[2] / "LICENSE").read_bytes()[:4000])
    save_model(tmp_path / "llama")
    async with open_world(tmp_path / "world") as world:
        owner = await world.start("owner", Role.DATASET_OWNER)
        publisher = await world.start("publisher", Role.PUBLISHER)
        verifiers = [await world.start(f"v{n}", Role.VERIFIER) for n in range(3)]

        async def seats():
            return len((await publisher.tools.contract.pool()).seats) == len(verifiers)

        await wait_for(seats)
        peers = [await world.start(f"c{n}", Role.CONTRIBUTOR) for n in range(3)]
        listed = await owner.api.dataset_add(str(text), "licence", "a text", TOKENS)
        published = await publisher.api.task_publish(
            {
                "title": "adapters",
                "plan": PLAN,
                "weights_path": str(tmp_path / "llama"),
                "datasets": [{"dataset": listed["dataset"], "version": 1}],
                "terms": TERMS | {"max_submissions": 3},
            }
        )
        await approve_keys(owner, 3)
        shown = await wait_phase(publisher, published["task"], "aggregated")
        assert {sub["state"] for sub in shown["submissions"]} == {"accepted"}
        assert (await peers[0].api.task_aggregate(published["task"]))["verified"]

        async def model():
            return (await publisher.api.task_show(published["task"]))["model"]

        weights = load_file((await wait_for(model))["weights"])
        theirs = load_file(tmp_path / "llama" / "model.safetensors")
        # The base is what it was; the adapters have moved.
        assert np.array_equal(weights["tokens.weight"], theirs["model.embed_tokens.weight"])
        assert np.any(weights["block00.attention.query.lora_b"])


async def test_a_folder_that_cannot_be_trained_is_refused_before_anything_is_paid(
    tmp_path: Path,
) -> None:
    save_model(tmp_path / "llama", attention_bias=True)
    request = {"plan": PLAN, "datasets": [{"dataset": "0x1"}], "terms": TERMS}
    async with open_world(tmp_path / "world") as world:
        publisher = await world.start("publisher", Role.PUBLISHER)
        before = await publisher.tools.contract.balance(publisher.address)
        with refused("rpc.bad_request", "weights_path"):
            await publisher.api.task_publish(request)
        with refused("model.refused", "attention_bias"):
            await publisher.api.task_publish(request | {"weights_path": str(tmp_path / "llama")})
        with refused("rpc.bad_request", "read"):
            await publisher.api.task_publish(request | {"weights_path": str(tmp_path)})
        assert await publisher.tools.contract.balance(publisher.address) == before
