import pytest

from . import vectors
from .builder import UnitTests, run_builder, run_unit_tests


@pytest.fixture(scope="session")
def built():
    """The package as the compiler builds it now."""
    return run_builder("build")


@pytest.fixture(scope="session")
def generated_tests(tmp_path_factory) -> UnitTests:
    """One run of the unit tests that are generated from the Python side."""
    folder = tmp_path_factory.mktemp("vectors")
    for name, text in vectors.generate_modules().items():
        (folder / f"{name}.move").write_text(text)
    return run_unit_tests(folder)
