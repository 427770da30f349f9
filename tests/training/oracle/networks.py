"""The layers of a model, forward and backward, as SPEC chapter 4 describes them one by one."""

from . import arithmetic, attention, convolution, elementwise, lines, losses
from .aborts import BAD_DATA, Abort, require_finite
from .arithmetic import f32, fold_rows
from .reals import rope_tables
from .stream import kept

PROFILES = {
    "exact-q20/2": (arithmetic, attention.causal_attention),
    "exact-q8r/2": (lines, lines.causal_attention),
}
"""Products and column sums, and attention."""


class Net:
    """One micro-batch; ``grads`` fills when the function that ``forward`` returns is called.

    ``drops`` are seed, step and number of the micro-batch; None outside of training. Every layer
    gives its output and the function from the gradient by its output to that by its input.
    """

    def __init__(self, profile, tensors, weights, drops=None):
        self.products, self.causal_attention = PROFILES[profile]
        self.tensors, self.w, self.drops = tensors, weights, drops
        self.trained = frozenset(tensors.trained)
        self.grads = {}

    def forward(self, x):
        """Return outputs, one per row and place, and the backward pass."""
        backs = []
        for layer in self.tensors.layers:
            x, back = self.one(layer, x)
            backs.append((bool(self.trained & self.tensors.names_of(layer)), back))
        first = [has for has, _ in backs].index(True)
        outputs = require_finite(x, "an output")
        shape = outputs.shape

        def backward(dy):
            dy = dy.reshape(shape)
            for _, back in reversed(backs[first:]):
                dy = back(dy)

        return outputs.reshape(-1, shape[-1]), backward

    def add(self, name, compute):
        """Add to the gradient of a tensor, if it is trained."""
        if name in self.trained:
            gradient = compute().reshape(self.w[name].shape)
            self.grads[name] = self.grads[name] + gradient if name in self.grads else gradient

    def one(self, layer, x):
        """Pass ``x`` of shape ``(rows, …)`` through a layer."""
        name = layer.get("name")
        match layer["layer"]:
            case "linear":
                return self.linear(name, x, layer.get("table"))
            case "conv2d":
                return self.convolution(layer, x)
            case "embedding":
                return self.embedding(layer, x)
            case "positions":
                return self.positions(name, x)
            case "layer_norm" | "rms_norm":
                return self.norm(layer, x)
            case "relu" | "gelu" | "silu":
                return getattr(elementwise, layer["layer"])(x)
            case "dropout":
                return self.dropout(layer, x)
            case "attention":
                return self.attention(layer, x)
            case "gated_mlp":
                return self.gated(name, x)
            case "average_pool":
                return convolution.average_pool(x, layer["size"])
            case "flatten":
                shape = x.shape
                return x.reshape(len(x), -1), lambda dy: dy.reshape(shape)
            case "residual":
                return self.residual(layer["layers"], x)
        raise ValueError(f"no layer is called {layer['layer']}")

    def linear(self, name, x, table=None):
        mm, sum_rows = self.products.mm, self.products.sum_rows
        shape, matrix = x.shape, table or f"{name}.weight"
        x = x.reshape(-1, shape[-1])
        bias = self.w.get(f"{name}.bias")
        y = mm(x, self.w[matrix].T)
        y = y if bias is None else y + bias
        adapted = f"{name}.lora_a" in self.w
        if adapted:
            lora = self.tensors.model["lora"]
            scale = f32(lora["alpha"] / lora["rank"])
            down, up = self.w[f"{name}.lora_a"], self.w[f"{name}.lora_b"]
            middle = mm(x, down.T)
            y = y + mm(middle, up.T) * scale

        def backward(dy):
            dy = dy.reshape(y.shape)
            self.add(matrix, lambda: mm(dy.T, x))
            self.add(f"{name}.bias", lambda: sum_rows(dy))
            dx = mm(dy, self.w[matrix])
            if adapted:
                change = dy * scale
                self.add(f"{name}.lora_b", lambda: mm(change.T, middle))
                inner = mm(change, up)
                self.add(f"{name}.lora_a", lambda: mm(inner.T, x))
                dx = dx + mm(inner, down)
            return dx.reshape(shape)

        return y.reshape(*shape[:-1], -1), backward

    def convolution(self, layer, x):
        name, kernel = layer["name"], layer["kernel"]
        weight = self.w[f"{name}.weight"].reshape(layer["outputs"], -1, kernel, kernel)
        bias = self.w[f"{name}.bias"]
        y, back = convolution.conv2d(self.products, x, weight, bias, layer["padding"])

        def backward(dy):
            dx, dweight, dbias = back(dy)
            self.add(f"{name}.weight", lambda: dweight)
            self.add(f"{name}.bias", lambda: dbias)
            return dx

        return y, backward

    def embedding(self, layer, numbers):
        table = f"{layer['name']}.weight"
        if numbers.max() >= layer["vocabulary"]:
            raise Abort(BAD_DATA, f"token {numbers.max()} has no row in the embedding")
        y, back = losses.embedding(numbers.reshape(-1), self.w[table])

        def backward(dy):
            self.add(table, lambda: back(dy.reshape(y.shape)))

        return y.reshape(*numbers.shape, -1), backward

    def positions(self, name, x):
        def backward(dy):
            self.add(f"{name}.weight", lambda: fold_rows(dy))
            return dy

        return x + self.w[f"{name}.weight"], backward

    def norm(self, layer, x):
        name, shape, epsilon = layer["name"], x.shape, layer["epsilon"]
        x, gain = x.reshape(-1, shape[-1]), self.w[f"{name}.weight"]
        if layer["layer"] == "rms_norm":
            y, back = elementwise.rms_norm(x, gain, epsilon)
        else:
            y, back = elementwise.layer_norm(x, gain, self.w[f"{name}.bias"], epsilon)

        def backward(dy):
            dx, dgain, *dbias = back(dy.reshape(x.shape))
            self.add(f"{name}.weight", lambda: dgain)
            if dbias:
                self.add(f"{name}.bias", lambda: dbias[0])
            return dx.reshape(shape)

        return y.reshape(shape), backward

    def dropout(self, layer, x):
        if self.drops is None:
            return x, lambda dy: dy
        seed, step, micro = self.drops
        name, threshold = f"dropout/{micro}/{layer['name']}", layer["threshold"]
        return elementwise.dropout(x, kept(seed, step, name, x.shape, threshold), threshold)

    def attention(self, layer, x):
        rows, length, width = x.shape
        name, size = layer["name"], width // layer["heads"]
        parts = [self.linear(f"{name}.{part}", x) for part in ("query", "key", "value")]

        def split(y):
            return y.reshape(rows, length, -1, size).transpose(0, 2, 1, 3)

        def join(heads):
            return heads.transpose(0, 2, 1, 3).reshape(rows, length, -1)

        q, k, v = (split(y) for y, _ in parts)
        turns = [lambda d: d, lambda d: d, lambda d: d]
        if layer["rope_base"]:
            tables = rope_tables(length, size, layer["rope_base"])
            (q, turns[0]), (k, turns[1]) = (attention.rotate(part, *tables) for part in (q, k))
        y, back_heads = self.causal_attention(q, k, v)
        y, back_output = self.linear(f"{name}.output", join(y))

        def backward(dy):
            heads = back_heads(split(back_output(dy)))
            dx = None
            for (_, back), turn, d in zip(parts, turns, heads, strict=True):
                change = back(join(turn(d)))
                dx = change if dx is None else dx + change
            return dx

        return y, backward

    def gated(self, name, x):
        gate, back_gate = self.linear(f"{name}.gate", x)
        up, back_up = self.linear(f"{name}.up", x)
        inner, back_inner = elementwise.gated_silu(gate, up)
        y, back_down = self.linear(f"{name}.down", inner)

        def backward(dy):
            dgate, dup = back_inner(back_down(dy))
            return back_gate(dgate) + back_up(dup)

        return y, backward

    def residual(self, layers, x):
        y, backs = x, []
        for layer in layers:
            y, back = self.one(layer, y)
            backs.append(back)

        def backward(dy):
            d = dy
            for back in reversed(backs):
                d = back(d)
            return dy + d

        return x + y, backward
