class Sentinel:
    name: str
    def __init__(self, name: str) -> None: ...

NOCONTEXT: Sentinel
