"""Random plans by seed, with weights and rows: every model, layer, optimizer, schedule and abort.

A case is bytes, as peers exchange them. Nothing here comes from the product: what it would derive
from a plan (tensors, the root of frozen weights), the second implementation derives.
"""

import json
import random
import struct
from typing import NamedTuple

import numpy as np

from tests.training import random_layers
from tests.training.oracle.files import with_numbers, write_weights
from tests.training.oracle.models import Tensors
from tests.training.oracle.rows import row_bytes
from tests.training.oracle.state import base_root

PROFILES = ("exact-q20/2", "exact-q8r/2")


class Case(NamedTuple):
    """What a run begins with; ``weights`` is None where they follow from the plan's seed."""

    plan: bytes
    weights: bytes | None
    rows: bytes


def to_hex(number):
    """Return the float32 nearest to a number, as C writes it with ``%a``."""
    (value,) = struct.unpack("<f", struct.pack("<f", number))
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}"


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def pick_number(rng, low, high):
    """Return the text of a number that is spread evenly over the orders of magnitude."""
    return to_hex(2.0 ** rng.uniform(low, high))


def make_optimizer(rng):
    lr = pick_number(rng, -12, -2) if rng.random() < 0.9 else pick_number(rng, -39, 9)
    if rng.random() < 0.5:
        return {"kind": "sgd", "lr": lr, "momentum": to_hex(rng.choice([0.0, 0.5, 0.9, 0.99]))}
    return {
        "kind": "adamw",
        "lr": lr,
        "beta1": to_hex(rng.choice([0.0, 0.8, 0.9])),
        "beta2": to_hex(rng.choice([0.0, 0.95, 0.999])),
        "epsilon": to_hex(rng.choice([2.0**-50, 1e-8, 1e-3, 1.0])),
        "weight_decay": to_hex(rng.choice([0.0, 0.1, 1.0])),
    }


def make_schedule(rng, steps):
    warm = rng.choice([0, 0, rng.randint(0, steps)])
    if rng.random() < 0.4:
        return {"kind": "constant", "warmup_steps": warm}
    floor = rng.choice([0.0, 0.0, 2.0 ** rng.uniform(-20, -3), 2.0 ** rng.uniform(-149, 10)])
    return {"kind": "cosine", "warmup_steps": warm, "floor": to_hex(floor)}


def split(rng, batch):
    """Return a batch as micro-batches."""
    parts = []
    while batch:
        parts.append(rng.randint(1, batch))
        batch -= parts[-1]
    return parts


def make_adapters(rng, model):
    """Return adapters for some linear maps of a model, if it has any."""
    maps = sorted(Tensors(with_numbers(model)).maps)
    if not maps or rng.random() < 0.75:
        return None
    chosen = rng.sample(maps, rng.randint(1, min(3, len(maps))))
    targets = [f"*{name[1:]}" if rng.random() < 0.3 else name for name in chosen]
    targets = [
        f"[{name[0]}]{name[1:]}" if name[0].isalpha() and rng.random() < 0.2 else name
        for name in targets
    ]
    return {"rank": rng.randint(1, 4), "alpha": pick_number(rng, -3, 5), "targets": targets}


def make_weights(rng, model, seed):
    """Return initial weights other than those of the plan's seed: extreme ones, too."""
    tensors = Tensors(with_numbers(model))
    noise = np.random.default_rng(rng.getrandbits(32))
    kind = rng.choice(["biases", "scaled", "tiny", "zeros", "spread", "huge"])
    scale = {"scaled": 2.0 ** rng.uniform(-8, 3), "tiny": 1e-30, "zeros": 0.0, "huge": 1e16}
    found = {}
    for name, value in tensors.begin(seed).items():
        extra = np.zeros(value.shape)
        if kind == "biases" and value.ndim == 1:
            extra = np.full(value.shape, rng.choice([1e-28, -1e-41, 2.0**-149, -0.0]))
        if kind == "spread":
            extra = value * (2.0 ** noise.uniform(-40, 4, value.shape) - 1)
        wide = value.astype(np.float64) * scale.get(kind, 1.0) + extra
        found[name] = wide.astype(np.float32)
    return found


def make_rows(rng, schema, count):
    """Return raw rows, nearly always such as the schema allows."""
    noise = np.random.default_rng(rng.getrandbits(32))
    bad = rng.random() < 0.04
    if schema["kind"] == "tabular-f32":
        width = row_bytes(schema) // 4
        values = noise.normal(size=(count, width)) * 2.0 ** rng.choice([0, 0, 0, -140, 20, 60])
        values[noise.integers(count), 0] = np.nan if bad else -0.0
        return values.astype("<f4").tobytes()
    if schema["kind"] == "tokens":
        bound = schema["vocabulary"]
        tokens = noise.integers(0, bound, (count, schema["length"] + 1))
        kind = "<u2" if bound <= 65_536 else "<u4"
        if bad and bound not in (65_536, 1 << 32):
            tokens[noise.integers(count), 0] = bound
        return tokens.astype(kind).tobytes()
    classes = schema["classes"]
    wide = schema["kind"] == "image-u8" and classes > 256
    labels = noise.integers(0, classes, count)
    if bad and classes not in (256, 65_536):
        labels[noise.integers(count)] = classes
    table = noise.integers(0, rng.choice([2, 17, 256]), (count, row_bytes(schema))).astype(np.uint8)
    table[:, -2 if wide else -1 :] = (
        labels.astype("<u2" if wide else "u1").view(np.uint8).reshape(count, -1)
    )
    return table.tobytes()


def make_case(seed):
    """Return the case of a seed; the model is of the kind that ``seed`` counts through."""
    rng = random.Random(f"case {seed}")
    makers = random_layers.MAKERS
    model, dataset = makers[seed % len(makers)](rng)
    segments, length = rng.randint(1, 3), rng.randint(1, 3)
    batch = rng.randint(1, 6)
    init_seed = rng.randbytes(32)
    clipped = {"kind": "global-norm", "limit": pick_number(rng, -20, 4)}
    weights = None
    lora = make_adapters(rng, model)
    if lora is not None:
        model = model | {"lora": lora | {"base_root": "00" * 32}}
    if rng.random() < 0.4:
        weights = make_weights(rng, model, init_seed)
    if lora is not None:
        tensors = Tensors(with_numbers(model))
        base = base_root(tensors, tensors.begin(init_seed) if weights is None else weights)
        model = model | {"lora": lora | {"base_root": base.hex()}}
    plan = {
        "version": 1,
        "profile": PROFILES[seed // len(makers) % 2],
        "model": model,
        "init_seed": init_seed.hex(),
        "loss": "mse" if dataset["kind"] == "tabular-f32" else "softmax-cross-entropy",
        "optimizer": make_optimizer(rng),
        "schedule": make_schedule(rng, segments * length),
        "clipping": "none" if rng.random() < 0.5 else clipped,
        "batch": batch,
        "micro_batches": split(rng, batch),
        "segments": segments,
        "segment_steps": length,
        "steps": segments * length,
        "dataset": dataset,
        "update": rng.choice([{"scale_bits": 20, "value_bits": 24}] * 9 + [make_update(rng)]),
    }
    count = 2 * batch - 1 if rng.random() < 0.03 else rng.randint(2 * batch, 5 * batch + 2)
    packed = None if weights is None else write_weights(weights)
    return Case(canonical(plan), packed, make_rows(rng, dataset, count))


def make_update(rng):
    return {"scale_bits": rng.randint(1, 40), "value_bits": rng.randint(2, 32)}
