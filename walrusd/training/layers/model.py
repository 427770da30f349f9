"""A model: a sequence of layers and a loss, with explicit forward and backward."""

from collections.abc import Sequence

import torch
from torch import Tensor

from walrusd.errors import NonFiniteValue
from walrusd.training.layers import layers, linear
from walrusd.training.layers.layers import Layer, run_backward, run_forward
from walrusd.training.layers.prepared import (
    Gradients,
    MicroBatch,
    Named,
    Prepared,
    quantise_matrices,
)
from walrusd.training.layers.profiles import PROFILES, GridOperand, Profile
from walrusd.training.numerics import arith
from walrusd.training.numerics.finite import operands_watched
from walrusd.training.operators.losses import cross_entropy, mean_squared_error
from walrusd.training.plan.layerspec import (
    ActivationSpec,
    AttentionSpec,
    Conv2dSpec,
    DropoutSpec,
    EmbeddingSpec,
    FlattenSpec,
    GatedSpec,
    LayerSpec,
    LinearSpec,
    NormSpec,
    PoolSpec,
    PositionsSpec,
    ResidualSpec,
)
from walrusd.training.plan.lora import LoraSpec
from walrusd.training.plan.modelspec import ModelSpec
from walrusd.training.plan.plan import EXACT_Q20
from walrusd.training.plan.strict import round_to_float32


class Model:
    """The layers of a spec and their frozen weights, if any; every step brings the trained ones."""

    def __init__(self, spec: ModelSpec, loss: str, frozen: Named, profile: Profile) -> None:
        self._profile = profile
        self._layers = [build_layer(layer, spec.lora) for layer in spec.layers]
        self._mean_squared = loss == "mse"
        self._trained = frozenset(tensor.name for tensor in spec.tensors())
        self._lowest = spec.lowest_trained
        self._frozen = frozen
        self._frozen_operands: dict[str, GridOperand] = quantise_matrices(frozen, profile)

    def use_layers(self, layers: Sequence[Layer]) -> None:
        """Replace the layers by ones that compute the same, such as watched ones."""
        self._layers = list(layers)

    def prepare(self, weights: Named) -> Prepared:
        """Quantise the weight matrices, once for all micro-batches of a step.

        Raises:
            NonFiniteValue: if a weight is NaN or infinite.
        """
        operands = self._frozen_operands | quantise_matrices(weights, self._profile)
        return Prepared(self._frozen | weights, operands, self._profile)

    def outputs(self, prepared: Prepared, inputs: Tensor) -> Tensor:
        """Return the outputs, ``(b, …, c)``, for inputs ``(b, …)``, without dropout.

        Raises:
            MalformedData: if a token is outside the vocabulary.
            NonFiniteValue: if an operand of a product is NaN or infinite.
            ProductBoundExceeded: if a product is too long to be exact.
        """
        y, _tapes = run_forward(self._layers, inputs, prepared, MicroBatch())
        return y

    def losses(self, outputs: Tensor, targets: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Return the loss of each row or token, ``(m,)``, and the mean's gradient, ``(m, c)``.

        ``batch`` is the number of rows of the whole batch, of which these may be a part. SPEC §5:
        the gradient of cross-entropy is scaled by ``RN32(1/(batch·places))``, that of the mean
        squared error by ``RN32(2/(batch·targets))``.

        Raises:
            NonFiniteValue: if an output is NaN or infinite.
        """
        flat = outputs.reshape(-1, outputs.shape[-1])  # (m, c)
        if self._mean_squared:
            scale = round_to_float32(2.0 / (batch * flat.shape[1]))
            return mean_squared_error(flat, targets.reshape(flat.shape), scale)
        places = flat.shape[0] // outputs.shape[0]
        scale = round_to_float32(1.0 / (batch * places))
        return cross_entropy(flat, targets.reshape(-1), scale)

    @operands_watched()
    def gradients(
        self,
        prepared: Prepared,
        inputs: Tensor,
        targets: Tensor,
        batch: int,
        part: MicroBatch,
    ) -> tuple[float, Named]:
        """Return a micro-batch's loss and its share of the gradient of the batch's mean loss.

        ``inputs`` and ``targets`` are ``(b, …)`` as ``decode_rows`` gives them, ``batch`` the rows
        of the whole batch; the gradients have the shapes of their tensors. The loss is the mean
        over the micro-batch, ``RN32(fold(losses)·RN32(1/count))``.

        Raises:
            MalformedData: if a token is outside the vocabulary.
            NonFiniteValue: if a value became NaN or infinite.
            ProductBoundExceeded: if a product is too long to be exact.
        """
        outputs, tapes = run_forward(self._layers, inputs, prepared, part)  # (b, …, c)
        row_losses, gradient = self.losses(outputs, targets, batch)  # (m,), (m, c)
        loss = float(arith.mean(row_losses).item())
        if not loss < float("inf"):
            raise NonFiniteValue("the loss became NaN or infinite")
        sink = Gradients(self._trained)
        dy = gradient.view(outputs.shape)  # (b, …, c)
        del outputs, row_losses, gradient
        run_backward(self._layers, dy, tapes, prepared, sink, lowest=self._lowest)
        return loss, sink.named


def build_layer(  # noqa: PLR0911 - one per kind
    spec: LayerSpec, lora: LoraSpec | None
) -> Layer:
    """Return the layer that ``spec`` declares."""
    match spec:
        case LinearSpec():
            return linear.Linear(spec, lora)
        case AttentionSpec():
            return linear.Attention(spec, lora)
        case GatedSpec():
            return linear.Gated(spec, lora)
        case ResidualSpec():
            return layers.Residual(tuple(build_layer(inner, lora) for inner in spec.layers))
        case Conv2dSpec():
            return layers.Conv2d(spec)
        case EmbeddingSpec():
            return layers.Embedding(spec)
        case PositionsSpec():
            return layers.Positions(spec)
        case NormSpec():
            return layers.Norm(spec)
        case ActivationSpec():
            return layers.Activation(spec)
        case DropoutSpec():
            return layers.Dropout(spec)
        case PoolSpec():
            return layers.Pool(spec)
        case FlattenSpec():
            return layers.Flatten()


def build_model(
    spec: ModelSpec, loss: str, frozen: Named | None = None, profile: str = EXACT_Q20
) -> Model:
    """Return the model that ``spec`` declares; with LoRA, ``frozen`` holds the base weights.

    ``profile`` is the plan's name of the arithmetic.
    """
    held = {name: torch.as_tensor(tensor) for name, tensor in (frozen or {}).items()}
    return Model(spec, loss, held, PROFILES[profile])
