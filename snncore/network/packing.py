"""Networks whose weights are stored in the layout of oneDNN's convolutions, for classifying on a CPU.

Otherwise every call reorders the weights again, which at batch 1 takes longer than many convolutions
themselves. Shapes: M samples, T·N in a pass that is flat over time.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from snncore.config.schema import Config
from snncore.network.network import SpikingNetwork
from snncore.passes.rows import channels_last


class PackedConv2d(nn.Module):
    """A convolution with fixed weights, which its first call reorders for the input size of that call.

    Other sizes work too. dtype: of weights, input and output, float32 or bfloat16. n_bytes: of the weights.
    """

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().to(dtype), False)
        self.n_bytes = conv.weight.numel() * dtype.itemsize
        self._how = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        self._weight: Tensor = conv.weight.detach().to(dtype)
        self._is_packed = False

    def forward(self, x: Tensor) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H', W'), without gradients."""
        x = channels_last(x.to(self.dtype))
        if not self._is_packed:
            self._weight = _operators()._reorder_convolution_weight(self._weight, *self._how, list(x.shape))
            self._is_packed = True
        out: Tensor = _operators()._convolution_pointwise(
            x, self._weight, self.bias, *self._how, "none", [], ""
        )
        return out


def packed(network: SpikingNetwork, config: Config) -> SpikingNetwork:
    """A copy of a network for classification only, without branches; `network` itself does not change.

    Convolutions run in the config's precision. Weights that cannot be packed (not on a CPU, float64, a build
    of torch without oneDNN, bfloat16 on a CPU for which oneDNN lacks it) are copied as they are, so that the
    copy works everywhere.
    """
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    body = copy.deepcopy(network.body).eval()
    copied = SpikingNetwork(body, network.spec).eval()
    if _can_reorder(dtype):
        for parent in list(body.modules()):
            for name, layer in parent.named_children():
                if isinstance(layer, nn.Conv2d) and _can_pack(layer):
                    setattr(parent, name, PackedConv2d(layer, dtype))
    return copied


def tensors_of(network: nn.Module) -> list[Tensor]:
    """Weights and buffers of a network, packed or not, to count their bytes.

    Packed weights have no storage whose size can be read: one meta tensor of their total size represents
    them.
    """
    n_bytes = sum(module.n_bytes for module in network.modules() if isinstance(module, PackedConv2d))
    stand_in = torch.empty(n_bytes, dtype=torch.uint8, device="meta")
    return [*network.parameters(), *network.buffers(), *([stand_in] if n_bytes else [])]


def _can_reorder(dtype: torch.dtype) -> bool:
    """Whether torch has oneDNN, and it reorders weights of this dtype on this CPU."""
    if not (torch.backends.mkldnn.is_available() and hasattr(_operators(), "_reorder_convolution_weight")):
        return False
    return dtype != torch.bfloat16 or bool(_operators()._is_mkldnn_bf16_supported())


def _can_pack(conv: nn.Conv2d) -> bool:
    is_plain = conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    return is_plain and conv.weight.device.type == "cpu" and conv.weight.dtype == torch.float32


def _operators() -> Any:
    return torch.ops.mkldnn
