"""One step: which kernel computes which layer on a target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from codegen.kernels import KERNELS
from codegen.kernels.base import Kernel
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer
from codegen.plan import plan_memory
from codegen.plans import DEFAULT_PLAN, Plan, PlanName, find_plan
from codegen.scheduled_net import ScheduledNet
from codegen.streaming import plan_streams
from codegen.targets import Target


def schedule(net: QuantNet, target: Target, plan: str = DEFAULT_PLAN) -> ScheduledNet:
    """Chooses each layer's kernel, by what each says of itself; nothing is measured.

    The last kernel that suits the plan is taken, unless it makes the arena larger than the plan
    allows compared with the kernels of the least working memory. Of the parts that can be streamed
    that of the smallest arena is, and of several the shortest.
    """
    chosen = find_plan(plan)
    whole = with_kernels(net, target, {})
    streams = plan_streams(net) if chosen.streams else ()
    tried = [
        _with_chosen(dataclasses.replace(whole, stream=stream), chosen)
        for stream in reversed(streams or (None,))
    ]
    return min(tried, key=lambda scheduled: plan_memory(scheduled).arena_bytes)


def _with_chosen(draft: ScheduledNet, chosen: Plan) -> ScheduledNet:
    net = draft.net
    suiting = {layer.name: _suiting(draft, layer, chosen.name) for layer in net.layers}
    least = {
        layer.name: _of_least_memory(suiting[layer.name], draft.computed(layer))
        for layer in net.layers
    }
    scheduled = dataclasses.replace(draft, kernels=least)
    limit = None
    if chosen.arena_growth is not None:
        limit = int(plan_memory(scheduled).arena_bytes * chosen.arena_growth)
    for layer in net.layers:
        scheduled = _with_best(scheduled, layer, suiting[layer.name], limit)
    return scheduled


def with_kernels(net: QuantNet, target: Target, kernels: Mapping[str, Kernel]) -> ScheduledNet:
    """Each layer by the kernel given, by name; all tensors are whole."""
    return ScheduledNet(
        net=net,
        target=target,
        kernels=kernels,
        inputs_in_arena=len(net.arch.inputs) == 1,  # several are members of one struct
    )


def candidates(layer: QuantLayer, target: Target) -> tuple[Kernel, ...]:
    """Every kernel, with every blocking, that computes a layer on a target; the portable first."""
    return tuple(
        found
        for kernel in KERNELS
        if kernel.needs <= target.features
        for found in kernel.candidates(layer, target)
    )


def _suiting(scheduled: ScheduledNet, layer: QuantLayer, plan: PlanName) -> tuple[Kernel, ...]:
    """Those that suit the plan, the fastest last; the portable one only where there is no other.

    A person's weights choose nothing, for all persons have one kernel: they may be refused later.
    """
    computed = scheduled.computed(layer)
    portable, *others = candidates(computed, scheduled.target)
    is_shared = not scheduled.net.arch.is_personal_layer(layer.name)
    suiting = [
        kernel
        for kernel in others
        if kernel.suits(plan) and not (is_shared and kernel.breaches(computed))
    ]
    return tuple(suiting) or (portable,)


def _of_least_memory(kernels: tuple[Kernel, ...], layer: QuantLayer) -> Kernel:
    return min(kernels, key=lambda kernel: kernel.scratch_bytes(layer))


def _with_best(
    scheduled: ScheduledNet, layer: QuantLayer, kernels: tuple[Kernel, ...], limit: int | None
) -> ScheduledNet:
    for kernel in reversed(kernels):
        if kernel == scheduled.kernel(layer):
            return scheduled
        tried = dataclasses.replace(scheduled, kernels={**scheduled.kernels, layer.name: kernel})
        if limit is None or plan_memory(tried).arena_bytes <= limit:
            return tried
    return scheduled
