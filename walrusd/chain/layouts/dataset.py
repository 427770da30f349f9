"""Datasets and requests for their keys, as the Move module ``dataset`` lays them out."""

from walrusd.chain.values.bcs import U8, U64, U256, Addr, Bytes, Id, Layout, Uid


class DatasetVersion(Layout, module="dataset"):
    """One immutable version: the encrypted blob and what proves rows of it."""

    number: U64
    blob: U256
    manifest_digest: Bytes
    row_root: Bytes
    rows: U64
    row_bytes: U64
    key_check: Bytes


class Dataset(Layout, module="dataset"):
    """Shared. A listed dataset with its public description."""

    id: Uid
    version: U64
    owner: Addr
    title: Bytes
    description_blob: U256
    versions: list[DatasetVersion]


class KeyRequest(Layout, module="dataset"):
    """Shared. A request for a dataset's key and, once granted, the receipt of its release."""

    id: Uid
    version: U64
    dataset: Id
    number: U64
    owner: Addr
    requester: Addr
    key: Bytes
    scope: U8
    task: Addr
    state: U8
    requested_ms: U64
    expires_ms: U64
    envelope: Bytes
    reason: Bytes
