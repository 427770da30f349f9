"""Chapter 0 of the specification of training: the keys of a plan, as the strict readers take them.

The readers are given something that answers every question with a value and notes what was asked
for: a key, its type and its bounds. The page must say the same, and no more.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from walrusd.errors import PlanRefused
from walrusd.training.plan import plan as plan_module
from walrusd.training.plan.builders import MAX_CONTEXT, read_gpt
from walrusd.training.plan.dataspec import MAX_PIXELS, read_data_schema
from walrusd.training.plan.layerlist import KINDS, MAX_DEPTH, LayerListSpec, read_layer_list
from walrusd.training.plan.modelspec import MAX_TENSORS, MAX_WEIGHTS, read_model_spec
from walrusd.training.plan.optimspec import read_clipping, read_optimizer
from walrusd.training.plan.plan import MAX_ACTIVATIONS, read_plan
from walrusd.training.plan.schedule import read_schedule
from walrusd.training.plan.shapes import compute_output_shape
from walrusd.training.plan.strict import Fields

NAME = "text of 1…64 characters"
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "walrusd" / "training" / "SPEC.md").read_text()
CHAPTER = PAGE.partition("\n## 0. ")[2].partition("\n## 1. ")[0]
NAMELESS = {"relu", "gelu", "silu", "average_pool", "flatten", "residual"}


def show(value: float) -> str:
    """Return a bound as the page writes it: powers of two beyond 2^17, and small ones, as such."""
    if value and (mantissa := math.frexp(value))[0] == 0.5 and not 0 <= mantissa[1] - 1 <= 17:
        return f"2^{mantissa[1] - 1}".replace("-", "−")
    return f"{value:,.0f}".replace("-", "−")


def show_range(low: float, high: float) -> str:
    return show(low) if low == high else f"{show(low)}…{show(high)}"


class Probe:
    """Answers as ``Fields`` would of a document that has every key, and notes each question.

    ``answers`` gives the value for a key; without one it is the lowest that is allowed.
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers
        self.asked: dict[str, str] = {}
        self.inner: dict[str, Probe] = {}

    def _note(self, key: str, asked: str, value: Any) -> Any:
        self.asked[key] = asked
        return self._answers.get(key, value)

    def integer(self, key: str, low: int, high: int) -> int:
        asked = show(low) if low == high else f"integer, {show_range(low, high)}"
        return self._note(key, asked, low)

    def integers(self, key: str, low: int, high: int, lengths: range) -> tuple[int, ...]:
        count = show_range(lengths.start, lengths.stop - 1)
        asked = f"{count} integers, each {show_range(low, high)}"
        return self._note(key, asked, (low,) * lengths.start)

    def float32(self, key: str, low: float, high: float) -> float:
        return self._note(key, f"number, {show_range(low, high)}", low)

    def boolean(self, key: str) -> bool:
        return self._note(key, "true or false", True)

    def text(self, key: str, longest: int) -> str:
        return self._note(key, f"text of 1…{longest} characters", "it")

    def strings(self, key: str, lengths: range, longest: int) -> tuple[str, ...]:
        asked = f"{show_range(lengths.start, lengths.stop - 1)} texts, each 1…{longest} characters"
        return self._note(key, asked, ("*",))

    def digest(self, key: str) -> bytes:
        return self._note(key, "32 bytes", bytes(32))

    def choice(self, key: str, *allowed: str) -> str:
        return self._note(key, ", ".join(f"`{word}`" for word in allowed), allowed[0])

    def fields(self, key: str) -> "Probe":
        self.inner[key] = Probe(self._answers.get(key, {}))
        self._note(key, "object", None)
        return self.inner[key]

    def items(self, key: str, most: int) -> "list[Probe]":
        found = [Probe(answers) for answers in self._note(key, f"1…{show(most)} objects", [])]
        self.inner.update({f"{key}[{index}]": probe for index, probe in enumerate(found)})
        return found

    def has(self, key: str) -> bool:
        return key in self._answers

    def is_text(self, key: str) -> bool:
        return isinstance(self._answers.get(key), str)

    def refuse(self, key: str, expected: str) -> PlanRefused:
        return PlanRefused(f"{key} must be {expected}", key=key)

    def finish(self) -> None:
        """Every key that is not asked for would be refused."""


