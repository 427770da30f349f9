"""Get what the chain only names: manifests, plans, weights, datasets, files, openings.

Everything is checked against its anchor before it is used, and kept on disk under its digest.
"""

import os
from pathlib import Path

import trio

from walrusd.chain.layouts.objects import Submission, Task
from walrusd.core.manifest import MAX_MANIFEST_BYTES, TaskManifest, parse_task_manifest
from walrusd.core.opening import Opening, parse_opening
from walrusd.crypto.stream import (
    StreamKind,
    decrypt_bytes,
    decrypt_stream,
    stream_aad,
    verify_key_check,
)
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.vfile import VerificationFile, read_verification_file
from walrusd.errors import BlobCorrupt, MalformedData, VerificationFailed
from walrusd.services.heavy import check_file, compute_file_row_root, run_heavy
from walrusd.services.tools import Tools
from walrusd.training.plan import Plan, parse_plan
from walrusd.units import BlobId, address_bytes

MAX_WEIGHTS_BYTES = 64 << 30
MAX_DATASET_BYTES = 256 << 30
MAX_FILE_BYTES = 1 << 30
MAX_OPENING_BYTES = 4 << 30


class Fetcher:
    """Reads of Walrus on behalf of all services."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._plans: dict[bytes, tuple[TaskManifest, Plan]] = {}

    def _dir(self, name: str) -> Path:
        path = self._tools.settings.daemon.data_dir / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    async def plan_of(self, task: Task) -> tuple[TaskManifest, Plan]:
        """Return a task's manifest and plan.

        Raises:
            MalformedData, PlanRefused: if they are not what the task's digests name, or the plan
                does not have the task's number of segments.
        """
        if task.manifest_digest not in self._plans:
            data = await self._tools.store.get(BlobId(task.manifest_blob), MAX_MANIFEST_BYTES)
            manifest = parse_task_manifest(data, task.manifest_digest)
            plan = parse_plan(manifest.plan.encode("ascii"))
            self._plans[task.manifest_digest] = manifest, plan
        manifest, plan = self._plans[task.manifest_digest]
        if plan.digest() != task.plan_digest:
            raise MalformedData("the task's plan does not have the digest that the task names")
        if plan.segments != task.terms.segments:
            raise MalformedData(
                f"the plan has {plan.segments} segments, the task {task.terms.segments}"
            )
        return manifest, plan

    async def plan_file(self, task: Task) -> Path:
        """Return the path of the plan's canonical bytes."""
        _manifest, plan = await self.plan_of(task)
        path = self._dir("plans") / f"{task.plan_digest.hex()}.json"
        if not path.exists():
            write_privately(path, plan.to_bytes())
        return path

    async def weights_of(self, task: Task) -> Path:
        """Return the path of a task's initial weights (safetensors)."""
        manifest, _plan = await self.plan_of(task)
        path = self._dir("models") / f"{manifest.weights_digest.hex()}.safetensors"
        if not path.exists():
            await self._tools.store.get_file(
                BlobId(manifest.weights_blob),
                manifest.weights_digest,
                path,
                max_bytes=MAX_WEIGHTS_BYTES,
            )
        return path

    async def dataset_of(self, submission: Submission, dek: bytes, row_bytes: int) -> Path:
        """Return the path of the decrypted rows of a submission's dataset, mode 0600.

        Raises:
            DecryptionFailed: if ``dek`` is not the key that the listing commits to.
            VerificationFailed: if the rows are not the listed ones.
        """
        root = submission.dataset_root
        path = self._dir("datasets") / f"{root.hex()}.rows"
        if path.exists():
            return path
        verify_key_check(dek, root, submission.dataset_key_check)
        dataset = await self._tools.contract.dataset(submission.dataset)
        version = dataset.versions[submission.dataset_version - 1]
        sealed = path.with_suffix(".sealed")
        await self._tools.store.get_file(
            BlobId(version.blob), version.manifest_digest, sealed, max_bytes=MAX_DATASET_BYTES
        )
        aad = await self.dataset_aad(root)
        partial = path.with_suffix(".partial")
        await trio.to_thread.run_sync(_decrypt_file, sealed, partial, dek, aad)
        found, count = await run_heavy(compute_file_row_root, dek, str(partial), row_bytes)
        if found != root or count != submission.dataset_rows:
            partial.unlink()
            raise VerificationFailed("the dataset's rows do not have the listed row root")
        partial.rename(path)
        sealed.unlink()
        return path

    async def dataset_aad(self, row_root: bytes) -> bytes:
        """Return the associated data of a dataset's stream; its object is named by its row root."""
        market = await self._tools.contract.market()
        return stream_aad(
            StreamKind.DATASET, market.chain_id, address_bytes(market.package), row_root
        )

    async def file_of(self, submission: Submission) -> VerificationFile:
        """Return a submission's verification file, checked in itself and against the chain.

        Raises:
            VerificationFailed: if a check of ``vfile_checks`` fails, or a root in the file is not
                the committed one.
        """
        commitment = submission.commitment
        assert commitment is not None
        data = await self._tools.store.get(BlobId(commitment.file_blob), MAX_FILE_BYTES)
        await run_heavy(check_file, data, commitment.file_digest)
        file = read_verification_file(data)
        header = file.header
        found = (header.trace_root, header.update_root, header.scheme.rows_root)
        if found != (commitment.trace_root, commitment.update_root, commitment.scheme_root):
            raise VerificationFailed("the verification file holds other roots than the chain")
        return file

    async def opening_of(self, submission: Submission, key: bytes) -> Opening:
        """Return a submission's opening, decrypted with ``key``.

        Raises:
            DecryptionFailed: if ``key`` is not the committed one.
            BlobCorrupt, MalformedData: if the blob is not the announced one, or no opening.
        """
        opened = submission.opening
        assert opened is not None
        name = address_bytes(submission.id)
        verify_key_check(key, name, opened.key_check)
        sealed = await self._tools.store.get(BlobId(opened.blob), MAX_OPENING_BYTES)
        if hash_tagged(Tag.OPENING, sealed) != opened.digest:
            raise BlobCorrupt("the opening does not have the announced digest")
        market = await self._tools.contract.market()
        aad = stream_aad(StreamKind.OPENING, market.chain_id, address_bytes(market.package), name)
        return parse_opening(decrypt_bytes(sealed, key, aad))


async def read_file(path: str | Path) -> bytes:
    """Return a file's bytes, read in a thread."""
    return await trio.to_thread.run_sync(Path(path).read_bytes)


def write_privately(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _decrypt_file(sealed: Path, plain: Path, key: bytes, aad: bytes) -> None:
    descriptor = os.open(plain, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with sealed.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        decrypt_stream(source, target, key, aad)
        target.flush()
        os.fsync(target.fileno())
