"""Updates as integers, the aggregate applied to weights, and the cost (SPEC §10). No torch here."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from walrusd.errors import MalformedData, NonFiniteValue, UpdateOverflow
from walrusd.training.plan.plan import Plan
from walrusd.training.run.state import Tensors, check_tensors, select_trained

COST_SCALE = 1 << 32
"""Costs are in units of 2**-32."""

LARGEST_STEP_COST = (1 << 63) - 1
EXACT_INTEGER = 1 << 53
"""Integers up to this are exact in float64."""


def flatten_weights(plan: Plan, weights: Tensors) -> npt.NDArray[np.float32]:
    """Return the trained weights, float32 ``(weight_count,)``: in name order, each in C order.

    ``weights`` may hold the frozen tensors of a plan with adapters; they are left out.

    Raises:
        MalformedData: if the weights are not those of the plan's model.
        NonFiniteValue: if a weight is NaN or infinite.
    """
    trained = select_trained(plan, weights)
    check_tensors(plan, trained, "weights")
    return np.concatenate([trained[spec.name].reshape(-1) for spec in plan.model.tensors()])


def unflatten_weights(plan: Plan, flat: npt.NDArray[np.float32]) -> Tensors:
    """Return the tensors that ``flatten_weights`` would make ``flat`` of.

    Raises:
        MalformedData: if the length does not fit the plan.
    """
    if flat.shape != (plan.weight_count,):
        raise MalformedData(f"there are {flat.size} values for {plan.weight_count} weights")
    weights: Tensors = {}
    offset = 0
    for spec in plan.model.tensors():
        weights[spec.name] = flat[offset : offset + spec.size].reshape(spec.shape).copy()
        offset += spec.size
    return weights


def compute_update(plan: Plan, start: Tensors, end: Tensors) -> npt.NDArray[np.int32]:
    """Return ``V = round_half_even((f64(W_S) − f64(W_0))·2^s)``, int32 ``(weight_count,)``.

    The difference is one float64 operation; scaling by a power of two is exact.

    Raises:
        MalformedData, NonFiniteValue: as ``flatten_weights``.
        UpdateOverflow: if a value exceeds ``2**(value_bits − 1) − 1`` in magnitude.
    """
    difference = flatten_weights(plan, end).astype(np.float64) - flatten_weights(
        plan, start
    ).astype(np.float64)
    scaled = np.rint(difference * float(1 << plan.update.scale_bits))
    largest = float(np.abs(scaled).max())
    if largest > plan.update.limit:
        raise UpdateOverflow(
            f"the update reaches {largest:.0f}, but {plan.update.value_bits} bits hold at most "
            f"{plan.update.limit}",
        )
    return scaled.astype(np.int32)


def update_to_bytes(update: npt.NDArray[np.int32]) -> bytes:
    """Return an update as raw little-endian int32, 4 bytes per weight."""
    return update.astype("<i4", copy=False).tobytes()


def apply_aggregate(
    plan: Plan, start: Tensors, weighted_sum: npt.NDArray[np.int64], total_weight: int
) -> Tensors:
    """Return the trained weights ``W_0 + Σ w_k·V_k / (Σ w_k·2^s)``.

    ``weighted_sum`` is ``Σ w_k·V_k``, int64 ``(weight_count,)``, ``total_weight`` is ``Σ w_k``. In
    this order: ``d = RN64(sum / (total·2^s))``, operands exact in float64;
    ``RN32(RN64(f64(W_0) + d))``. Every step is one IEEE operation, so all machines agree.

    Raises:
        MalformedData: if the sum has another length than the update, or the weight is not positive.
        UpdateOverflow: if an operand is beyond the exact integers of float64.
        NonFiniteValue: if a new weight is beyond float32.
    """
    if weighted_sum.shape != (plan.weight_count,):
        raise MalformedData(
            f"the weighted sum has {weighted_sum.size} entries for {plan.weight_count} weights"
        )
    if total_weight < 1:
        raise MalformedData(f"the total weight of an aggregate is {total_weight}, not at least 1")
    # np.abs of the smallest int64 is negative, so both ends are compared instead.
    if (
        int(weighted_sum.max()) > EXACT_INTEGER
        or int(weighted_sum.min()) < -EXACT_INTEGER
        or total_weight > EXACT_INTEGER
    ):
        raise UpdateOverflow("the aggregate exceeds 2^53, beyond which float64 is not exact")
    divisor = np.float64(total_weight) * np.float64(1 << plan.update.scale_bits)
    change = weighted_sum.astype(np.float64) / divisor
    wide = flatten_weights(plan, start).astype(np.float64) + change
    if np.abs(wide).max() > float(np.finfo(np.float32).max):
        raise NonFiniteValue("with the aggregate a weight is beyond float32")
    return unflatten_weights(plan, wide.astype(np.float32) + np.float32(0.0))


def compute_cost(losses: Iterable[float]) -> int:
    """Return the cost: the mean of the last segment's losses as ``round_half_even(mean·2^32)``.

    ``losses`` are the float32 loss of each micro-batch of each step. The mean is a rational
    number; the only rounding is the last.

    Raises:
        MalformedData: if there is no loss.
        NonFiniteValue: if a loss is negative, NaN or infinite, or the cost does not fit in u64.
    """
    values = list(losses)
    if not values:
        raise MalformedData("there is no loss, of which the cost is the mean")
    if not all(0.0 <= value < float("inf") for value in values):
        raise NonFiniteValue("a loss is negative or not finite")
    cost = _scale_mean(values)
    if cost >= 1 << 64:
        raise NonFiniteValue("the cost does not fit in 64 bits")
    return cost


def compute_step_cost(losses: Sequence[float]) -> int:
    """Return the cost of one step: ``round_half_even(mean·2^32)`` of its micro-batches' losses.

    The mean is a rational number, as that of the whole cost: a sum of floats would depend on the
    version of Python. Anything beyond the largest int64 becomes the largest int64.
    """
    return min(_scale_mean(losses), LARGEST_STEP_COST)


def _scale_mean(values: Sequence[float]) -> int:
    """Return ``round_half_even(mean·2^32)``; the only rounding is the last."""
    # Denominators are powers of two: the largest is common to all, so the sum is one of integers.
    common = max(value.as_integer_ratio()[1] for value in values)
    total = 0
    for value in values:
        numerator, denominator = value.as_integer_ratio()
        total += numerator * (common // denominator)
    return round(Fraction(total * COST_SCALE, common * len(values)))
