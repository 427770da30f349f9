"""Random models with a dataset that fits, for ``random_plans``: families, and lists of layers."""

import math


def divisor(rng, number):
    return rng.choice([n for n in range(1, number + 1) if number % n == 0])


def hex_power(exponent):
    return f"0x1p{exponent:+d}"


def label(rng, classes, shape):
    """Return a dataset of bytes with labels for inputs of a shape."""
    image = len(shape) == 3
    scale = {"scale_log2": rng.randint(-8, 1), "classes": classes}
    if image:
        return {"kind": "image-u8", "shape": list(shape)} | scale
    return {"kind": "tabular-u8", "features": math.prod(shape)} | scale


def make_mlp(rng):
    inputs, classes = rng.randint(1, 20), rng.randint(2, 9)
    hidden = [rng.randint(1, 20) for _ in range(rng.randint(0, 3))]
    model = {"kind": "mlp", "inputs": inputs, "hidden": hidden, "classes": classes}
    if rng.random() < 0.3:
        return model, {"kind": "tabular-f32", "features": inputs, "targets": classes}
    return model, label(rng, classes, (inputs,))


def make_convnet(rng):
    count, pool = rng.randint(1, 2), rng.randint(1, 3)
    side = pool**count
    classes = rng.choice([2, 7, 300])
    image = [rng.randint(1, 3), side * rng.randint(1, 3), side * rng.randint(1, 3)]
    model = {
        "kind": "convnet",
        "image": image,
        "channels": [rng.randint(1, 5) for _ in range(count)],
        "kernel": rng.choice([1, 3, 5]),
        "pool": pool,
        "hidden": [rng.randint(1, 9)] if rng.random() < 0.5 else [],
        "classes": classes,
    }
    return model, label(rng, classes, image)


def make_gpt(style):
    def make(rng):
        heads = rng.choice([1, 2, 3, 4])
        width = heads * rng.randint(1, 4) * (2 if style == "llama" else 1)
        vocabulary = rng.choice([2, 5, 29, 300])
        if rng.random() < 0.05:
            vocabulary, width, heads = 65_537, 2, 1
        context = rng.randint(1, 12)
        model = {
            "kind": "gpt",
            "style": style,
            "vocabulary": vocabulary,
            "context": context,
            "width": width,
            "layers": rng.randint(1, 2),
            "heads": heads,
            "kv_heads": divisor(rng, heads) if style == "llama" else heads,
            "hidden": rng.randint(1, 16),
            "tied": rng.random() < 0.5,
            "norm_epsilon": hex_power(rng.choice([-17, -60, 0])),
            "dropout": rng.choice([0, 26, 128, 255]),
        }
        if style == "llama":
            model["rope_base"] = rng.choice([2, 10_000, 500_000, 1 << 40])
        return model, {"kind": "tokens", "length": context, "vocabulary": vocabulary}

    return make


