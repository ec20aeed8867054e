"""What runs between the layers of a network: currents that are not summed up yet, and spikes with their rate.

A convolution's output goes through a batch norm, perhaps a sum, into neurons. Done one after the other, each
reads and writes the activations of all T steps; a `Current` remembers instead what is to be added, and the
neurons do it all in one sweep. Whatever else is done with it computes its value first, so that a network may
call any torch function.

Shapes: S·N samples, step-major, S = T, or 1 for what is the same at every step ("still"); N batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snncore.sweeps.interface import Norm


class NeedsTwoPassesError(TypeError):
    """A network asks what only tensors of a single batch can tell, such as how many samples there are."""


class Part(NamedTuple):
    """One summand of a current.

    x: (S·N, C, ...). norm: how it is still to be normalised. is_own: mean and variance are x's own, and
    gradients flow through them. place, is_exact: of the mean of x over time, see `Pair`.
    """

    x: Tensor
    is_still: bool
    norm: Norm | None = None
    is_own: bool = True
    place: Tensor | None = None
    is_exact: bool = True


class Signal:
    """Stands where a tensor would; any torch function and any method of tensors may be called with it."""

    run: LazyPass

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], _: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        run = next(leaf.run for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Signal))
        if getattr(function, "__name__", "") in ("add", "__add__", "__radd__") and not kwargs:
            return run.add(*args)
        return run.call(function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(Tensor, name)
        if not callable(method):
            return self.run.ask(self, name)
        return lambda *args, **kwargs: self.__torch_function__(method, (), (self, *args), kwargs)

    def __add__(self, other: Any) -> Any:
        return self.run.add(self, other)

    __radd__ = __add__


def _as_of_tensors(name: str) -> Callable[..., Any]:
    method = getattr(Tensor, name)
    return lambda self, *args: self.run.call(method, (self, *args), {})


# Python looks operators up on the class.
_OPERATORS = (
    *("getitem", "len", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "neg", "abs", "pow", "matmul"),
    *("gt", "ge", "lt", "le"),
)
for _name in _OPERATORS:
    setattr(Signal, f"__{_name}__", _as_of_tensors(f"__{_name}__"))


class Current(Signal):
    """The sum of its parts, one or two."""

    def __init__(self, run: LazyPass, parts: tuple[Part, ...]) -> None:
        self.run, self.parts = run, parts
        self.value: Any = None  # once computed

    @property
    def is_still(self) -> bool:
        """Whether it is the same at every step."""
        return all(part.is_still for part in self.parts)


class Pair(Signal):
    """Spikes, or what linear layers made of them, and their mean over time, which travel together.

    over_time: (S·N, C, ...), without gradients; None where only the rate is still wanted. place: (N, C, ...),
    where the mean stands in autograd's graph; it is its value too, unless count, of the same shape, holds
    T times the value: then the values of place are never read, and it takes no memory. is_exact: that the
    value is the mean over time, which it is not behind functions such as max-pooling (method of P0: the rate
    pass pools the mean).
    """

    def __init__(
        self,
        run: LazyPass,
        over_time: Tensor | None,
        place: Tensor,
        is_still: bool,
        count: Tensor | None = None,
        is_exact: bool = True,
    ) -> None:
        self.run, self.over_time, self.place = run, over_time, place
        self.is_still, self.count, self.is_exact = is_still, count, is_exact


class LazyPass:
    """A pass in which norms and sums wait in a `Current` until neurons fire.

    What runs between layers ("activation") is a Current, or whatever the pass carries spikes in.
    """

    def __init__(self, T: int) -> None:
        self.T = T

    def norm(self, norm: nn.BatchNorm2d, x: Any) -> Current:
        """Remembered, with the statistics it takes."""
        (part,) = self.parts(x if is_bare(x) else self.settled(x))
        return Current(self, (self.normed(norm, part),))

    def add(self, a: Any, b: Any) -> Any:
        """A sum of two parts waits; what has two already is computed first."""
        if not self.are_summands(a, b):  # a number, a parameter
            return self.call(torch.add, (a, b), {})
        parts = [self.parts(x) for x in (a, b)]
        if len(parts[0]) + len(parts[1]) > 2:
            parts = [self.parts(self.settled(x)) for x in (a, b)]
        return Current(self, (*parts[0], *parts[1]))

    def settled(self, x: Any) -> Any:
        """The activation as one part without a norm; computed once."""
        if is_bare(x):
            return x
        if x.value is None:
            x.value = self.sum(x.parts)
        return x.value

    def parts(self, x: Any) -> tuple[Part, ...]:
        """What an activation is the sum of."""
        return x.parts if isinstance(x, Current) else (self.part(x),)

    def are_summands(self, a: Any, b: Any) -> bool:
        """Whether both are activations of the same shape."""
        raise NotImplementedError

    def over_time(self, x: Tensor, is_still: bool) -> Tensor:
        """What is still at every step, (N, ...) -> (T·N, ...), in the same layout; the rest as it is."""
        return torch.cat([x] * self.T) if is_still else x

    def part(self, x: Any) -> Part:
        """What carries spikes, as a part."""
        raise NotImplementedError

    def normed(self, norm: nn.BatchNorm2d, part: Part) -> Part:
        """A part without a norm, now with this one."""
        raise NotImplementedError

    def sum(self, parts: tuple[Part, ...]) -> Any:
        """The value of a current, as an activation that is one part without a norm."""
        raise NotImplementedError

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of tensors where some of them are signals; sums do not come here."""
        raise NotImplementedError

    def ask(self, signal: Signal, name: str) -> Any:
        """An attribute of tensors that is no method, such as dtype."""
        raise NotImplementedError


def is_bare(x: Any) -> bool:
    """Whether an activation is one part without a norm."""
    return not isinstance(x, Current) or (len(x.parts) == 1 and x.parts[0].norm is None)