def rows(heading: str) -> dict[str, list[str]]:
    """Return the cells after the name, by name, of the table under a heading."""
    assert CHAPTER.count(f"\n### {heading}\n") == 1, heading
    part = CHAPTER.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    found = re.findall(r"^\| `(\w+)` \|(.*)\|$", part, re.MULTILINE)
    assert len({name for name, _ in found}) == len(found), heading
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in found}


def told(heading: str) -> dict[str, str]:
    return {name: cells[0] for name, cells in rows(heading).items()}


ADAPTED = {"lora": {}}
SIZED = {
    "model": {"classes": 2},
    "dataset": {"classes": 2},
    "micro_batches": (1,),
}
LISTED = {"kind": "layers", "input": (4,), "layers": [{"layer": "linear"}]}
READERS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "Optimizer `sgd`": (read_optimizer, {"kind": "sgd"}),
    "Optimizer `adamw`": (read_optimizer, {"kind": "adamw"}),
    "Schedule": (read_schedule, {"kind": "cosine"}),
    "Dataset `tabular-u8`": (read_data_schema, {"kind": "tabular-u8"}),
    "Dataset `tabular-f32`": (read_data_schema, {"kind": "tabular-f32"}),
    "Dataset `image-u8`": (read_data_schema, {"kind": "image-u8"}),
    "Dataset `tokens`": (read_data_schema, {"kind": "tokens"}),
    "Model `mlp`": (read_model_spec, ADAPTED | {"kind": "mlp"}),
    "Model `convnet`": (read_model_spec, ADAPTED | {"kind": "convnet"}),
    "Model `gpt`": (read_model_spec, ADAPTED | {"kind": "gpt", "style": "llama", "width": 2}),
    "Model `layers`": (read_model_spec, ADAPTED | LISTED),
}


@pytest.mark.parametrize("heading", READERS)
def test_every_key_stands_with_its_bounds_and_no_other(heading: str) -> None:
    read, answers = READERS[heading]
    probe = Probe(answers)
    read(probe)
    assert told(heading) == probe.asked


def test_the_readers_cover_every_kind_that_can_be_chosen() -> None:
    for word in ("optimizer", "dataset", "model"):
        covered = {name.split("`")[1] for name in READERS if name.lower().startswith(word)}
        chosen = {
            tuple(re.findall(r"`([\w-]+)`", told(name)["kind"]))
            for name in READERS
            if name.lower().startswith(word)
        }
        assert {frozenset(kinds) for kinds in chosen} == {frozenset(covered)}


def test_the_keys_of_a_plan_its_update_clipping_and_adapters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = Probe(SIZED)
    monkeypatch.setattr(plan_module, "Fields", lambda _document, _where: probe)
    read_plan({})
    assert told("Plan") == probe.asked | {"clipping": "object"}
    assert told("Update") == probe.inner["update"].asked
    clipping = Probe({})
    read_clipping(clipping)
    assert told("Clipping") == clipping.inner["clipping"].asked
    model = Probe(ADAPTED | {"kind": "mlp"})
    read_model_spec(model)
    assert told("Adapters") == model.inner["lora"].asked


def test_keys_of_one_style_alone_are_not_read_in_the_other() -> None:
    gpt2, constant = Probe({"style": "gpt2"}), Probe({"kind": "constant"})
    read_gpt(gpt2)
    read_schedule(constant)
    assert set(told("Model `gpt`")) - gpt2.asked.keys() == {"kind", "rope_base", "lora"}
    assert set(told("Schedule")) - constant.asked.keys() == {"floor"}