class Stack:
    """A list of random layers that grows; ``shape`` is what the last one gives."""

    def __init__(self, rng, shape):
        self.rng, self.shape, self.layers, self.count = rng, shape, [], 0

    def name(self):
        self.count += 1
        return f"{self.rng.choice('abz')}{self.count}"

    def add(self, kind, **fields):
        self.layers.append({"layer": kind, **fields})

    def grow(self, depth=0):
        """Add one layer, or a few; a residual one keeps the shape."""
        rng, width = self.rng, self.shape[-1]
        kinds = ["relu", "gelu", "silu", "dropout", "layer_norm", "rms_norm", "linear", "gated_mlp"]
        if depth < 2:
            kinds += ["residual", "residual"]
        if len(self.shape) == 2:
            kinds += ["attention", "attention", "positions"]
        if len(self.shape) == 3:
            kinds += ["conv2d", "conv2d", "average_pool"]
        match rng.choice(kinds):
            case "relu" | "gelu" | "silu" as kind:
                self.add(kind)
            case "dropout":
                shared = rng.random() < 0.3
                name = "shared" if shared else self.name()
                self.add("dropout", name=name, threshold=rng.choice([1, 40, 255]))
            case "layer_norm" | "rms_norm" as kind:
                self.add(kind, name=self.name(), epsilon=hex_power(rng.randint(-40, 0)))
            case "linear":
                outputs = width if depth else rng.randint(1, 8)
                self.linear(outputs)
            case "gated_mlp":
                self.add("gated_mlp", name=self.name(), hidden=rng.randint(1, 8))
            case "positions":
                self.add("positions", name=self.name())
            case "attention":
                self.attention()
            case "conv2d":
                kernel = rng.randint(1, 3)
                outputs = self.shape[0] if depth else rng.randint(1, 4)
                self.convolution(outputs, kernel, depth)
            case "average_pool":
                size = 1 if depth else divisor(rng, math.gcd(*self.shape[1:]))
                self.add("average_pool", size=size)
                self.shape = (self.shape[0], *(side // size for side in self.shape[1:]))
            case "residual":
                self.residual(depth)

    def linear(self, outputs):
        self.add("linear", name=self.name(), outputs=outputs, bias=self.rng.random() < 0.6)
        self.shape = (*self.shape[:-1], outputs)

    def attention(self):
        rng, width = self.rng, self.shape[-1]
        heads = divisor(rng, width)
        base = rng.choice([0, 2, 10_000]) if width // heads % 2 == 0 else 0
        fields = {"kv_heads": divisor(rng, heads), "rope_base": base, "bias": rng.random() < 0.5}
        self.add("attention", name=self.name(), heads=heads, **fields)

    def convolution(self, outputs, kernel, depth):
        if depth:
            kernel |= 1
        padding = kernel // 2 if depth else self.rng.randint(0, 2)
        sides = [side + 2 * padding - kernel + 1 for side in self.shape[1:]]
        if min(sides) < 1:
            return
        fields = {"outputs": outputs, "kernel": kernel, "padding": padding}
        self.add("conv2d", name=self.name(), **fields)
        self.shape = (outputs, *sides)

    def residual(self, depth):
        outer, self.layers = self.layers, []
        for _ in range(self.rng.randint(1, 3)):
            self.grow(depth + 1)
        inner, self.layers = self.layers, outer
        if inner:
            self.add("residual", layers=inner)


def finish(stack, shape, rng, dataset_of):
    classes = rng.randint(2, 8)
    for _ in range(rng.randint(0, 5)):
        stack.grow()
    if len(stack.shape) > 1:
        stack.add("flatten")
        stack.shape = (math.prod(stack.shape),)
    stack.linear(classes)
    model = {"kind": "layers", "input": list(shape), "layers": stack.layers}
    return model, dataset_of(classes)


def make_table(rng):
    shape = rng.choice([(rng.randint(1, 9),), (rng.randint(1, 6), rng.randint(1, 8))])

    def dataset_of(classes):
        if rng.random() < 0.5:
            return {"kind": "tabular-f32", "features": math.prod(shape), "targets": classes}
        return label(rng, classes, shape)

    return finish(Stack(rng, shape), shape, rng, dataset_of)


def make_image(rng):
    shape = (rng.randint(1, 3), rng.choice([2, 4, 6]), rng.choice([2, 4, 6]))
    return finish(Stack(rng, shape), shape, rng, lambda classes: label(rng, classes, shape))


def make_tokens(rng):
    """Return listed layers on tokens; the embedding may know fewer tokens than the dataset."""
    length, vocabulary = rng.randint(1, 9), rng.choice([2, 6, 300])
    stack = Stack(rng, (length,))
    width = rng.randint(1, 8)
    known = vocabulary if rng.random() < 0.9 else max(2, vocabulary // 2)
    stack.add("embedding", name="table", vocabulary=known, width=width)
    stack.shape = (length, width)
    for _ in range(rng.randint(0, 5)):
        stack.grow()
    stack.linear(vocabulary)
    model = {"kind": "layers", "input": [length], "layers": stack.layers}
    return model, {"kind": "tokens", "length": length, "vocabulary": vocabulary}


MAKERS = (
    make_mlp,
    make_convnet,
    make_gpt("gpt2"),
    make_gpt("llama"),
    make_table,
    make_image,
    make_tokens,
)
