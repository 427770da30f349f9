"""Fetch what the chain only names: manifests, plans, weights, datasets, files, openings.

Everything is verified before it is used, even from our own disk: a flipped bit there
would make honest work look forged. No read takes more than an honest peer needs.
"""

from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import trio

from walrusd.chain.layouts.objects import DatasetVersion, Submission, Task
from walrusd.core.faults import naming_absence
from walrusd.core.manifest import MAX_MANIFEST_BYTES, TaskManifest, parse_task_manifest
from walrusd.core.opening import Opening, VerifiedOpening
from walrusd.core.pieces.keys import OpeningKeys
from walrusd.core.pieces.manifest import complete_keys
from walrusd.core.pieces.names import PieceName
from walrusd.crypto.stream import (
    StreamKind,
    compute_ciphertext_size,
    stream_aad,
    verify_key_check,
)
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.crypto.vfile.scheme_checks import compute_modulus_context
from walrusd.engine.tools import PublicTools
from walrusd.errors import PeerFault, VerificationFailed, WorldFault
from walrusd.files import write_atomically
from walrusd.market.case import Case
from walrusd.market.opened import Absorbing, OpenedPieces
from walrusd.market.verified import (
    VerifiedPlan,
    compute_file_limit,
    compute_weights_limit,
    make_opening_shape,
    verify_committed_file,
    verify_plan,
    verify_weights,
)
from walrusd.runtime.pool import run_heavy
from walrusd.state.checked import CheckedFiles, read_stamp
from walrusd.state.encrypted_files import decrypt_file
from walrusd.storage.blobid import format_blob_id
from walrusd.training.plan.plan import Plan, parse_plan
from walrusd.training.run.jobs import RowsFile
from walrusd.training.run.state import Tensors
from walrusd.units import BlobId, address_bytes
from walrusd.workers.files import verify_file_at
from walrusd.workers.paillier import check_modulus
from walrusd.workers.rows import check_file_rows, find_rows_digest

PLANS_KEPT, PATHS_KEPT = 64, 4096
HEADER_ALLOWANCE = 1 << 17
"""Bytes granted to headers and encodings beside the payload."""


def _weights_claim(task: Task) -> str:
    return f"weights:{task.plan_digest.hex()}:{task.state_root_0.hex()}"


class JobFiles(NamedTuple):
    """The files of a task that every job reads: the plan's canonical bytes, and safetensors."""

    plan: Path
    weights: Path


