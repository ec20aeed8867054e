"""The parts of a current, in the form that sweeps and autograd need.

Shapes: a part's x is (S·N, C, ...), S = T, or 1 where it is still; in sweeps (S, P, C).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from snncore.passes.norm import batch_norm_with, scaled_and_shifted
from snncore.passes.rows import as_steps
from snncore.passes.signals import Part
from snncore.sweeps import Term


def terms_of(parts: Sequence[Part], T: int) -> list[Term]:
    """The parts as terms of a sweep."""
    return [Term(as_steps(part.x.detach(), 1 if part.is_still else T), part.norm) for part in parts]


def buffer_for_spikes(parts: Sequence[Part], terms: Sequence[Term]) -> Tensor | None:
    """Memory (T, P, C) for spikes: that of a normalised part, not read after firing; None without one."""
    for part, term in zip(parts, terms, strict=True):
        is_view = term.x.data_ptr() == part.x.data_ptr()
        if part.norm is not None and not part.is_still and is_view:
            return term.x
    return None


def sample_shape(part: Part, T: int) -> tuple[int, ...]:
    """The shape of one step: (N, C, ...)."""
    return (len(part.x) if part.is_still else len(part.x) // T, *part.x.shape[1:])


def flat_shape(part: Part, T: int) -> tuple[int, ...]:
    """The shape of all steps: (T·N, C, ...)."""
    n, *rest = sample_shape(part, T)
    return (T * n, *rest)


def normalised(part: Part) -> Tensor:
    """x normalised, with gradients; they flow through the statistics too if these are those of x."""
    if part.norm is None:
        return part.x
    if part.is_own:
        return batch_norm_with(part.x, part.norm)
    return scaled_and_shifted(part.x, part.norm)
