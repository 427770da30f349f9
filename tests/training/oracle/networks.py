"""Whole models as functions with gradients, from the JSON of a plan."""

import math

import mpmath
import numpy as np

from . import arithmetic, attention, convolution, elementwise, lines, losses, norms
from .arithmetic import F32, f32, fold_rows
from .stream import kept

PROFILES = {
    "exact-q20/1": (arithmetic, attention.causal_attention),
    "exact-q8r/1": (lines, lines.causal_attention),
}
"""Products and column sums, and attention."""


class Net:
    """One micro-batch's forward pass; ``grads`` fills when the returned function runs."""

    def __init__(self, profile, model, weights, drops):
        self.products, self.causal_attention = PROFILES[profile]
        self.model, self.w, self.drops = model, weights, drops
        self.lora = model.get("lora")
        self.grads = {}

    def add(self, name, gradient):
        trained = name.endswith((".lora_a", ".lora_b")) if self.lora else True
        if trained:
            gradient = gradient.reshape(self.w[name].shape)
            self.grads[name] = self.grads[name] + gradient if name in self.grads else gradient

    def linear(self, name, x, weight=None):
        """``x`` is a matrix of rows."""
        mm, sum_rows = self.products.mm, self.products.sum_rows
        weight = weight or f"{name}.weight"
        bias = self.w.get(f"{name}.bias")
        y = mm(x, self.w[weight].T)
        y = y if bias is None else y + bias
        adapted = f"{name}.lora_a" in self.w
        if adapted:
            scale = f32(self.lora["alpha"] / self.lora["rank"])
            down, up = self.w[f"{name}.lora_a"], self.w[f"{name}.lora_b"]
            middle = mm(x, down.T)
            y = y + mm(middle, up.T) * scale

        def backward(dy):
            self.add(weight, mm(dy.T, x))
            if bias is not None:
                self.add(f"{name}.bias", sum_rows(dy))
            dx = mm(dy, self.w[weight])
            if adapted:
                change = dy * scale
                self.add(f"{name}.lora_b", mm(change.T, middle))
                inner = mm(change, up)
                self.add(f"{name}.lora_a", mm(inner.T, x))
                dx = dx + mm(inner, down)
            return dx

        return y, backward

    def norm(self, name, x, epsilon, rms):
        gain = self.w[f"{name}.weight"]
        if rms:
            y, back = norms.rms_norm(x, gain, epsilon)
        else:
            y, back = norms.layer_norm(x, gain, self.w[f"{name}.bias"], epsilon)

        def backward(dy):
            dx, dgain, *dbias = back(dy)
            self.add(f"{name}.weight", dgain)
            if dbias:
                self.add(f"{name}.bias", dbias[0])
            return dx

        return y, backward

    def drop(self, name, x, threshold, shape):
        if not threshold:
            return x, lambda dy: dy
        seed, step, micro = self.drops
        mask = kept(seed, step, f"dropout/{micro}/{name}.dropout", shape, threshold)
        return elementwise.dropout(x, mask.reshape(x.shape), threshold)

    # --- families -----------------------------------------------------------------------------

    def perceptron(self, x, count):
        backs = []
        for index in range(count):
            if index:
                x, back = elementwise.relu(x)
                backs.append(back)
            x, back = self.linear(f"linear{index:02d}", x)
            backs.append(back)
        return x, chain(backs)

    def mlp(self, x):
        return self.perceptron(x.reshape(len(x), -1), len(self.model["hidden"]) + 1)

    def convnet(self, x):
        backs = []
        for index, outputs in enumerate(self.model["channels"]):
            name = f"conv{index:02d}"
            kernel = self.model["kernel"]
            weight = self.w[f"{name}.weight"].reshape(outputs, -1, kernel, kernel)
            bias = self.w[f"{name}.bias"]
            x, back = convolution.conv2d(self.products, x, weight, bias, kernel // 2)
            backs.append(self._store(name, back))
            x, back = elementwise.relu(x)
            backs.append(back)
            if self.model["pool"] > 1:
                x, back = convolution.average_pool(x, self.model["pool"])
                backs.append(back)
        shape = x.shape
        backs.append(lambda dy: dy.reshape(shape))
        x, back = self.perceptron(x.reshape(len(x), -1), len(self.model["hidden"]) + 1)
        return x, chain([*backs, back])

    def _store(self, name, back):
        def backward(dy):
            dx, dweight, dbias = back(dy)
            self.add(f"{name}.weight", dweight)
            self.add(f"{name}.bias", dbias)
            return dx

        return backward

    def gpt(self, numbers):
        m, gpt2 = self.model, self.model["style"] == "gpt2"
        rows, length, width = *numbers.shape, m["width"]
        shape = (rows, length, width)
        table = self.w["tokens.weight"]
        x, back_table = losses.embedding(numbers.reshape(-1), table)
        backs = [lambda dy: self.add("tokens.weight", back_table(dy))]
        if gpt2:
            x = (x.reshape(shape) + self.w["positions.weight"]).reshape(-1, width)

            def positions(dy):
                self.add("positions.weight", fold_rows(dy.reshape(shape)))
                return dy

            backs.append(positions)
        x, back = self.drop("embedding", x, m["dropout"], shape)
        backs.append(back)
        for index in range(m["layers"]):
            block = f"block{index:02d}"
            for part in (self.attend, self.feed):
                x, back = self.residual(part, block, x, shape)
                backs.append(back)
        x, back = self.norm("norm", x, m["norm_epsilon"], not gpt2)
        backs.append(back)
        x, back = self.linear("head", x, "tokens.weight" if m["tied"] else None)
        return x, chain([*backs, back])

    def layers(self, x):
        return self.listed(self.model["layers"], x)

    def listed(self, layers, x):
        backs = []
        for layer in layers:
            x, back = self.one(layer, x)
            backs.append(back)
        return x, chain(backs)

    def one(self, layer, x):
        """One layer of a list, on rows of features."""
        kind, name = layer["layer"], layer.get("name")
        match kind:
            case "linear":
                return self.linear(name, x)
            case "rms_norm" | "layer_norm":
                return self.norm(name, x, layer["epsilon"], kind == "rms_norm")
            case "relu" | "gelu" | "silu":
                return getattr(elementwise, kind)(x)
            case "dropout":
                seed, step, micro = self.drops
                mask = kept(seed, step, f"dropout/{micro}/{name}", x.shape, layer["threshold"])
                return elementwise.dropout(x, mask, layer["threshold"])
            case "residual":
                y, back = self.listed(layer["layers"], x)
                return x + y, lambda dy: dy + back(dy)
            case "gated_mlp":
                return self.gated(name, x)
        raise AssertionError(f"no golden plan has a layer {kind}")

    def gated(self, name, x):
        up, back_up = self.linear(f"{name}.up", x)
        gate, back_gate = self.linear(f"{name}.gate", x)
        inner, back_inner = elementwise.gated_silu(gate, up)
        y, back_down = self.linear(f"{name}.down", inner)

        def backward(dy):
            dgate, dup = back_inner(back_down(dy))
            return back_gate(dgate) + back_up(dup)

        return y, backward

    def residual(self, part, block, x, shape):
        y, back = part(block, x, shape)
        return x + y, lambda dy: dy + back(dy)

    def attend(self, block, x, shape):
        m, gpt2, name = self.model, self.model["style"] == "gpt2", f"{block}.attention"
        rows, length, width = shape
        size = width // m["heads"]
        x, back_norm = self.norm(f"{block}.norm1", x, m["norm_epsilon"], not gpt2)
        maps = [self.linear(f"{name}.{part}", x) for part in ("query", "key", "value")]

        def split(flat):
            return flat.reshape(rows, length, -1, size).transpose(0, 2, 1, 3)

        def join(heads):
            return heads.transpose(0, 2, 1, 3).reshape(rows * length, -1)

        q, k, v = (split(y) for y, _ in maps)
        turns = [lambda d: d, lambda d: d, lambda d: d]
        if not gpt2:
            tables = rope_tables(length, size, m["rope_base"])
            (q, turns[0]), (k, turns[1]) = (attention.rotate(part, *tables) for part in (q, k))
        y, back_attention = self.causal_attention(q, k, v)
        y, back_output = self.linear(f"{name}.output", join(y))
        y, back_drop = self.drop(name, y, m["dropout"], shape)

        def backward(dy):
            heads = back_attention(split(back_output(back_drop(dy))))
            dx = None
            for (_, back), turn, d in zip(maps, turns, heads, strict=True):
                change = back(join(turn(d)))
                dx = change if dx is None else dx + change
            return back_norm(dx)

        return y, backward

    def feed(self, block, x, shape):
        m, gpt2, name = self.model, self.model["style"] == "gpt2", f"{block}.mlp"
        x, back_norm = self.norm(f"{block}.norm2", x, m["norm_epsilon"], not gpt2)
        y, back_inner = (self.feed_gelu if gpt2 else self.gated)(name, x)
        y, back_drop = self.drop(name, y, m["dropout"], shape)
        return y, lambda dy: back_norm(back_inner(back_drop(dy)))

    def feed_gelu(self, name, x):
        up, back_up = self.linear(f"{name}.up", x)
        inner, back_inner = elementwise.gelu(up)
        y, back_down = self.linear(f"{name}.down", inner)
        return y, chain([back_up, back_inner, back_down])


def chain(backs):
    """Return the function that applies ``backs`` one after the other, last first."""

    def backward(dy):
        for back in reversed(backs):
            dy = back(dy)
        return dy

    return backward


def rope_tables(length, size, base):
    """Return cosines and sines of place times base^(-2i/size): real, float64, float32."""
    half = size // 2
    cosine, sine = np.empty((length, half), F32), np.empty((length, half), F32)
    with mpmath.workdps(50):
        for i in range(half):
            angle = mpmath.power(base, mpmath.mpf(-2 * i) / size)
            for t in range(length):
                cosine[t, i] = float(mpmath.cos(t * angle))
                sine[t, i] = float(mpmath.sin(t * angle))
    return cosine, sine


def initial(name, shape, model, draw):
    """Return a tensor's initial values; ``draw(bound)`` gives uniform numbers."""
    fan = shape[-1]
    if name.endswith(".lora_a"):
        return draw(f32(math.sqrt(3.0 / fan)))
    if name.endswith((".bias", ".lora_b")):
        return np.zeros(shape, F32)
    if "norm" in name:
        return np.ones(shape, F32)
    if model["kind"] != "gpt":
        return draw(f32(math.sqrt(6.0 / fan)))
    wide = f32(0.02 * math.sqrt(3.0))
    last = name.endswith(("attention.output.weight", "mlp.down.weight"))
    return draw(f32(float(wide) / math.sqrt(2.0 * model["layers"])) if last else wide)
