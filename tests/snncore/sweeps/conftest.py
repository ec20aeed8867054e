"""The fixture `backend`: a new backend is one line here, and passes the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.snncore.sweeps.backends import (
    Backend,
    Interpreted,
    cpp_backend,
    torch_backend,
    triton_on_cuda,
)

MAKERS = {"torch": torch_backend, "cpp": cpp_backend, "triton_cuda": triton_on_cuda}


@pytest.fixture(scope="session")
def interpreted() -> Iterator[Interpreted]:
    process = Interpreted()
    yield process
    process.close()


@pytest.fixture(params=["torch", "cpp", "triton", pytest.param("triton_cuda", marks=pytest.mark.gpu)])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "triton":
        process: Interpreted = request.getfixturevalue("interpreted")
        return process.backend()
    return MAKERS[request.param]()
