"""List datasets: encrypt and store them, describe them in public, anchor them on the chain."""

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.core.secrets import derive_dataset_key
from walrusd.crypto.stream import compute_key_check
from walrusd.engine.tools import Tools
from walrusd.errors import MalformedData, WalrusdError
from walrusd.market.fetch import Fetcher
from walrusd.market.import_rows import Table, looks_like_text, open_table, read_schema
from walrusd.market.public_text import check_public_text
from walrusd.runtime.groups import collapsed
from walrusd.runtime.pool import run_heavy
from walrusd.services.data_owner.key_grantor import MAX_DESCRIPTION_BYTES
from walrusd.state.encrypted_files import encrypt_file
from walrusd.units import BlobId
from walrusd.workers.rows import compute_file_row_root

MAX_TITLE_BYTES = 128
DESCRIPTIONS_AT_ONCE = 8
DESCRIPTIONS_S = 15.0
"""How long showing all datasets may wait for strangers' descriptions."""
_LOOKS_LIKE_TEXT = {
    "rule": "raw",
    "sentence": "The file was listed as raw rows, but it looks like text.",
    "advice": "If it is a table, list it again as .csv under another title.",
}


@dataclass(frozen=True)
class _Stored:
    """A dataset that is stored, but not on the chain yet; ``content`` names what is listed."""

    content: str
    description_blob: int
    version: ob.DatasetVersion


