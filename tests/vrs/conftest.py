"""The annotation kernel, compiled once for all tests of the machine."""

from __future__ import annotations

import pytest

from vcfjobs.vrs import kernel


@pytest.fixture(scope="session")
def compiled_kernel() -> None:
    """Skipped with the reason where the kernel cannot be used."""
    if not kernel.load():
        pytest.skip("numba is not installed, or ANYVAR_KERNEL is off")
