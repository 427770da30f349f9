"""Publish a model in the layout of Hugging Face, converted by a separate process.

Reading such weights takes torch and memory, which a daemon should not keep.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import trio

from walrusd.errors import BadRequest, ModelRefused, TrainingFailed
from walrusd.files import write_atomically
from walrusd.runtime.child_output import error_from_json
from walrusd.training.formats.pretrained import KIND, is_pretrained
from walrusd.training.plan.strict import canonical_json


async def adopt_folder(params: dict[str, Any], work_dir: Path) -> dict[str, Any]:
    """Return a request with the converted plan and weights; without such a model, as it is.

    Raises:
        BadRequest, ModelRefused: if the folder holds no model that can be trained exactly.
        TrainingFailed: if the conversion ended without a result.
    """
    plan = params.get("plan")
    if not is_pretrained(plan):
        return params
    folder = params.get("weights_path")
    if not isinstance(folder, str):
        raise BadRequest(
            f"a plan with a model of kind {KIND} needs weights_path",
            hint="the folder that holds config.json and model.safetensors",
        )
    directory = work_dir / "import"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan_path = directory / "asked.json"
    write_atomically(plan_path, canonical_json(plan))
    await _convert(folder, plan_path, directory)
    filled = json.loads((directory / "plan.json").read_bytes())
    return {**params, "plan": filled, "weights_path": str(directory / "weights.safetensors")}


async def _convert(folder: str, plan_path: Path, directory: Path) -> None:
    command = [sys.executable, "-m", "walrusd", "model", "import", folder]
    command += ["--plan", str(plan_path), "--out", str(directory), "--json"]
    done = await trio.run_process(
        command, capture_stdout=True, capture_stderr=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode == 0:
        return
    try:
        error = json.loads(done.stdout)["error"]
    except (ValueError, KeyError, TypeError):
        raise TrainingFailed("the model could not be converted: its process died") from None
    if str(error.get("code")).startswith("local."):
        raise error_from_json(error)
    kind = ModelRefused if error["code"] == ModelRefused.code else BadRequest
    raise kind(error["message"], hint=error["hint"])
