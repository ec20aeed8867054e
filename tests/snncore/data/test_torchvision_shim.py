from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from snncore.data import torchvision_shim
from snncore.data.torchvision_shim import import_torchvision
from snncore.errors import DataError

# Fails as the real package does beside a torch without its operators, until they are declared.
IMPOSTOR = """
import torch
torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "Meta")
torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::qnms", "Meta")
"""

USE = """
from snncore.data.torchvision_shim import import_torchvision
import_torchvision()
import_torchvision()
import torch, torchvision
print(torchvision.__file__, torch.ops.torchvision.nms.default._schema)
"""


def test_missing_operators_are_declared(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(IMPOSTOR)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", USE], capture_output=True, text=True, check=True, env=environment
    )
    schema = "torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    assert done.stdout.strip() == f"{package / '__init__.py'} {schema}"


def test_a_matching_install_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = list(torchvision_shim._declared)
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    import_torchvision()
    assert torchvision_shim._declared == declared


def test_a_missing_torchvision_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DataError, match="read by torchvision, which does not load"):
        import_torchvision()
