"""Tink's streaming encryption under one of our keys: the same format, by other people."""

from io import BytesIO
from typing import Any

import tink
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

SEGMENT_BYTES = 1 << 20


def make_primitive(key: bytes) -> Any:
    """Return the primitive of Tink's AES256_GCM_HKDF_1MB with a key of 32 bytes."""
    streaming_aead.register()
    params = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size=SEGMENT_BYTES,
        derived_key_size=32,
        hkdf_hash_type=common_pb2.SHA256,
    )
    raw = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, key_value=key, params=params)
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = raw.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


class Unclosable(BytesIO):
    """Tink closes what it writes to; the bytes are wanted afterwards."""

    def close(self) -> None:
        pass
