"""Whether the parts of a task can be stored: checked before it is opened, and before staking."""

from walrusd.core.manifest import MAX_MANIFEST_BYTES, PaillierOffer, TaskManifest
from walrusd.core.sizes import Storage, StoredPart, WorkShape, compute_sum_size, list_contributed
from walrusd.crypto.paillier.modulus_proof import ROUNDS
from walrusd.errors import BadRequest, BlobOverLimit, PlanRefused
from walrusd.market.sealing import compute_cut
from walrusd.market.verified import compute_weights_limit
from walrusd.settings.model import WalrusSettings
from walrusd.storage.geometry import compute_max_blob_size
from walrusd.storage.manifest import (
    MAX_MANIFEST,
    choose_sizes,
    compute_leaf_size,
    compute_manifest_size,
)
from walrusd.training.plan.plan import Plan

MAX_SEGMENT_LOSSES = 1 << 22
"""One for each micro-batch: training or replaying a segment holds all its losses in memory."""


def check_run_length(plan: Plan) -> None:
    """Check that a segment's losses fit into memory; sizes limit the steps of the whole run.

    Raises:
        PlanRefused: if a segment has too many micro-batches.
    """
    count = plan.segment_steps * len(plan.micro_batches)
    if count > MAX_SEGMENT_LOSSES:
        raise PlanRefused(
            f"a segment has {count:,} micro-batches, and {MAX_SEGMENT_LOSSES:,} can be held",
            hint="use more segments, with fewer steps in each",
            key="segment_steps",
        )


def make_storage(parts: tuple[StoredPart, ...], walrus: WalrusSettings) -> Storage:
    """Return the parts together with the limits of one blob by a daemon's settings."""
    return Storage(parts, compute_max_blob_size(walrus.shards), walrus.max_blob_bytes)


def measure_published(title: str, plan: Plan, shape: WorkShape, walrus: WalrusSettings) -> Storage:
    """Return everything that any party stores for a task, including its own manifest."""
    width = shape.scheme.modulus_bytes
    offer = PaillierOffer(bytes(width), bytes(ROUNDS * width), bytes(32)) if width else None
    widest = (1 << 256) - 1
    manifest = TaskManifest(title, plan.to_bytes().decode("ascii"), widest, bytes(32), offer)
    weights = compute_weights_limit(plan)
    chunk, limit = (
        walrus.chunk_bytes,
        min(compute_max_blob_size(walrus.shards), walrus.max_blob_bytes),
    )
    sizes = choose_sizes(chunk, compute_leaf_size(chunk), limit)
    parts = (
        *list_contributed(shape, compute_cut(walrus)),
        StoredPart("sum", compute_sum_size(shape)),
        StoredPart("manifest", len(manifest.to_bytes()), MAX_MANIFEST_BYTES),
        StoredPart(
            "list of the weights' chunks", compute_manifest_size(weights, *sizes), MAX_MANIFEST
        ),
    )
    return make_storage(parts, walrus)


def check_weights_size(plan: Plan, size: int) -> None:
    """Check that readers will accept a file of initial weights.

    Raises:
        BadRequest: if its header is too long.
    """
    limit = compute_weights_limit(plan)
    if size > limit:
        raise BadRequest(
            f"the file of weights has {size:,} bytes, readers take at most {limit:,} for this plan",
            hint="its header is very long: write the file without metadata",
        )


def check_storage(storage: Storage) -> None:
    """Check that everything can be stored.

    Raises:
        BlobOverLimit: naming every part that cannot, with its size and a remedy.
    """
    if storage.too_large:
        raise BlobOverLimit(storage.refusal, hint=storage.advice, parts=show_parts(storage))


def show_parts(storage: Storage) -> list[dict[str, object]]:
    """Return parts and limits as the control interface shows them."""
    return [
        {
            "part": part.name,
            "size_bytes": part.size,
            "limit_bytes": storage.limit_of(part),
            "fits": part not in storage.too_large,
        }
        for part in storage.parts
    ]
