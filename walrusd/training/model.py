"""A model: layers in a row and a loss, with explicit forward and backward."""

from torch import Tensor

from walrusd.errors import NonFiniteValue
from walrusd.training import arith, losses
from walrusd.training.layers import Layer, Named, Prepared, build_layer
from walrusd.training.modelspec import ModelSpec
from walrusd.training.strict import round_to_float32


class Model:
    """The layers of a spec. It holds no weights; every call is given them."""

    def __init__(self, layers: list[Layer]) -> None:
        self._layers = layers

    def prepare(self, weights: Named) -> Prepared:
        """Quantise the weight matrices, once for all micro-batches of a step.

        Raises:
            NonFiniteValue: if a weight is NaN or infinite.
        """
        operands = {
            name: arith.quantise(tensor) for name, tensor in weights.items() if tensor.dim() > 1
        }
        return Prepared(weights, operands)

    def logits(self, prepared: Prepared, features: Tensor) -> Tensor:
        """Return ``(rows, classes)`` for ``features`` of ``(rows, inputs)``."""
        x = features
        for layer in self._layers:
            x, _tape = layer.forward(x, prepared)
        return x

    def gradients(
        self, prepared: Prepared, features: Tensor, labels: Tensor, batch: int
    ) -> tuple[float, Named]:
        """Return a micro-batch's loss and its share of the gradient of the batch's mean loss.

        The loss is the mean over the micro-batch, ``RN32(fold(losses)·RN32(1/rows))``; the
        gradient is scaled by ``RN32(1/batch)``, so that those of a batch's micro-batches add up.

        Raises:
            NonFiniteValue: if a value became NaN or infinite.
            ProductBoundExceeded: if a product is too long to be exact.
        """
        x = features
        tapes = []
        for layer in self._layers:
            x, tape = layer.forward(x, prepared)
            tapes.append(tape)
        row_losses, dy = losses.cross_entropy(x, labels, round_to_float32(1.0 / batch))
        loss = float(arith.mean(row_losses).item())
        if not loss < float("inf"):
            raise NonFiniteValue("the loss became NaN or infinite")
        gradients: Named = {}
        for index in range(len(self._layers) - 1, -1, -1):
            dx = self._layers[index].backward(
                dy, tapes[index], prepared, gradients, need_dx=index > 0
            )
            if dx is not None:
                dy = dx
        return loss, gradients


def build_model(spec: ModelSpec) -> Model:
    """Return the model that ``spec`` declares."""
    return Model([build_layer(layer) for layer in spec.layers()])
