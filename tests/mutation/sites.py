"""Where a mutation can stand in a file, and the file with it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOMS = ("spaces", "snncore", "studies", "search", "reports")

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Assert, ast.Delete)
_WITH_TEST = (ast.If, ast.While)


@dataclass(frozen=True)
class Site:
    """One place for one mutation.

    function: dotted, "" at the top of the file. statement: its source as Python prints it; of an `if` or
    `while`, the condition alone. kind: comparison, arithmetic, constant, removed or returned. index: among
    the sites of that kind in the statement.
    """

    file: str
    function: str
    statement: str
    line: int
    kind: str
    index: int


def sites(path: Path, root: Path) -> Iterator[Site]:
    """Every site of a file."""
    for function, node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        for kind, n in counts(node).items():
            for index in range(n):
                name = path.relative_to(root).as_posix()
                yield Site(name, function, text_of(node), node.lineno, kind, index)


def statements(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """The simple statements and the conditions that run when the program does, with their functions."""

    def walk(body: list[ast.stmt], function: str) -> Iterator[tuple[str, ast.stmt]]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield from walk(node.body, f"{function}.{node.name}".lstrip("."))
            elif isinstance(node, _WITH_TEST):
                if "TYPE_CHECKING" in ast.unparse(node.test) or "__name__" in ast.unparse(node.test):
                    continue
                yield function, node
                yield from walk(node.body + node.orelse, function)
            elif isinstance(node, ast.For | ast.With | ast.Try | ast.Match):
                yield from walk(list(_inner(node)), function)
            elif isinstance(node, _SIMPLE) and not _is_text(node):
                yield function, node

    return walk(tree.body, "")


def text_of(node: ast.stmt) -> str:
    """The source of a statement; of an `if` or `while`, the condition alone."""
    return ast.unparse(node.test if isinstance(node, _WITH_TEST) else node)


def counts(node: ast.stmt) -> dict[str, int]:
    """How many sites of each kind a statement has."""
    found = {"comparison": 0, "arithmetic": 0, "constant": 0, "removed": 0, "returned": 0}
    for part in _parts(node):
        kind = _kind(part)
        if kind:
            found[kind] += 1
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    found["removed"] = int(is_call or isinstance(node, ast.AugAssign | ast.Raise))
    found["returned"] = int(isinstance(node, ast.Return) and node.value is not None)
    return {kind: n for kind, n in found.items() if n}


def mutated(path: Path, site: Site) -> str:
    """The source of a file with the mutation of a site in it.

    Raises:
        LookupError: the file has no such site.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function, node in statements(tree):
        here = (function, text_of(node), node.lineno) == (site.function, site.statement, site.line)
        if here and site.index < counts(node).get(site.kind, 0):
            _mutate(tree, node, site.kind, site.index)
            return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    raise LookupError(f"{site}: not in {path}")


def _mutate(tree: ast.Module, node: ast.stmt, kind: str, index: int) -> None:
    if kind == "removed":
        _replace(tree, node, ast.Pass())
        return
    if kind == "returned":
        assert isinstance(node, ast.Return)
        assert node.value is not None
        node.value = _other_value(node.value)
        return
    part = [part for part in _parts(node) if _kind(part) == kind][index]
    if isinstance(part, ast.Compare):
        part.ops[0] = _COMPARISONS[type(part.ops[0])]()
    elif isinstance(part, ast.BinOp | ast.AugAssign):
        part.op = _ARITHMETIC[type(part.op)]()
    elif isinstance(part, ast.Constant):
        part.value = not part.value if isinstance(part.value, bool) else part.value + 1


def _other_value(value: ast.expr) -> ast.expr:
    """What a function returns instead: a tuple the other way round, a truth denied, else None."""
    if isinstance(value, ast.Tuple) and len(value.elts) > 1:
        return ast.Tuple(value.elts[::-1], ast.Load())
    if isinstance(value, ast.Compare | ast.BoolOp) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    ):
        return ast.UnaryOp(ast.Not(), copy.deepcopy(value))
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        return ast.Constant(not value.value)
    return ast.Constant(None if not (isinstance(value, ast.Constant) and value.value is None) else 1)


def _replace(tree: ast.Module, old: ast.stmt, new: ast.stmt) -> None:
    for parent in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(parent, name, None)
            if isinstance(body, list) and old in body:
                body[body.index(old)] = new


def _parts(node: ast.stmt) -> Iterator[ast.AST]:
    """What of a statement is run: no annotations, and of an `if` or `while` the condition alone."""
    if isinstance(node, ast.AnnAssign):
        yield from ast.walk(node.value) if node.value is not None else ()
    else:
        yield from ast.walk(node.test if isinstance(node, _WITH_TEST) else node)


def _kind(part: ast.AST) -> str:
    if isinstance(part, ast.Compare) and type(part.ops[0]) in _COMPARISONS:
        return "comparison"
    if isinstance(part, ast.BinOp | ast.AugAssign) and type(part.op) in _ARITHMETIC:
        is_of_text = isinstance(part, ast.BinOp) and any(
            isinstance(side, ast.JoinedStr)
            or (isinstance(side, ast.Constant) and isinstance(side.value, str))
            for side in (part.left, part.right)
        )
        return "" if is_of_text else "arithmetic"
    if isinstance(part, ast.Constant) and isinstance(part.value, bool | int | float):
        return "constant"
    return ""


def _inner(node: ast.For | ast.With | ast.Try | ast.Match) -> Iterator[ast.stmt]:
    for name in ("body", "orelse", "finalbody"):
        yield from getattr(node, name, [])
    for part in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
        yield from part.body


def _is_text(node: ast.stmt) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
