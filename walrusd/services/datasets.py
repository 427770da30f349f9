"""List datasets: encrypt, store, describe in public, anchor on the chain."""

import csv
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import trio

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts import objects as ob
from walrusd.crypto.stream import compute_key_check, encrypt_stream
from walrusd.errors import BadRequest, MalformedData, WalrusdError
from walrusd.services.derive import derive_dataset_key
from walrusd.services.fetcher import Fetcher, write_privately
from walrusd.services.heavy import compute_file_row_root, run_heavy
from walrusd.services.keykeeper import MAX_DESCRIPTION_BYTES
from walrusd.services.tools import Tools
from walrusd.training.plan import TabularSchema
from walrusd.units import BlobId


def read_schema(document: Any) -> TabularSchema:
    """Return the row layout a person described.

    Raises:
        BadRequest: if it is not ``{"kind": "tabular-u8", "features", "scale_log2", "classes"}``.
    """
    try:
        schema = TabularSchema(
            features=int(document["features"]),
            scale=int(document.get("scale_log2", 0)),
            classes=int(document["classes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(
            "a dataset's schema is {kind: tabular-u8, features, scale_log2, classes}"
        ) from error
    if document.get("kind", "tabular-u8") != "tabular-u8":
        raise BadRequest(f"a dataset of kind {document['kind']} is not known", hint="tabular-u8")
    if schema.features < 1 or not 2 <= schema.classes <= 256:
        raise BadRequest("a schema has at least one feature and between 2 and 256 classes")
    return schema


def read_table(path: Path, schema: TabularSchema) -> bytes:
    """Return the rows of a file: raw bytes, or CSV of integers with the label last.

    Raises:
        BadRequest: naming the row that does not fit.
    """
    if not path.is_file():
        raise BadRequest(f"there is no file {path}", hint="the path is read by the daemon")
    data = path.read_bytes() if path.suffix != ".csv" else _read_csv(path, schema)
    if not data or len(data) % schema.row_bytes:
        raise BadRequest(f"{path.name} is not a whole number of rows of {schema.row_bytes} bytes")
    labels = data[schema.row_bytes - 1 :: schema.row_bytes]
    if max(labels) >= schema.classes:
        raise BadRequest(f"label {max(labels)} is not one of {schema.classes} classes")
    return data


def _read_csv(path: Path, schema: TabularSchema) -> bytes:
    out = bytearray()
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if number == 1 and any(not cell.strip().isdigit() for cell in row):
                continue  # a header line
            try:
                values = bytes(int(cell) for cell in row)
            except ValueError as error:
                raise BadRequest(f"{path.name}, row {number}: not integers 0 to 255") from error
            if len(values) != schema.row_bytes:
                raise BadRequest(
                    f"{path.name}, row {number}: {len(values)} columns, not {schema.row_bytes}"
                )
            out += values
    return bytes(out)


class Datasets:
    """The dataset owner's listing, and everybody's reading of listings."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher

    async def add(
        self, path: str, title: str, description: str, schema: dict[str, Any]
    ) -> dict[str, Any]:
        """Encrypt, store and list a dataset; the same file under the same title is listed once."""
        tools = self._tools
        layout = read_schema(schema)
        if not 1 <= len(title.encode()) <= 128:
            raise BadRequest("a title has between 1 and 128 bytes")
        table = await trio.to_thread.run_sync(read_table, Path(path), layout)
        content = hashlib.sha256(table + json.dumps([title, description]).encode()).hexdigest()
        item = tools.work.get("dataset", content)
        if item is None:
            item = {"key_id": secrets.token_hex(32)}
            tools.work.put("dataset", content, item)
        workdir = tools.work_dir / "datasets"
        workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
        plain, sealed = workdir / f"{content}.rows", workdir / f"{content}.sealed"
        dek = derive_dataset_key(tools.keys, bytes.fromhex(item["key_id"]))
        try:
            await trio.to_thread.run_sync(write_privately, plain, table)
            root, rows = await run_heavy(compute_file_row_root, dek, str(plain), layout.row_bytes)
            if "manifest_blob" not in item:
                aad = await self._fetcher.dataset_aad(root)
                await trio.to_thread.run_sync(_encrypt_file, plain, sealed, dek, aad)
                document = {
                    "version": 1,
                    "title": title,
                    "description": description,
                    "schema": layout.to_json(),
                    "rows": rows,
                    "key_id": item["key_id"],
                }
                item |= await self._store(sealed, document)
                tools.work.put("dataset", content, item)
        finally:
            plain.unlink(missing_ok=True)
            sealed.unlink(missing_ok=True)
        version = ob.DatasetVersion(
            number=1,
            blob=int(item["manifest_blob"]),
            manifest_digest=bytes.fromhex(item["manifest_digest"]),
            row_root=root,
            rows=rows,
            row_bytes=layout.row_bytes,
            key_check=compute_key_check(dek, root),
        )
        executed = await tools.contract.list_dataset(
            title=title.encode(),
            description_blob=int(item["description_blob"]),
            version=version,
            once=f"list_dataset:{content}",
        )
        listed = ev.DatasetListed.from_bcs(executed.emitted("events::DatasetListed")[0].contents)
        tools.journal.record(
            listed.dataset, "datasets", "listed", "the owner asked for it", title=title, rows=rows
        )
        return {"dataset": listed.dataset, "version": 1, "rows": rows, "digest": executed.digest}

    async def _store(self, sealed: Path, document: dict[str, Any]) -> dict[str, str]:
        epochs = self._tools.settings.walrus.epochs
        stored = await self._tools.store.put_file(sealed, epochs=epochs)
        text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        blob = await self._tools.store.put(text, epochs=epochs)
        return {
            "manifest_blob": str(stored.blob_id),
            "manifest_digest": stored.digest.hex(),
            "description_blob": str(blob.blob_id),
        }

    async def describe(self, dataset: ob.Dataset) -> dict[str, Any]:
        """Return a listing with its public description, as far as that can be read."""
        newest = dataset.versions[-1]
        shown: dict[str, Any] = {
            "dataset": dataset.id,
            "owner": dataset.owner,
            "title": dataset.title.decode("utf-8", "replace"),
            "mine": dataset.owner == self._tools.address,
            "version": newest.number,
            "rows": newest.rows,
            "row_bytes": newest.row_bytes,
            "row_root": newest.row_root.hex(),
        }
        try:
            data = await self._tools.store.get(
                BlobId(dataset.description_blob), MAX_DESCRIPTION_BYTES
            )
            document = json.loads(data)
            if not isinstance(document, dict):
                raise MalformedData("the description is not an object")
        except (WalrusdError, ValueError) as error:
            return {**shown, "description_error": str(error)}
        return {
            **shown,
            "description": document.get("description"),
            "schema": document.get("schema"),
        }

    async def all(self) -> list[dict[str, Any]]:
        """Return every known dataset."""
        known = self._tools.chain_log.known("dataset", with_ended=True)
        await self._tools.contract.prefetch(ob.Dataset, [k.id for k in known])
        return [await self.describe(await self._tools.contract.dataset(k.id)) for k in known]


def _encrypt_file(plain: Path, sealed: Path, key: bytes, aad: bytes) -> None:
    descriptor = os.open(sealed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with plain.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        encrypt_stream(source, target, key, aad)
        target.flush()
        os.fsync(target.fileno())
