"""`python -m search.run` with the fake trainer: the driver that tests kill and interrupt."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from search import run
from tests.search.fakes import TRAINER

_options = run._options


def _with_fake_trainer(*arguments: Any) -> Any:
    return replace(_options(*arguments), trainer=TRAINER)


if __name__ == "__main__":
    run._options = _with_fake_trainer
    sys.exit(run.main())
