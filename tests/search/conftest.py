from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

import optuna
import pytest

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One small Ray for all tests of the session; the engine uses it as it is."""
    import os

    from search.cluster.ray_start import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    yield
    ray.shutdown()