class Listings:
    """Lists our datasets, and shows all datasets."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher
        self._turn = trio.Lock()

    async def add(
        self,
        path: str,
        title: str,
        description: str,
        schema: dict[str, Any] | None,
        *,
        raw: bool | None = None,
    ) -> dict[str, Any]:
        """Encrypt, store and list a dataset; the same file under the same title is listed once.

        ``raw`` as for :func:`~walrusd.market.import_rows.open_table`. Raw rows that look like text
        come back as a warning.

        Raises:
            BadRequest: if file, schema or title are invalid; nothing is stored then.
        """
        tools = self._tools
        asked = None if schema is None else read_schema(schema)
        check_public_text(title, "a title", MAX_TITLE_BYTES, least=1)
        check_public_text(description, "a description", MAX_DESCRIPTION_BYTES // 2)
        table = await trio.to_thread.run_sync(partial(open_table, Path(path), asked, raw=raw))
        is_text = bool(raw) and await trio.to_thread.run_sync(looks_like_text, Path(path))
        # One at a time: each first removes the plaintext that a killed one left.
        async with self._turn:
            with _empty_folder(tools.files.work / "listing") as workdir:
                stored = await self._store(table, title, description, workdir)
        executed = await tools.contract.list_dataset(
            title=title.encode(),
            description_blob=stored.description_blob,
            version=stored.version,
            once=f"list_dataset:{stored.content}",
        )
        rows = stored.version.rows
        listed = ev.DatasetListed.from_bcs(executed.emitted("events::DatasetListed")[0].contents)
        tools.journal.record(
            listed.dataset, "datasets", "listed", "the owner asked for it", title=title, rows=rows
        )
        return {
            "dataset": listed.dataset,
            "version": 1,
            "rows": rows,
            "digest": executed.digest,
            "warnings": [_LOOKS_LIKE_TEXT] if is_text else [],
        }

    async def _store(self, table: Table, title: str, description: str, workdir: Path) -> _Stored:
        """Encrypt and store a table and its description.

        The blobs are a work item, named by what is listed: encrypting is salted, so a retry would
        store others.
        """
        tools, layout = self._tools, table.schema
        plain, sealed = workdir / "rows", workdir / "sealed"
        copied = await trio.to_thread.run_sync(table.copy_to, plain)
        about = json.dumps([title, description, layout.to_json()]).encode()
        content = hashlib.sha256(copied + about).hexdigest()
        item = tools.work.get("dataset", content)
        if item is None:
            item = {"key_id": secrets.token_hex(32)}
            tools.work.put("dataset", content, item)
        dek = derive_dataset_key(tools.keys, bytes.fromhex(item["key_id"]))
        root, rows = await run_heavy(compute_file_row_root, dek, str(plain), layout.row_bytes)
        if "manifest_blob" not in item:
            aad = await self._fetcher.dataset_aad(root)
            await trio.to_thread.run_sync(encrypt_file, plain, sealed, dek, aad)
            document = {
                "version": 1,
                "title": title,
                "description": description,
                "schema": layout.to_json(),
                "rows": rows,
                "key_id": item["key_id"],
            }
            item |= await self._upload(sealed, document)
            tools.work.put("dataset", content, item)
        version = ob.DatasetVersion(
            number=1,
            blob=int(item["manifest_blob"]),
            manifest_digest=bytes.fromhex(item["manifest_digest"]),
            row_root=root,
            rows=rows,
            row_bytes=layout.row_bytes,
            key_check=compute_key_check(dek, root),
        )
        return _Stored(content, int(item["description_blob"]), version)

    async def _upload(self, sealed: Path, document: dict[str, Any]) -> dict[str, str]:
        epochs = self._tools.settings.walrus.epochs
        stored = await self._tools.store.put_file(sealed, epochs=epochs)
        text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        blob = await self._tools.store.put(text, epochs=epochs)
        return {
            "manifest_blob": str(stored.blob_id),
            "manifest_digest": stored.digest.hex(),
            "description_blob": str(blob.blob_id),
        }

    def _show(self, dataset: ob.Dataset) -> dict[str, Any]:
        newest = dataset.versions[-1]
        return {
            "dataset": dataset.id,
            "owner": dataset.owner,
            "title": dataset.title.decode("utf-8", "replace"),
            "mine": dataset.owner == self._tools.address,
            "version": newest.number,
            "rows": newest.rows,
            "row_bytes": newest.row_bytes,
            "row_root": newest.row_root.hex(),
        }

    async def describe(self, dataset: ob.Dataset) -> dict[str, Any]:
        """Return a listing with its public description, or why that cannot be read."""
        return {**self._show(dataset), **await self._read_description(dataset)}

    async def _read_description(self, dataset: ob.Dataset) -> dict[str, Any]:
        """Return the valid part of a stranger's description."""
        try:
            data = await self._tools.store.get(
                BlobId(dataset.description_blob), MAX_DESCRIPTION_BYTES
            )
            document = json.loads(data)
            if not isinstance(document, dict) or not isinstance(document["description"], str):
                raise MalformedData("the description is not an object with a text")
            schema = read_schema(document.get("schema")).to_json()
        except WalrusdError as error:
            return {"description_error": error.message}
        except (ValueError, KeyError, RecursionError):
            return {"description_error": "the description is not readable"}
        return {"description": document["description"], "schema": schema}

    async def all(self) -> list[dict[str, Any]]:
        """Return every known dataset; descriptions that take too long are left out."""
        known = self._tools.chain_log.known("dataset", with_ended=True)
        found = await self._tools.contract.read_many(ob.Dataset, [k.id for k in known])
        shown: dict[str, dict[str, Any]] = {}
        limiter = trio.CapacityLimiter(DESCRIPTIONS_AT_ONCE)

        async def describe(dataset: ob.Dataset) -> None:
            async with limiter:
                shown[dataset.id] = await self.describe(dataset)

        with trio.move_on_after(DESCRIPTIONS_S), collapsed():
            async with trio.open_nursery() as nursery:
                for dataset in found.values():
                    nursery.start_soon(describe, dataset)
        late = {"description_error": "the description could not be read in time"}
        return [shown.get(d.id) or {**self._show(d), **late} for d in found.values()]


@contextmanager
def _empty_folder(path: Path) -> Iterator[Path]:
    """Make an empty folder of mode 0700, and remove it at the end."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700, parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
