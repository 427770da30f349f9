# The keys of phe: all that walrusd passes on to it.

class PaillierPublicKey:
    def __init__(self, n: int) -> None: ...

class PaillierPrivateKey:
    def __init__(self, public_key: PaillierPublicKey, p: int, q: int) -> None: ...
