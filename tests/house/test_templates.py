"""Each kernel template's holes are exactly its operator's context."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import pytest
from jinja2 import meta, nodes

from codegen.kernels import KERNELS
from codegen.kernels.base import Kernel
from codegen.kernels.portable import Portable
from codegen.ops import OPS
from codegen.ops.base import KernelContext, Op, QuantLayer
from codegen.render import environment

BASE = {field.name for field in dataclasses.fields(KernelContext)}


def _context(op: type[Op]) -> type[KernelContext]:
    """The class that kernel_context() says it returns."""
    return _returned(op.kernel_context)


def _returned(method: Any) -> type[KernelContext]:  # noqa: ANN401 - of an operator or a kernel
    context: type[KernelContext] = typing.get_type_hints(method)["return"]
    return context


def _variables(name: str) -> set[str]:
    """Names that a template, and the parts it imports with context, do not define themselves."""
    env = environment()
    assert env.loader is not None
    tree = env.parse(env.loader.get_source(env, name)[0])
    found = set(meta.find_undeclared_variables(tree))
    for node in tree.find_all((nodes.FromImport, nodes.Import, nodes.Include)):
        assert isinstance(node, nodes.FromImport), "macros are imported by name"
        assert isinstance(node.template, nodes.Const)
        used = _used_macros(env.parse(env.loader.get_source(env, node.template.value)[0]), node)
        found |= used
    return found


def _used_macros(tree: nodes.Template, node: nodes.Node) -> set[str]:
    """What the macros that are imported need from the context, not from themselves."""
    names = {n if isinstance(n, str) else n[0] for n in getattr(node, "names", [])}
    needed: set[str] = set()
    for macro in tree.find_all(nodes.Macro):
        if macro.name in names:
            alone = nodes.Template([macro], lineno=1).set_environment(environment())
            needed |= meta.find_undeclared_variables(alone)
    return needed


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.kind)
def test_variables_equal_context_fields(op: type[Op]) -> None:
    fields = {field.name for field in dataclasses.fields(_context(op))}
    variables = _variables(f"kernels/{op.kind}.c.j2") - {"version"}
    assert variables <= fields, f"undefined in the template: {variables - fields}"
    assert fields - variables <= BASE, f"never used by the template: {fields - BASE - variables}"


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k is not Portable], ids=lambda k: k.name)
def test_variables_equal_context_fields_of_a_kernel(kernel: type[Kernel]) -> None:
    """Its C and its assembly have one context."""
    fields = {field.name for field in dataclasses.fields(_returned(kernel.context))}
    variables = {name for path in _templates(kernel) for name in _variables(path)} - {"version"}
    assert variables <= fields, f"undefined in the template: {variables - fields}"
    assert fields - variables <= BASE, f"never used by the template: {fields - BASE - variables}"


def _templates(kernel: type[Kernel]) -> list[str]:
    """A kernel has one template, whatever the layer and the blocking."""
    anyone, layer = typing.cast(Kernel, object.__new__(kernel)), typing.cast(QuantLayer, None)
    assembly = anyone.assembly(layer)
    names = [f"kernels/{anyone.template(layer)}.c.j2"]
    return names + ([f"kernels/{assembly}.S.j2"] if assembly else [])


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.kind)
def test_templates_do_no_arithmetic_beyond_array_sizes(op: type[Op]) -> None:
    """Facts are computed in Python; a product of two sizes in a bound or a comment may stand."""
    env = environment()
    assert env.loader is not None
    tree = env.parse(env.loader.get_source(env, f"kernels/{op.kind}.c.j2")[0])
    kinds = (nodes.Add, nodes.Sub, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)
    assert not list(tree.find_all(kinds))
