"""Inputs for the sweeps, and how near a backend must come.

Potentials of every case keep a distance from the threshold, and from the edges of a rectangle, that no
rounding crosses: spikes must then be equal, in every dtype, and no tolerance hides a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.sweeps.interface import Norm, Term
from tests.snncore.sweeps import oracle

DTYPES = (torch.float64, torch.float32, torch.bfloat16)
RESETS = (("soft", True), ("soft", False), ("hard", True), ("hard", False))
SURROGATES = ("sigmoid", "rectangular", "triangle", "arctan")
NEURONS = tuple(
    NeuronConfig(reset=reset, detach_reset=detach, surrogate=surrogate, decay=0.3, v_threshold=0.9)
    for reset, detach in RESETS
    for surrogate in SURROGATES
)
MARGIN = 1e-4
"""Of potentials of up to about 8, whose error in float32 is some 5e-6."""

ARITHMETIC = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 2e-5}
"""Error against the largest value: some 20 roundings, times the 16 by which a steep slope magnifies one."""
ROUNDING = {torch.float64: 0.0, torch.float32: 2.0**-24, torch.bfloat16: 2.0**-8}
"""Error of each value when a result is rounded to its dtype: half a step of its last bit."""


@dataclass(frozen=True)
class Layout:
    """Terms by two letters each: m moving or s still (S = 1), n normalised or p plain; places, channels."""

    terms: str
    T: int
    P: int
    C: int

    def __str__(self) -> str:
        return f"{self.terms.replace(' ', '+')}-T{self.T}-P{self.P}-C{self.C}"


LAYOUTS = (
    Layout("mn", 1, 37, 3),
    Layout("mp", 2, 13, 64),
    Layout("mn", 5, 9, 130),
    Layout("mp", 5, 1, 1),
    Layout("mn mn", 5, 11, 64),
    Layout("mn mp", 2, 523, 3),
    Layout("mn sp", 5, 41, 3),
    Layout("mp sn", 4, 17, 64),
    Layout("sn mn", 3, 37, 1),
    Layout("sn", 5, 11, 130),
    Layout("sp", 1, 23, 3),
    Layout("sn sp", 4, 9, 64),
    Layout("sn", 40, 21, 3),
)
LONG = Layout("sn mn", 300, 5, 1)
"""Past what a byte can count."""


def label(value: object) -> str:
    """Of a parameter, for a test's name."""
    if isinstance(value, NeuronConfig):
        return f"{value.reset}-{'detached' if value.detach_reset else 'attached'}-{value.surrogate}"
    return str(value).removeprefix("torch.")


def wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def norm(C: int, dtype: torch.dtype, generator: torch.Generator) -> Norm:
    def draw(low: float, high: float) -> Tensor:
        return torch.empty(C, dtype=dtype).uniform_(low, high, generator=generator)

    sign = draw(-1, 1).sign()
    return Norm(draw(-0.5, 0.5), draw(0.7, 1.4), draw(0.5, 1.0) * sign, draw(0.1, 0.6))


@cache
def terms(layout: Layout, neuron: NeuronConfig, dtype: torch.dtype) -> tuple[Term, ...]:
    """Currents of mean about 0.4 and spread about 1; neurons that come too near the threshold drawn again."""
    generator = torch.Generator().manual_seed(layout.P * layout.C + layout.T)
    kinds = layout.terms.split()
    norms = [norm(layout.C, wide(dtype), generator) if kind[1] == "n" else None for kind in kinds]
    shapes = [(layout.T if kind[0] == "m" else 1, layout.P, layout.C) for kind in kinds]
    scale = 1.2 / len(kinds) ** 0.5

    def draw() -> list[Tensor]:
        return [(torch.randn(shape, generator=generator) * scale + 0.2).to(dtype) for shape in shapes]

    drawn = draw()
    for _ in range(20):
        built = [Term(x, norm_) for x, norm_ in zip(drawn, norms, strict=True)]
        near = _near_an_edge(built, layout.T, neuron)
        if not near.any():
            return tuple(built)
        drawn = [torch.where(near, new, old) for old, new in zip(drawn, draw(), strict=True)]
    raise AssertionError("no safe inputs found")


def _near_an_edge(built: list[Term], T: int, neuron: NeuronConfig) -> Tensor:
    """(P, C) of bool."""
    _, v = oracle.run(oracle.current(built, T), neuron)
    u = v - neuron.v_threshold
    near = u.abs() < MARGIN
    if neuron.surrogate == "rectangular":
        near |= (u.abs() - 0.5 / neuron.surrogate_slope).abs() < MARGIN
    return near.any(0)


def in_float64(built: tuple[Term, ...]) -> list[Term]:
    """The same numbers: every dtype here is part of float64."""
    return [Term(x.double(), n and Norm(*(part.double() for part in n))) for x, n in built]


def gradient(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 5) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def assert_near(got: Tensor, want: Tensor, arithmetic: float, cut_off: bool = False) -> None:
    """got, of any dtype, to want, of float64; NaN to NaN, infinite to infinite.

    cut_off: its last bit in bfloat16 may be wrong by a whole step, not half of one.
    """
    assert got.shape == want.shape
    rounding = ROUNDING[got.dtype] * (2 if cut_off and got.dtype == torch.bfloat16 else 1)
    got = got.double()
    assert torch.equal(got.isnan(), want.isnan())
    assert torch.equal(got[want.isinf()], want[want.isinf()])
    got, want = got[want.isfinite()], want[want.isfinite()]
    if got.numel() == 0:
        return
    allowed = arithmetic * want.abs().max() + rounding * want.abs()
    error = (got - want).abs()
    worst = (error - allowed).argmax()
    assert bool((error <= allowed).all()), (
        f"{got[worst]} for {want[worst]}: {error[worst]:.3g} apart, {allowed[worst]:.3g} allowed"
    )
