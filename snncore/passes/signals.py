"""What layers of a network exchange: currents whose norms and sums are not computed yet; spikes with their
rate.

A convolution's output goes through a batch norm, perhaps a sum, into neurons. Computed one after the other,
each reads and writes the activations of all T steps. A `Current` records the norms and the sum instead, and
the neurons compute all of it in one sweep. Any other torch function can be called with it; its value is
computed first.

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
    """A network asks for something that only a tensor of one batch has, such as the number of samples."""


class Part(NamedTuple):
    """One summand of a current.

    x: (S·N, C, ...). norm: the norm still to be applied. is_own: its mean and variance are those of x, and
    gradients flow through them. node, is_exact: of the mean of x over time, see `Pair`.
    """

    x: Tensor
    is_still: bool
    norm: Norm | None = None
    is_own: bool = True
    node: Tensor | None = None
    is_exact: bool = True


class Signal:
    """Used like a tensor: any torch function and any method of tensors can be called with it."""

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
            return self.run.attribute(self, name)
        return lambda *args, **kwargs: self.__torch_function__(method, (), (self, *args), kwargs)

    def __add__(self, other: Any) -> Any:
        return self.run.add(self, other)

    __radd__ = __add__


def _tensor_operator(name: str) -> Callable[..., Any]:
    method = getattr(Tensor, name)
    return lambda self, *args: self.run.call(method, (self, *args), {})


# Python looks operators up on the class.
_OPERATORS = (
    *("getitem", "len", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "neg", "abs", "pow", "matmul"),
    *("gt", "ge", "lt", "le"),
)
for _name in _OPERATORS:
    setattr(Signal, f"__{_name}__", _tensor_operator(f"__{_name}__"))


class Current(Signal):
    """The sum of its parts, one or two."""

    def __init__(self, run: LazyPass, parts: tuple[Part, ...]) -> None:
        self.run, self.parts = run, parts
        self.value: Any = None  # once computed

    @property
    def is_still(self) -> bool:
        """Whether its value is the same at every step."""
        return all(part.is_still for part in self.parts)


class Pair(Signal):
    """Spikes, or what linear layers computed from them, together with their mean over time, the rate.

    over_time: (S·N, C, ...), without gradients; None if only the rate is needed from here on. node: (N, C,
    ...), the tensor of the rate in autograd's graph. Its values are the rate too, unless there is a count (N,
    C, ...), which holds T times the rate: then they are never read, and the node takes no memory. is_exact:
    the rate is the mean over time; it is not behind functions such as max-pooling (P0: the rate pass pools
    the mean).
    """

    def __init__(
        self,
        run: LazyPass,
        over_time: Tensor | None,
        node: Tensor,
        is_still: bool,
        count: Tensor | None = None,
        is_exact: bool = True,
    ) -> None:
        self.run, self.over_time, self.node = run, over_time, node
        self.is_still, self.count, self.is_exact = is_still, count, is_exact


class LazyPass:
    """A pass in which norms and sums are recorded in a `Current` and computed when neurons fire.

    An activation, what layers exchange, is a Current or the type in which the pass holds spikes.
    """

    def __init__(self, T: int) -> None:
        self.T = T

    def norm(self, norm: nn.BatchNorm2d, x: Any) -> Current:
        """A current with this norm recorded, and its statistics computed."""
        (part,) = self.parts(x if is_plain(x) else self.computed(x))
        return Current(self, (self.normed(norm, part),))

    def add(self, a: Any, b: Any) -> Any:
        """A current with two parts; an operand that has two parts already is computed first."""
        if not self.can_add(a, b):  # a number, a parameter
            return self.call(torch.add, (a, b), {})
        parts = [self.parts(x) for x in (a, b)]
        if len(parts[0]) + len(parts[1]) > 2:
            parts = [self.parts(self.computed(x)) for x in (a, b)]
        return Current(self, (*parts[0], *parts[1]))

    def computed(self, x: Any) -> Any:
        """The value of an activation, as one part without a norm; computed once."""
        if is_plain(x):
            return x
        if x.value is None:
            x.value = self.sum(x.parts)
        return x.value

    def parts(self, x: Any) -> tuple[Part, ...]:
        """The parts of which an activation is the sum."""
        return x.parts if isinstance(x, Current) else (self.part(x),)

    def can_add(self, a: Any, b: Any) -> bool:
        """Whether both are activations of the same shape."""
        raise NotImplementedError

    def over_time(self, x: Tensor, is_still: bool) -> Tensor:
        """A still value repeated, (N, ...) -> (T·N, ...), in the same layout; others unchanged."""
        return torch.cat([x] * self.T) if is_still else x

    def part(self, x: Any) -> Part:
        """Spikes, in the type that the pass holds them in, as a part."""
        raise NotImplementedError

    def normed(self, norm: nn.BatchNorm2d, part: Part) -> Part:
        """`part`, which has no norm, with this one."""
        raise NotImplementedError

    def sum(self, parts: tuple[Part, ...]) -> Any:
        """The value of a current with these parts, as an activation of one part without a norm."""
        raise NotImplementedError

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a torch function with arguments of which some are signals; sums go to `add`."""
        raise NotImplementedError

    def attribute(self, signal: Signal, name: str) -> Any:
        """An attribute of a signal that is no method, such as dtype."""
        raise NotImplementedError


def is_plain(x: Any) -> bool:
    """Whether an activation is one part without a norm."""
    return not isinstance(x, Current) or (len(x.parts) == 1 and x.parts[0].norm is None)
