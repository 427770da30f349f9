"""``walrusd model``: import a model in the layout of Hugging Face, or export one. Offline."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from walrusd.cli.inputs import read_input
from walrusd.cli.model_folder import read_folder, read_json
from walrusd.cli.options import json_option, say, say_json, typed_errors
from walrusd.errors import explain_os_error
from walrusd.files import new_file

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
    from walrusd.training.formats.pretrained import adopt_pretrained  # noqa: PLC0415
    from walrusd.training.plan.plan import read_plan  # noqa: PLC0415  # numpy
    from walrusd.training.run.weights import weights_to_bytes  # noqa: PLC0415

    config, tensors = read_folder(folder)
    document, weights = adopt_pretrained(read_json(plan_path), config, tensors)
    plan = read_plan(document)
    data = weights_to_bytes(plan, weights)
    _write(out, {"plan.json": plan.to_bytes(), "weights.safetensors": data})
    report = {"out": str(out), "weights": plan.model.size, "trained": plan.weight_count}
    _report(report, as_json=as_json)


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

    from walrusd.training.formats.huggingface_config import make_config  # noqa: PLC0415
    from walrusd.training.formats.pretrained import export_pretrained  # noqa: PLC0415
    from walrusd.training.plan.plan import read_plan  # noqa: PLC0415
    from walrusd.training.run.weights import weights_from_bytes  # noqa: PLC0415

    plan = read_plan(read_json(plan_path))
    data = read_input(weights)
    spec, tensors = export_pretrained(plan, weights_from_bytes(plan, data))
    config = json.dumps(make_config(spec), indent=1) + "\n"
    # Readers of this layout expect the one key of metadata.
    model = save(tensors, metadata={"format": "pt"})
    _write(out, {"config.json": config.encode(), "model.safetensors": model})
    _report({"out": str(out), "tensors": len(tensors)}, as_json=as_json)


def _write(out: Path, files: dict[str, bytes]) -> None:
    """Write the files of a folder; if one cannot be written, none is kept.

    Raises:
        LocalFault: if the disk refuses.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for name, data in files.items():
                # Open until all are written, so that a failure removes all of them.
                file = stack.enter_context(new_file(out / name, mode=0o666))
                file.write(data)
                file.flush()
    except OSError as error:
        raise explain_os_error(error) from error


def _report(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(report)
        return
    for key, value in report.items():
        say(f"{key}: {value}")