class Fetcher:
    """Reads of Walrus on behalf of all services."""

    def __init__(self, tools: PublicTools) -> None:
        self._tools = tools
        self._plans: OrderedDict[bytes, tuple[TaskManifest, Plan]] = OrderedDict()
        self._checked = CheckedFiles()
        self._lasting: set[bytes] = set()
        self._weight_paths: OrderedDict[bytes, Path] = OrderedDict()

    async def plan_of(self, task: Task) -> VerifiedPlan:
        """Return a task's manifest and plan.

        Raises:
            MalformedData, PlanRefused: if they are not what the task's digests name, or the plan
                does not match the task's terms, or exceeds them.
            PaillierKeyRefused: if updates would be encrypted to a key that does not bind.
        """
        if task.manifest_digest not in self._plans:
            data = await self._tools.store.get(BlobId(task.manifest_blob), MAX_MANIFEST_BYTES)
            manifest = parse_task_manifest(data, task.manifest_digest)
            plan = parse_plan(manifest.plan.encode("ascii"))
            await self._check_key(manifest)
            self._plans[task.manifest_digest] = manifest, plan
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        return verify_plan(task, *self._plans[task.manifest_digest])

    async def _check_key(self, manifest: TaskManifest) -> None:
        """Check the key in a manifest, whatever the scheme: another task may name the same one."""
        if manifest.paillier is not None:
            market = await self._tools.contract.market()
            context = compute_modulus_context(market.chain_id, address_bytes(market.package))
            await run_heavy(
                check_modulus, manifest.paillier.modulus, manifest.paillier.proof, context
            )

    async def job_files_of(self, task: Task) -> JobFiles:
        """Return the files of a task that its jobs read, their bytes just checked.

        Errors as ``initial_weights``.
        """
        data = (await self.plan_of(task)).plan.to_bytes()
        path = self._tools.files.plan(task.plan_digest)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            write_atomically(path, data)
        weights, _tensors = await self.initial_weights(task)
        return JobFiles(path, weights)

    async def ready_weights(self, task: Task) -> Path:
        """Return the path of a task's initial weights, which are read only if they are new.

        For checking that they are here and are the task's, not for computing with them.
        Errors as ``initial_weights``.
        """
        path = await self.weights_path(task)
        if self._checked.holds(path, _weights_claim(task)):
            return path
        return (await self.initial_weights(task))[0]

    async def weights_path(self, task: Task) -> Path:
        """Return where a task's initial weights are once fetched. Errors as ``plan_of``."""
        path = self._weight_paths.get(task.manifest_digest)
        if path is None:
            manifest = (await self.plan_of(task)).manifest
            path = self._tools.files.weights(manifest.weights_digest)
            self._weight_paths[task.manifest_digest] = path
            if len(self._weight_paths) > PATHS_KEPT:
                self._weight_paths.popitem(last=False)
        return path

    async def initial_weights(self, task: Task) -> tuple[Path, Tensors]:
        """Return a task's initial weights, and the file that holds them.

        Raises:
            MalformedData, NonFiniteValue: if they are not weights of the task's model.
            VerificationFailed: if they do not have the initial state root that the task names.
        """
        verified = await self.plan_of(task)
        manifest, plan = verified.manifest, verified.plan
        path = self._tools.files.weights(manifest.weights_digest)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with self._checked.exclusive(path):
            if path.exists():
                try:
                    return path, await self._load_weights(plan, task, path)
                except PeerFault:
                    path.unlink()  # perhaps only our copy is damaged
            await self._tools.store.get_file(
                BlobId(manifest.weights_blob),
                manifest.weights_digest,
                path,
                max_bytes=compute_weights_limit(plan),
            )
            return path, await self._load_weights(plan, task, path)

    async def _load_weights(self, plan: Plan, task: Task, path: Path) -> Tensors:
        stamp = read_stamp(path)
        weights = await trio.to_thread.run_sync(load_weights, plan, task, path)
        self._checked.note(path, _weights_claim(task), stamp)
        return weights

    async def dataset_of(self, submission: Submission, dek: bytes) -> RowsFile:
        """Return the decrypted rows of a submission. Errors as ``rows_of``."""
        dataset = await self._tools.contract.dataset(submission.dataset)
        return await self.rows_of(dataset.versions[submission.dataset_version - 1], dek)

    async def rows_of(self, version: DatasetVersion, dek: bytes) -> RowsFile:
        """Return the decrypted rows of a dataset's version, mode 0600, their bytes just checked.

        Raises:
            DecryptionFailed: if ``dek`` is not the key that the listing commits to.
            VerificationFailed: if the rows are not the listed ones.
        """
        verify_key_check(dek, version.row_root, version.key_check)
        path = self._tools.files.rows(version.row_root)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with self._checked.exclusive(path):
            digest = await self._digest_rows(version, dek, path) if path.exists() else None
            if digest is None:
                digest = await self._fetch_rows(version, dek, path)
            return RowsFile(str(path), count=version.rows, digest=digest)

    @staticmethod
    async def _digest_rows(version: DatasetVersion, dek: bytes, path: Path) -> bytes | None:
        """Return the SHA-256 of a file that holds a version's rows, else None."""
        listed = version.row_bytes, version.rows, version.row_root
        return await run_heavy(find_rows_digest, dek, str(path), *listed)

    async def ready_rows(self, version: DatasetVersion, dek: bytes, plan: Plan) -> Path:
        """Return the path of rows that a plan can train on, which are read only if they are new.

        Raises:
            DecryptionFailed, VerificationFailed: as ``rows_of``.
            MalformedData: if a row does not fit the plan's schema.
        """
        verify_key_check(dek, version.row_root, version.key_check)
        path, claim = self._tools.files.rows(version.row_root), f"rows:{plan.digest().hex()}"
        if not self._checked.holds(path, claim):
            await self.rows_of(version, dek)
            stamp = read_stamp(path)
            await trio.to_thread.run_sync(check_file_rows, path, plan.dataset)
            self._checked.note(path, claim, stamp)
        return path

    async def _fetch_rows(self, version: DatasetVersion, dek: bytes, path: Path) -> bytes:
        """Fetch a version's rows and return their SHA-256."""
        sealed, partial = path.with_suffix(".sealed"), path.with_suffix(".partial")
        await self._tools.store.get_file(
            BlobId(version.blob),
            version.manifest_digest,
            sealed,
            max_bytes=compute_ciphertext_size(version.rows * version.row_bytes),
        )
        try:
            aad = await self.dataset_aad(version.row_root)
            await trio.to_thread.run_sync(decrypt_file, sealed, partial, dek, aad)
            digest = await self._digest_rows(version, dek, partial)
            if digest is None:
                raise VerificationFailed("the dataset's rows do not have the listed row root")
            partial.replace(path)
            return digest
        finally:
            partial.unlink(missing_ok=True)
            sealed.unlink(missing_ok=True)

    async def dataset_aad(self, row_root: bytes) -> bytes:
        """Return the associated data of a dataset's stream; its object is named by its row root."""
        market = await self._tools.contract.market()
        return stream_aad(
            StreamKind.DATASET, market.chain_id, address_bytes(market.package), row_root
        )

    async def file_of(self, task: Task, submission: Submission) -> VerifiedFile:
        """Return a submission's verification file, checked in itself and against the chain.

        It stays among our files, to be read in pieces, until the submission is forgotten.

        Raises:
            VerificationFailed: if a check of ``verify_file`` fails, or a root in the file is not
                the committed one.
            PartAbsent: if no endpoint has the blob.
        """
        commitment = submission.commitment
        assert commitment is not None
        named = await self.plan_of(task)
        bound = compute_file_limit(task.terms, named.plan, named.manifest)
        path = self._tools.files.committed_file(submission.id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with self._checked.exclusive(path):
            verified: VerifiedFile | None = None
            if path.exists():
                try:
                    verified = await run_heavy(verify_file_at, path, commitment.file_digest)
                except PeerFault:
                    path.unlink()  # perhaps only our copy is damaged
            if verified is None:
                with naming_absence():
                    await self._tools.store.download(
                        BlobId(commitment.file_blob), path, bound + HEADER_ALLOWANCE
                    )
                verified = await run_heavy(verify_file_at, path, commitment.file_digest)
        return verify_committed_file(verified, commitment, named.scheme)

    async def opening_of(
        self, case: Case, keys: OpeningKeys, wanted: Collection[PieceName]
    ) -> Opening:
        """Return the wanted pieces of a submission's opening, not verified yet.

        Only they are fetched. Pieces that the opening lacks are left out.

        Raises:
            DecryptionFailed: if the keys are not its own.
            ContentMismatch, MalformedData: if a blob is not the announced one, or not an opening.
            PartAbsent: if no endpoint has a blob, or none as small as it may be.
        """
        return await (await self._pieces_of(case, keys)).read(wanted)

    async def _pieces_of(self, case: Case, keys: OpeningKeys) -> OpenedPieces:
        plan = (await self.plan_of(case.task)).plan
        shape = make_opening_shape(case.task.terms, plan, case.submission.dataset_rows)
        return OpenedPieces(self._tools, case, keys, shape)

    async def update_value_of(self, case: Case, keys: OpeningKeys) -> bytes:
        """Return the value that the manifest of an opening hands to its seats, not checked yet.

        Raises:
            DecryptionFailed, ContentMismatch, MalformedData, PartAbsent: as ``opening_of``.
        """
        manifest = await (await self._pieces_of(case, keys)).read_manifest()
        return complete_keys(keys, manifest).update_value

    async def hash_opening(
        self, case: Case, keys: OpeningKeys, wanted: Collection[PieceName], state: Absorbing
    ) -> None:
        """Absorb what a jury judges of an opening. Errors as ``OpenedPieces.hash_judged``."""
        await (await self._pieces_of(case, keys)).hash_judged(wanted, state)

    async def hash_file(self, task: Task, submission: Submission, state: Absorbing) -> None:
        """Absorb the bytes of a submission's verification file, be they right or wrong.

        Raises:
            PartAbsent: if no endpoint has the blob.
        """
        with suppress(PeerFault):  # its bytes are among our files all the same
            await self.file_of(task, submission)
        path = self._tools.files.committed_file(submission.id)
        await trio.to_thread.run_sync(_absorb_file, path, state)

    async def check_lasting(self, case: Case, keys: OpeningKeys) -> None:
        """Check that nobody can delete the blobs of an opening before it is judged.

        What no storage node tells counts for nothing. How long they live is not: that takes
        the clock of Walrus, which its nodes do not tell.

        Raises:
            VerificationFailed: if the owner of a blob can delete it.
            DecryptionFailed, ContentMismatch, MalformedData, PartAbsent: as ``opening_of``.
        """
        assert case.submission.opening is not None
        digest = case.submission.opening.digest
        if digest in self._lasting:
            return
        for blob in await (await self._pieces_of(case, keys)).list_blobs():
            try:
                status = await self._tools.store.find_status(blob)
            except WorldFault:
                return  # unknown is acceptable here: whether a blob is there is found by reading it
            if status is not None and not status.permanent:
                raise VerificationFailed(
                    f"blob {format_blob_id(blob)} of the opening can be deleted by its owner"
                )
        self._lasting.add(digest)

    async def verified_opening_of(
        self, case: Case, keys: OpeningKeys, wanted: Collection[PieceName]
    ) -> VerifiedOpening:
        """Return wanted pieces, the trace among them, checked against the roots on the chain.

        Raises:
            VerificationFailed: if a root does not match.
            DecryptionFailed, ContentMismatch, MalformedData, PartAbsent: as ``opening_of``.
        """
        opening = await self.opening_of(case, keys, wanted)
        return await trio.to_thread.run_sync(case.verify_opening, opening)


def load_weights(plan: Plan, task: Task, path: Path) -> Tensors:
    """Return a task's initial weights from our own file. Blocks; raises as ``verify_weights``."""
    return verify_weights(plan, task, path.read_bytes())


def _absorb_file(path: Path, state: Absorbing) -> None:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            state.update(chunk)
