"""``walrusd model``: bring in a model in the layout of Hugging Face, and give one back. Offline."""

import json
from pathlib import Path
from typing import Any

import click

from walrusd.command_line import json_option, typed_errors
from walrusd.errors import BadRequest, ModelRefused

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def model() -> None:
    """Models in the layout of Hugging Face."""


@model.command("import")
@click.argument("folder", type=_FOLDER)
@click.option("--plan", "plan_path", type=_FILE, required=True, help="The plan to fill in.")
@click.option("--out", type=_FOLDER, required=True, help="Where to write plan and weights.")
@json_option
@typed_errors
def import_model(folder: Path, plan_path: Path, out: Path, *, as_json: bool) -> None:
    """Fill a plan with the model in FOLDER, and write its weights in our layout.

    The plan's model is {"kind": "huggingface"}, perhaps with context, dropout, and lora.
    """
    from walrusd.training.plan import read_plan  # noqa: PLC0415  # numpy
    from walrusd.training.pretrained import adopt_pretrained  # noqa: PLC0415
    from walrusd.training.weights import weights_to_bytes  # noqa: PLC0415

    config, tensors = read_folder(folder)
    document, weights = adopt_pretrained(_read_json(plan_path), config, tensors)
    plan = read_plan(document)
    out.mkdir(parents=True, exist_ok=True)
    (out / "plan.json").write_bytes(plan.to_bytes())
    (out / "weights.safetensors").write_bytes(weights_to_bytes(plan, weights))
    report = {"out": str(out), "weights": plan.model.size, "trained": plan.weight_count}
    _tell(report, as_json=as_json)


@model.command("export")
@click.option("--plan", "plan_path", type=_FILE, required=True, help="The plan of the task.")
@click.option("--weights", type=_FILE, required=True, help="Weights in our layout.")
@click.option("--out", type=_FOLDER, required=True, help="The folder to write.")
@json_option
@typed_errors
def export_model(plan_path: Path, weights: Path, out: Path, *, as_json: bool) -> None:
    """Write weights of a task as config.json and model.safetensors; adapters are merged.

    A head that shares the matrix of the embedding gets its own if it was adapted.
    """
    from safetensors.numpy import save  # noqa: PLC0415  # numpy

    from walrusd.training.huggingface import make_config  # noqa: PLC0415
    from walrusd.training.plan import read_plan  # noqa: PLC0415
    from walrusd.training.pretrained import export_pretrained  # noqa: PLC0415
    from walrusd.training.weights import weights_from_bytes  # noqa: PLC0415

    plan = read_plan(_read_json(plan_path))
    try:
        data = weights.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read {weights}: {error.strerror}") from error
    spec, tensors = export_pretrained(plan, weights_from_bytes(plan, data))
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(make_config(spec), indent=1) + "\n")
    # Readers of this layout look for the one key of metadata.
    (out / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
    _tell({"out": str(out), "tensors": len(tensors)}, as_json=as_json)


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the config and the tensors of a folder, all of its files together.

    Raises:
        BadRequest: if a file is missing or cannot be read.
        ModelRefused: if the weights are no safetensors, or of a type that float32 cannot hold.
    """
    from safetensors import SafetensorError  # noqa: PLC0415  # numpy
    from safetensors.torch import load_file  # noqa: PLC0415

    config = _read_json(folder / "config.json")
    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        listed = _read_json(index).get("weight_map")
        if not isinstance(listed, dict) or not all(isinstance(n, str) for n in listed.values()):
            raise ModelRefused(f"{index.name} has no weight_map of file names", key="weight_map")
        names = sorted(set(listed.values()))
    tensors: dict[str, Any] = {}
    for name in names:
        if Path(name).name != name:
            raise ModelRefused(f"{index.name} names a file elsewhere: {name}", key="weight_map")
        try:
            loaded = load_file(str(folder / name))
        except (OSError, SafetensorError) as error:
            raise BadRequest(
                f"cannot read {folder / name}",
                hint="a folder has config.json and model.safetensors, or an index of several",
            ) from error
        tensors |= {key: tensor.float().numpy() for key, tensor in loaded.items()}
    return config, tensors


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadRequest(f"{path} is not JSON") from error
    if not isinstance(document, dict):
        raise BadRequest(f"{path} is not an object")
    return document


def _tell(report: dict[str, Any], *, as_json: bool) -> None:
    click.echo(json.dumps(report) if as_json else "\n".join(f"{k}: {v}" for k, v in report.items()))
