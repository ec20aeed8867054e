"""Imports torchvision even if its compiled operators do not match the installed torch.

Importing torchvision refers to two operators (`nms`, `qnms`) that its compiled library declares. If that
library cannot be loaded, as with a CUDA build of torchvision and a CPU build of torch, the import fails,
though nothing here needs the operators. Declaring them first is enough; a matching installation is not
changed.
"""

from __future__ import annotations

import torch

from snncore.errors import DataError

_SYMPTOM = "operator torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # a declaration lasts as long as its Library object


def import_torchvision() -> None:
    """Make `import torchvision` work in this process.

    Raises:
        DataError: torchvision is not installed, or fails for another reason.
    """
    try:
        try:
            import torchvision
        except RuntimeError as error:
            if _SYMPTOM not in str(error):
                raise
            _declare()
            import torchvision  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        raise DataError(
            f"data: this data set is read by torchvision, which does not load: {error}"
        ) from error


def _declare() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    _declared.append(library)