def test_the_bounds_in_sentences_are_those_of_the_code() -> None:
    sentences = (
        f"more than {show(MAX_TENSORS)} tensors or {show(MAX_WEIGHTS)} weights",
        f"is above {show(MAX_ACTIVATIONS)}.",
        f"a product of at most {show(MAX_PIXELS)}",
        f"nested up to {MAX_DEPTH} deep",
        f"`t` at most {show(MAX_CONTEXT)}",
        f"`name`, {NAME}",
    )
    text = " ".join(CHAPTER.split())
    assert [sentence for sentence in sentences if sentence not in text] == []


SHAPES = {
    "conv2d": (3, 8, 6),
    "average_pool": (3, 8, 6),
    "flatten": (3, 8, 6),
    "embedding": (5,),
}
ANSWERS: dict[str, dict[str, Any]] = {
    "linear": {"outputs": 7},
    "conv2d": {"outputs": 7, "kernel": 3, "padding": 2},
    "embedding": {"vocabulary": 9, "width": 4},
    "attention": {"heads": 4, "kv_heads": 2, "rope_base": 0},
    "gated_mlp": {"hidden": 7},
    "average_pool": {"size": 2},
    "residual": {"layers": [{"layer": "relu"}]},
}


def compute(formula: str, values: dict[str, int]) -> int:
    """Return the value of sums of products and quotients, from left to right."""
    total, sign = 0, 1
    for term in re.split(r" ([+−]) ", formula):
        if term in "+−":
            sign = 1 if term == "+" else -1
            continue
        product = 1
        for part in re.findall(r"[·/]?\w+", term):
            name = part.lstrip("·/")
            value = int(name) if name.isdigit() else values[name]
            product = product // value if part.startswith("/") else product * value
        total += sign * product
    return total


def compute_shape(formula: str, values: dict[str, int]) -> tuple[int, ...]:
    return tuple(compute(part, values) for part in formula.split(", "))


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_stands_with_its_keys_shapes_and_tensors(kind: str) -> None:
    keys, shapes, tensors = rows("Layers")[kind]
    shape, answers = SHAPES.get(kind, (6, 8)), {"layer": kind} | ANSWERS.get(kind, {})
    probe = Probe({"input": shape, "layers": [answers]})
    (layer,) = read_layer_list(probe).layers()
    asked = probe.inner["layers[0]"].asked
    assert asked.pop("layer") == ", ".join(f"`{kind}`" for kind in KINDS)
    assert asked.pop("name", None) == (None if kind in NAMELESS else NAME)
    assert dict(re.findall(r"`(\w+)` ([^;]+)", keys)) == asked

    letters = {3: ("c", "h", "w"), 2: ("t", "w"), 1: ("t",)}[len(shape)]
    values = dict(zip(letters, shape, strict=True)) | {
        key: value for key, value in answers.items() if isinstance(value, int)
    }
    found = {
        f"it{name}": compute_shape(formula, values)
        for name, formula in re.findall(r"`(\.[\w.]+) \(([^)]*)\)`", tensors)
    }
    if kind != "residual":
        assert found == {tensor.name: tensor.shape for tensor in layer.tensors()}
    formulas = re.findall(r"`\(([^)]*)\)`", shapes)
    after = compute_output_shape(layer, shape)
    if formulas:
        formula = formulas[-1].replace("…", ", ".join(letters[:-1]))
        assert compute_shape(formula, values) == after
    else:
        assert after == ((math.prod(shape),) if kind == "flatten" else shape)


def make_map(name: str, outputs: int, *, bias: bool = True) -> dict[str, Any]:
    return {"layer": "linear", "name": name, "outputs": outputs, "bias": bias}


def make_norm(name: str, *, rms: bool) -> dict[str, Any]:
    return {"layer": "rms_norm" if rms else "layer_norm", "name": name, "epsilon": "1"}


