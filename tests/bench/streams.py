"""AES streams against Tink's, memory to memory, the same format and key."""

from io import BytesIO

from tests.bench.measure import Measurement, time_in_turns
from tests.crypto.tinkstream import Unclosable, make_primitive
from walrusd.crypto.stream import decrypt_stream, encrypt_bytes, encrypt_stream

PLAINTEXT_MIB = 64
KEY, AAD = bytes(32), b"bench"


def measure_streams(rounds: int) -> list[Measurement]:
    """Return what encrypting and decrypting a stream costs."""
    plaintext = bytes(PLAINTEXT_MIB << 20)
    sealed = encrypt_bytes(plaintext, KEY, AAD)
    tink = make_primitive(KEY)

    def encrypt_with_tink() -> None:
        with tink.new_encrypting_stream(Unclosable(), AAD) as writer:
            writer.write(plaintext)

    def decrypt_with_tink() -> None:
        with tink.new_decrypting_stream(Unclosable(sealed), AAD) as reader:
            assert len(reader.read()) == len(plaintext)

    encrypt, decrypt, tink_encrypt, tink_decrypt = time_in_turns(
        [
            lambda: encrypt_stream(BytesIO(plaintext), BytesIO(), KEY, AAD),
            lambda: decrypt_stream(BytesIO(sealed), BytesIO(), KEY, AAD),
            encrypt_with_tink,
            decrypt_with_tink,
        ],
        rounds,
    )
    note = f"{PLAINTEXT_MIB} MiB, memory to memory, one thread; baseline: tink, the same bytes"
    return [
        Measurement("stream.encrypt", encrypt, "ms", tink_encrypt, note),
        Measurement("stream.decrypt", decrypt, "ms", tink_decrypt, note),
    ]
