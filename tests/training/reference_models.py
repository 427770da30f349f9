"""The models in ordinary torch with autograd: what exact gradients and runs are compared with."""

import torch
from torch import Tensor
from torch.nn import functional

from walrusd.training.plan.builders import ConvnetSpec, GptSpec, MlpSpec
from walrusd.training.plan.modelspec import ModelSpec


class Reference:
    """A model's forward pass; ``weights`` are leaves of type ``dtype`` with gradients."""

    def __init__(
        self, spec: ModelSpec, weights: dict[str, Tensor], dtype: torch.dtype = torch.float64
    ) -> None:
        self.spec = spec
        self.dtype = dtype
        self.weights = {
            name: weight.detach().clone().to(dtype).requires_grad_(True)
            for name, weight in weights.items()
        }

    def linear(self, x: Tensor, name: str, weight: str | None = None) -> Tensor:
        own, lora = self.weights, self.spec.lora
        y = functional.linear(x, own[weight or f"{name}.weight"], own.get(f"{name}.bias"))
        if lora is not None and f"{name}.lora_a" in own:
            inner = functional.linear(x, own[f"{name}.lora_a"])
            y = y + functional.linear(inner, own[f"{name}.lora_b"]) * lora.scale
        return y

    def __call__(self, inputs: Tensor) -> Tensor:
        match self.spec.family:
            case GptSpec():
                return self.gpt(self.spec.family, inputs)
            case ConvnetSpec():
                return self.convnet(self.spec.family, inputs.to(self.dtype))
            case MlpSpec():
                return self.perceptron(inputs.to(self.dtype), len(self.spec.family.hidden) + 1)
        raise AssertionError("no reference for this family")

    def perceptron(self, x: Tensor, count: int) -> Tensor:
        for index in range(count):
            x = self.linear(functional.relu(x) if index else x, f"linear{index:02d}")
        return x

    def convnet(self, family: ConvnetSpec, x: Tensor) -> Tensor:
        for index, outputs in enumerate(family.channels):
            name, k = f"conv{index:02d}", family.kernel
            weight = self.weights[f"{name}.weight"].view(outputs, -1, k, k)
            x = functional.relu(
                functional.conv2d(x, weight, self.weights[f"{name}.bias"], padding=k // 2)
            )
            x = functional.avg_pool2d(x, family.pool)
        return self.perceptron(x.flatten(1), len(family.hidden) + 1)

    def norm(self, family: GptSpec, x: Tensor, name: str) -> Tensor:
        gain, width = self.weights[f"{name}.weight"], (family.width,)
        if family.style == "llama":
            return functional.rms_norm(x, width, gain, family.epsilon)
        return functional.layer_norm(x, width, gain, self.weights[f"{name}.bias"], family.epsilon)

    def gpt(self, family: GptSpec, numbers: Tensor) -> Tensor:
        table, llama = self.weights["tokens.weight"], family.style == "llama"
        x = table[numbers]
        if not llama:
            x = x + self.weights["positions.weight"]
        for index in range(family.blocks):
            block = f"block{index:02d}"
            h = self.norm(family, x, f"{block}.norm1")
            x = x + self.attention(family, h, f"{block}.attention")
            h = self.norm(family, x, f"{block}.norm2")
            up = self.linear(h, f"{block}.mlp.up")
            inner = functional.gelu(up, approximate="tanh")
            if llama:
                inner = functional.silu(self.linear(h, f"{block}.mlp.gate")) * up
            x = x + self.linear(inner, f"{block}.mlp.down")
        weight = "tokens.weight" if family.tied else None
        return self.linear(self.norm(family, x, "norm"), "head", weight)

    def attention(self, family: GptSpec, x: Tensor, name: str) -> Tensor:
        rows, length, width = x.shape
        size = width // family.heads
        q, k, v = (
            self.linear(x, f"{name}.{part}").view(rows, length, -1, size).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        if family.style == "llama":
            rates = float(family.rope_base) ** (-torch.arange(0, size, 2).double() / size)
            angles = torch.arange(length).double()[:, None] * rates
            q, k = (
                turn(part, angles.cos().to(self.dtype), angles.sin().to(self.dtype))
                for part in (q, k)
            )
        group = family.heads // family.key_heads
        k, v = (part.repeat_interleave(group, 1) for part in (k, v))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.linear(y.transpose(1, 2).reshape(rows, length, width), f"{name}.output")


def turn(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate the halves of each head by their angles."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
