"""One step: which kernel computes which layer on a target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from codegen.errors import HvError
from codegen.kernels import KERNELS
from codegen.kernels.base import Kernel, PlanName
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer
from codegen.plan import plan_memory
from codegen.scheduled_net import ScheduledNet
from codegen.streaming import plan_streams
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a user wants most.

    Attributes:
        name: what users type.
        summary: one line of help.
        streams: whether the first layers take the image row by row.
        arena_growth: how many times as large a faster kernel may make the arena; None: no limit.
    """

    name: PlanName
    summary: str
    arena_growth: float | None
    streams: bool = False


PLANS: tuple[Plan, ...] = (
    Plan(name="speed", summary="cycles, whatever flash and RAM it takes", arena_growth=None),
    Plan(
        name="balanced",
        summary="cycles, with weights as bytes and hardly more RAM",
        arena_growth=1.02,
    ),
    Plan(
        name="small",
        summary="RAM and flash: the image is taken row by row and never stored",
        arena_growth=1.0,
        streams=True,
    ),
)
DEFAULT_PLAN: PlanName = "balanced"


def find_plan(name: str) -> Plan:
    """The plan of that name, or an error with all of them."""
    for plan in PLANS:
        if plan.name == name:
            return plan
    names = ", ".join(plan.name for plan in PLANS)
    raise HvError(f"no plan is called {name!r}", hint=f"choose one of {names}")


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
