"""The precision of a forward pass: `precision: bf16` runs convolutions and linear layers in bfloat16."""

from __future__ import annotations

import torch

from snncore.config.schema import Config


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which potentials, statistics and sums of `dtype` data are computed: float32 at least."""
    return torch.promote_types(dtype, torch.float32)


def forward_precision(config: Config, device: str) -> torch.autocast:
    """A context for the forward pass of training or evaluation; weights and losses stay in float32.

    It does nothing under fp32. Each call makes a new context, which can be entered once.
    """
    # A weight is used once in a pass, so a cache of converted weights would only take memory; and weights
    # that the spike pass converts without gradients must not be reused by the rate pass.
    return torch.autocast(
        torch.device(device).type,
        dtype=torch.bfloat16,
        enabled=config.precision == "bf16",
        cache_enabled=False,
    )
