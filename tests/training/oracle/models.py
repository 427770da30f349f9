"""A plan's model as a list of layers, with the shape and the beginning of every tensor.

SPEC chapters 0 and 7: the families are lists with given names. A layer is the object that a plan
would hold. One key is added: ``table``, in the head of a tied model, names the matrix it borrows.
"""

import math
from fnmatch import fnmatchcase

import numpy as np

from .arithmetic import F32, f32
from .stream import uniform

GPT_BOUND = f32(0.02 * math.sqrt(3.0))
GPT_LAST = (".attention.output.weight", ".mlp.down.weight")


def linear(name, outputs, bias=True):
    return {"layer": "linear", "name": name, "outputs": outputs, "bias": bias}


def list_perceptron(widths):
    layers = []
    for index, outputs in enumerate(widths):
        layers += [{"layer": "relu"}] if index else []
        layers.append(linear(f"linear{index:02d}", outputs))
    return layers


def list_convnet(model):
    layers = []
    for index, outputs in enumerate(model["channels"]):
        layer = {"layer": "conv2d", "name": f"conv{index:02d}", "outputs": outputs}
        layers.append(layer | {"kernel": model["kernel"], "padding": model["kernel"] // 2})
        layers.append({"layer": "relu"})
        if model["pool"] > 1:
            layers.append({"layer": "average_pool", "size": model["pool"]})
    return [*layers, {"layer": "flatten"}, *list_perceptron([*model["hidden"], model["classes"]])]


def list_gpt(model):
    gpt2 = model["style"] == "gpt2"

    def norm(name):
        kind = "layer_norm" if gpt2 else "rms_norm"
        return {"layer": kind, "name": name, "epsilon": model["norm_epsilon"]}

    def drop(name):
        layer = {"layer": "dropout", "name": f"{name}.dropout", "threshold": model["dropout"]}
        return [layer] if model["dropout"] else []

    tokens = {"vocabulary": model["vocabulary"], "width": model["width"]}
    layers = [{"layer": "embedding", "name": "tokens"} | tokens]
    layers += [{"layer": "positions", "name": "positions"}] if gpt2 else []
    layers += drop("embedding")
    for index in range(model["layers"]):
        block = f"block{index:02d}"
        attention = {"layer": "attention", "name": f"{block}.attention", "bias": gpt2}
        attention |= {"heads": model["heads"], "kv_heads": model["kv_heads"]}
        attention["rope_base"] = 0 if gpt2 else model["rope_base"]
        feed = [{"layer": "gated_mlp", "name": f"{block}.mlp", "hidden": model["hidden"]}]
        if gpt2:
            up, down = model["hidden"], model["width"]
            feed = [linear(f"{block}.mlp.up", up), {"layer": "gelu"}]
            feed.append(linear(f"{block}.mlp.down", down))
        for name, parts in (("attention", [attention]), ("mlp", feed)):
            first = norm(f"{block}.norm1" if name == "attention" else f"{block}.norm2")
            inner = [first, *parts, *drop(f"{block}.{name}")]
            layers.append({"layer": "residual", "layers": inner})
    head = linear("head", model["vocabulary"], bias=False)
    head |= {"table": "tokens.weight"} if model["tied"] else {}
    return [*layers, norm("norm"), head]


def list_layers(model):
    """Return the shape of a row, and the layers in forward order."""
    match model["kind"]:
        case "mlp":
            return (model["inputs"],), list_perceptron([*model["hidden"], model["classes"]])
        case "convnet":
            return tuple(model["image"]), list_convnet(model)
        case "gpt":
            return (model["context"],), list_gpt(model)
        case "layers":
            return tuple(model["input"]), model["layers"]
    raise ValueError(f"no model is called {model['kind']}")


class Tensors:
    """The tensors of a model: ``shapes`` by name, ``maps`` of linear maps, what is ``trained``.

    ``output`` is the shape of what the model gives for a row.
    """

    def __init__(self, model):
        self.model = model
        self.input, self.layers = list_layers(model)
        self.shapes, self.maps, self._tables = {}, {}, set()
        self.output = self._walk(self.layers, self.input)
        adapters = model.get("lora")
        self.frozen = sorted(self.shapes) if adapters else []
        if adapters:
            for name, (outputs, inputs) in self.maps.items():
                if any(fnmatchcase(name, target) for target in adapters["targets"]):
                    self.shapes[f"{name}.lora_a"] = (adapters["rank"], inputs)
                    self.shapes[f"{name}.lora_b"] = (outputs, adapters["rank"])
        self.trained = sorted(self.shapes.keys() - set(self.frozen))

    def _map(self, name, outputs, inputs, *, bias, borrowed=False):
        self.maps[name] = (outputs, inputs)
        if not borrowed:
            self.shapes[f"{name}.weight"] = (outputs, inputs)
        if bias:
            self.shapes[f"{name}.bias"] = (outputs,)

    def _walk(self, layers, shape):
        for layer in layers:
            shape = self._pass(layer, shape)
        return shape

    def _pass(self, layer, shape):
        """Note the tensors of a layer; return the shape that it gives."""
        name, width = layer.get("name"), shape[-1]
        match layer["layer"]:
            case "linear":
                outputs, borrowed = layer["outputs"], "table" in layer
                self._map(name, outputs, width, bias=layer["bias"], borrowed=borrowed)
                return (*shape[:-1], outputs)
            case "conv2d":
                outputs, kernel = layer["outputs"], layer["kernel"]
                self.shapes[f"{name}.weight"] = (outputs, shape[0] * kernel * kernel)
                self.shapes[f"{name}.bias"] = (outputs,)
                return (outputs, *(s + 2 * layer["padding"] - kernel + 1 for s in shape[1:]))
            case "embedding":
                self.shapes[f"{name}.weight"] = (layer["vocabulary"], layer["width"])
                self._tables.add(f"{name}.weight")
                return (*shape, layer["width"])
            case "positions":
                self.shapes[f"{name}.weight"] = shape
                self._tables.add(f"{name}.weight")
            case "layer_norm" | "rms_norm":
                self.shapes[f"{name}.weight"] = (width,)
                if layer["layer"] == "layer_norm":
                    self.shapes[f"{name}.bias"] = (width,)
            case "attention":
                shared = width // layer["heads"] * layer["kv_heads"]
                for part in ("query", "key", "value", "output"):
                    outputs = shared if part in ("key", "value") else width
                    self._map(f"{name}.{part}", outputs, width, bias=layer["bias"])
            case "gated_mlp":
                for part in ("gate", "up"):
                    self._map(f"{name}.{part}", layer["hidden"], width, bias=False)
                self._map(f"{name}.down", width, layer["hidden"], bias=False)
            case "average_pool":
                return (shape[0], *(side // layer["size"] for side in shape[1:]))
            case "flatten":
                return (math.prod(shape),)
            case "residual":
                self._walk(layer["layers"], shape)
        return shape

    def names_of(self, layer):
        """Return the names of the tensors that one of the outer layers has of its own."""
        if layer["layer"] == "residual":
            return {name for inner in layer["layers"] for name in self.names_of(inner)}
        prefix = f"{layer.get('name')}."
        return {name for name in self.shapes if "name" in layer and name.startswith(prefix)}

    def begin(self, seed):
        """Return the initial values of all tensors."""
        return {name: self._begin_one(name, shape, seed) for name, shape in self.shapes.items()}

    def _begin_one(self, name, shape, seed):
        if name.endswith(".lora_a"):
            bound = f32(math.sqrt(3.0 / shape[-1]))
        elif name.endswith((".bias", ".lora_b")):
            return np.zeros(shape, F32)
        elif len(shape) == 1:
            return np.ones(shape, F32)
        elif self.model["kind"] == "gpt":
            depth = math.sqrt(2.0 * self.model["layers"])
            last = name.endswith(GPT_LAST)
            bound = f32(float(GPT_BOUND) / depth) if last else GPT_BOUND
        else:
            bound = f32(math.sqrt((1.0 if name in self._tables else 6.0) / shape[-1]))
        return uniform(seed, 0, f"init/{name}", shape, bound)