def make_block(name: str, style: str) -> list[dict[str, Any]]:
    rms = style == "llama"
    attention = {"heads": 4, "kv_heads": 2 if rms else 4, "rope_base": 9 if rms else 0}
    attention |= {"layer": "attention", "name": f"{name}.attention", "bias": not rms}
    widened: list[dict[str, Any]] = [
        make_map(f"{name}.mlp.up", 24),
        {"layer": "gelu"},
        make_map(f"{name}.mlp.down", 16),
    ]
    gated = [{"layer": "gated_mlp", "name": f"{name}.mlp", "hidden": 24}]
    drops = [
        {"layer": "dropout", "name": f"{name}.{part}.dropout", "threshold": 3} for part in DROP
    ]
    first = [make_norm(f"{name}.norm1", rms=rms), attention, drops[0]]
    second = [make_norm(f"{name}.norm2", rms=rms), *(gated if rms else widened), drops[1]]
    return [{"layer": "residual", "layers": part} for part in (first, second)]


def make_transformer(style: str) -> list[dict[str, Any]]:
    places = [{"layer": "positions", "name": "positions"}] if style == "gpt2" else []
    return [
        {"layer": "embedding", "name": "tokens", "vocabulary": 11, "width": 16},
        *places,
        {"layer": "dropout", "name": "embedding.dropout", "threshold": 3},
        *make_block("block00", style),
        *make_block("block01", style),
        make_norm("norm", rms=style == "llama"),
        make_map("head", 11, bias=False),
    ]


DROP = ("attention", "mlp")
GPT = {"kind": "gpt", "vocabulary": 11, "context": 5, "width": 16, "layers": 2, "heads": 4}
GPT |= {"hidden": 24, "tied": False, "norm_epsilon": "1", "dropout": 3}
CONVNET = {"kind": "convnet", "image": [2, 8, 4], "channels": [3], "kernel": 5, "pool": 2}
CONVNET |= {"hidden": [7], "classes": 5}
CONVOLUTION = {"layer": "conv2d", "name": "conv00", "outputs": 3, "kernel": 5, "padding": 2}
PERCEPTRON = [make_map("linear00", 7), {"layer": "relu"}, make_map("linear01", 5)]
FAMILIES: dict[str, tuple[dict[str, Any], list[int], list[dict[str, Any]]]] = {
    "mlp": ({"kind": "mlp", "inputs": 6, "hidden": [7], "classes": 5}, [6], PERCEPTRON),
    "convnet": (
        CONVNET,
        [2, 8, 4],
        [
            CONVOLUTION,
            {"layer": "relu"},
            {"layer": "average_pool", "size": 2},
            {"layer": "flatten"},
            *PERCEPTRON,
        ],
    ),
    "gpt2": (GPT | {"style": "gpt2", "kv_heads": 4}, [5], make_transformer("gpt2")),
    "llama": (
        GPT | {"style": "llama", "kv_heads": 2, "rope_base": 9},
        [5],
        make_transformer("llama"),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_a_list_of_the_layers_of_the_table(family: str) -> None:
    document, shape, layers = FAMILIES[family]
    made = read_model_spec(Fields(document, "model"))
    listed = read_model_spec(Fields({"kind": "layers", "input": shape, "layers": layers}, "model"))
    assert LayerListSpec(made.input_shape, made.layers).to_json() == listed.to_json()
    assert made.shapes == listed.shapes
    assert [(t.name, t.shape) for t in made.tensors()] == [
        (t.name, t.shape) for t in listed.tensors()
    ]


def test_every_layer_that_stands_is_read() -> None:
    assert list(rows("Layers")) == list(KINDS)


def test_the_example_is_a_plan_with_the_digest_that_stands_there() -> None:
    document = json.loads(re.findall(r"```json\n(.*?)```", CHAPTER, re.DOTALL)[0])
    plan = read_plan(document)
    assert json.loads(plan.to_bytes()) == document
    assert re.findall(r"\b[0-9a-f]{64}\b", CHAPTER)[0] == plan.digest().hex()
