"""A Gaussian process on mixed features: what a metric of an untried config may be.

Features come in groups (the columns of one searched field, or one cheap metric). The kernel is a linear
part, which is what little data can support, plus a Matern-5/2 part with one length scale a group.

Shapes: n observations, d columns, g groups, c candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SQRT5 = float(np.sqrt(5.0))
_JITTER = 1e-6
_LENGTH_SCALE = (0.0, 1.0)
"""Prior of a logarithmic length scale, mean for one group, sd; the mean grows by log(g) / 2."""
_VARIANCES = {"linear": (-1.0, 1.5), "smooth": (-0.5, 1.0), "noise": (-4.0, 1.5)}
"""Priors (mean, sd) of the logarithms of the variances, for observations of variance 1."""


@dataclass(frozen=True)
class Hyperparameters:
    """Logarithms: length scales (g,), variances of the linear and the smooth part, and of the noise."""

    lengths: Floats
    linear: float
    smooth: float
    noise: float

    @classmethod
    def start(cls, n_groups: int) -> Hyperparameters:
        """The modes of the priors."""
        lengths = np.full(n_groups, _LENGTH_SCALE[0] + 0.5 * np.log(max(n_groups, 1)))
        return cls(lengths, *(mean for mean, _ in _VARIANCES.values()))

    def vector(self) -> Floats:
        """As one vector (g + 3,)."""
        return np.concatenate([self.lengths, [self.linear, self.smooth, self.noise]])

    @classmethod
    def of(cls, vector: Floats) -> Hyperparameters:
        """The inverse of `vector`."""
        linear, smooth, noise = map(float, vector[-3:])
        return cls(vector[:-3], linear, smooth, noise)


class GaussianProcess:
    """The posterior of one metric, given observations; values are standardised inside.

    x: (n, d) features; y: (n,) finite values; groups: (d,) the group of each column;
    extra: (n,) variances of further noise, in units of y squared.
    """

    def __init__(
        self,
        x: Floats,
        y: Floats,
        groups: Ints,
        hyperparameters: Hyperparameters,
        extra: Floats | None = None,
    ) -> None:
        self._x, self._groups, self._hyper = x, groups, hyperparameters
        self._middle = float(y.mean()) if len(y) else 0.0
        self._unit = float(y.std()) or 1.0 if len(y) else 1.0
        self._center = x.mean(axis=0)
        noise = np.exp(hyperparameters.noise) + _JITTER + (0.0 if extra is None else extra / self._unit**2)
        kernel = self._kernel(x, x)
        kernel[np.diag_indices_from(kernel)] += noise
        self._factor = cho_factor(kernel, lower=True)
        self._weights = cho_solve(self._factor, (y - self._middle) / self._unit)

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation (c,) of the metric itself, without noise, at the features (c, d)."""
        across = self._kernel(x, self._x)
        mean = across @ self._weights
        part = solve_triangular(self._factor[0], across.T, lower=True, check_finite=False)
        prior = np.exp(self._hyper.smooth) + self._linear_scale() * ((x - self._center) ** 2).sum(axis=1)
        variance = np.maximum(prior - (part**2).sum(axis=0), 1e-10)
        return self._middle + self._unit * mean, self._unit * np.sqrt(variance)

    def _linear_scale(self) -> float:
        return float(np.exp(self._hyper.linear)) / self._n_groups()

    def _n_groups(self) -> int:
        return len(self._hyper.lengths)

    def _kernel(self, left: Floats, right: Floats) -> Floats:
        scale = np.exp(-self._hyper.lengths)[self._groups]
        r2 = _squared_distances(left * scale, right * scale)
        kernel = _matern(r2)
        kernel *= np.exp(self._hyper.smooth)
        kernel += (self._linear_scale() * (left - self._center)) @ (right - self._center).T
        return kernel


def fit(
    x: Floats, y: Floats, groups: Ints, start: Hyperparameters, extra: Floats | None = None
) -> Hyperparameters:
    """The hyperparameters with the largest posterior probability (a local optimum near `start`)."""
    unit = float(y.std()) or 1.0
    z = (y - y.mean()) / unit
    added = np.zeros(len(y)) if extra is None else extra / unit**2
    n_groups = len(start.lengths)
    centred = x - x.mean(axis=0)
    products = centred @ centred.T / n_groups
    distances = np.stack([_squared_distances(x[:, groups == g], x[:, groups == g]) for g in range(n_groups)])
    means, sds = _priors(n_groups)

    def loss(vector: Floats) -> tuple[float, Floats]:
        value, slope = _negative_log_evidence(Hyperparameters.of(vector), products, distances, z, added)
        away = (vector - means) / sds
        return value + 0.5 * float(away @ away), slope + away / sds

    bounds = [(mean - 4 * sd, mean + 4 * sd) for mean, sd in zip(means, sds, strict=True)]
    optimum = minimize(
        loss, start.vector(), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}
    )
    return Hyperparameters.of(optimum.x)


def _priors(n_groups: int) -> tuple[Floats, Floats]:
    start = Hyperparameters.start(n_groups).vector()
    sds = np.concatenate([np.full(n_groups, _LENGTH_SCALE[1]), [sd for _, sd in _VARIANCES.values()]])
    return start, sds


def _negative_log_evidence(
    hyperparameters: Hyperparameters, products: Floats, distances: Floats, z: Floats, added: Floats
) -> tuple[float, Floats]:
    """Minus the log marginal likelihood, and its slope by `Hyperparameters.vector`."""
    inverse = np.exp(-2.0 * hyperparameters.lengths)
    r = np.sqrt(np.tensordot(inverse, distances, axes=1))
    decay = np.exp(-_SQRT5 * r)
    variance = np.exp(hyperparameters.smooth)
    smooth = variance * (1.0 + _SQRT5 * r + 5.0 / 3.0 * r * r) * decay
    linear = np.exp(hyperparameters.linear) * products
    kernel = smooth + linear
    noise = np.exp(hyperparameters.noise)
    kernel[np.diag_indices_from(kernel)] += noise + _JITTER + added
    factor = cho_factor(kernel, lower=True, check_finite=False)
    weights = cho_solve(factor, z, check_finite=False)
    pull = cho_solve(factor, np.eye(len(z)), check_finite=False) - np.outer(weights, weights)
    value = 0.5 * float(z @ weights) + float(np.log(np.diag(factor[0])).sum())
    # d smooth / d log length of g = variance * 5/3 (1 + sqrt5 r) exp(-sqrt5 r) * distance_g / length_g^2
    steep = pull * (variance * 5.0 / 3.0 * (1.0 + _SQRT5 * r) * decay)
    by_length = 0.5 * np.tensordot(distances, steep, axes=([1, 2], [0, 1])) * inverse
    rest = [np.vdot(pull, linear), np.vdot(pull, smooth), noise * np.trace(pull)]
    return value, np.concatenate([by_length, 0.5 * np.array(rest)])


def _matern(r2: Floats) -> Floats:
    """The Matern-5/2 correlation of squared distances; in place where it can be, this is the inner loop."""
    t = np.sqrt(5.0 * r2)
    decay = np.exp(-t)
    t += 1.0
    t += (5.0 / 3.0) * r2
    t *= decay
    return t


def _squared_distances(left: Floats, right: Floats) -> Floats:
    squares: Floats = (-2.0 * left) @ right.T
    squares += (left**2).sum(axis=1)[:, None]
    squares += (right**2).sum(axis=1)[None, :]
    return np.maximum(squares, 0.0, out=squares)
