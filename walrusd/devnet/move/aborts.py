"""How a contract function fails: by an abort, or by a defect of the contract itself."""


class MoveAbort(Exception):
    """An abort of the Move program: undoes the transaction, gas is still charged.

    ``module`` is a module of the running package, or ``0x…::module`` for a framework module.
    """

    def __init__(self, module: str, code: int, function: str) -> None:
        super().__init__(f"{module}::{function} aborted with code {code}")
        self.module = module
        self.code = code
        self.function = function


class ContractDefectError(Exception):
    """Raised when a contract function does what Move's type system rules out."""
