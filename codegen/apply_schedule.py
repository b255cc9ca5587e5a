"""One step: a schedule file, or a plan by name, becomes a scheduled network."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.errors import GateBreach, HvError
from codegen.kernels import KERNELS
from codegen.kernels.base import Kernel
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer
from codegen.schedule import candidates, schedule, with_kernels
from codegen.schedule_file import LayerChoice, ScheduleFile, valid_for
from codegen.scheduled_net import ScheduledNet
from codegen.targets import Target

TUNE = "tune again for this network and target, or leave --schedule away"


def schedule_by(chosen: str | ScheduleFile, net: QuantNet, target: Target) -> ScheduledNet:
    """By the plan of that name, or by a schedule that was made for this network and target."""
    if isinstance(chosen, str):
        return schedule(net, target, chosen)
    return apply_schedule(chosen, net, target)


def apply_schedule(chosen: ScheduleFile, net: QuantNet, target: Target) -> ScheduledNet:
    """Each layer by the kernel that the schedule says.

    Raises:
        GateBreach: it is for another target or network, a kernel or blocking is not known or
            cannot compute its layer, or is not proved exact for the actual weights; all at once.
    """
    faults = _stranger(chosen, net, target)
    if faults:
        raise GateBreach("schedule", tuple(faults))
    kernels: dict[str, Kernel] = {}
    for layer in net.layers:
        found = _find(chosen.layers[layer.name], layer, target)
        if isinstance(found, HvError):
            faults.append(found)
        else:
            kernels[layer.name] = found
            faults += found.breaches(layer)
    if faults:
        raise GateBreach("schedule", tuple(faults), hint=TUNE)
    return with_kernels(net, target, kernels)


def _stranger(chosen: ScheduleFile, net: QuantNet, target: Target) -> list[HvError]:
    """Reasons to look no further."""
    faults = []
    if chosen.target != target.name:
        faults.append(
            HvError(
                f"it was made for {chosen.target}, not for {target.name}",
                hint=f"--target {chosen.target}, or {TUNE}",
            )
        )
    if chosen.valid_for != valid_for(net.arch):
        faults.append(
            HvError(
                f"it was made for another network, called {chosen.architecture}: the layers, "
                f"operators or shapes of {net.arch.name} are others",
                hint=TUNE,
            )
        )
        return faults  # its layers are others, too
    names = [layer.name for layer in net.layers]
    faults += [
        HvError("it has no kernel for a layer", where=f"layer {name}", hint=TUNE)
        for name in names
        if name not in chosen.layers
    ]
    faults += [
        HvError("the network has no such layer", where=f"layer {name}", hint=TUNE)
        for name in chosen.layers
        if name not in names
    ]
    return faults


def _find(choice: LayerChoice, layer: QuantLayer, target: Target) -> Kernel | HvError:
    """The kernel, or what is wrong with the choice."""
    where = f"layer {layer.name}"
    if choice.kernel not in (kernel.name for kernel in KERNELS):
        known = ", ".join(kernel.name for kernel in KERNELS)
        return HvError(
            f"no kernel is called {choice.kernel!r}", where=where, hint=f"the kernels are {known}"
        )
    able = candidates(layer, target)
    same = [kernel for kernel in able if kernel.name == choice.kernel]
    if not same:
        names = ", ".join(dict.fromkeys(kernel.name for kernel in able))
        return HvError(
            f"{choice.kernel} cannot compute this {layer.op.kind} on {target.name}",
            where=where,
            hint=f"these can: {names}",
        )
    for kernel in same:
        if dict(kernel.options()) == dict(choice.options):
            return kernel
    return HvError(
        f"{choice.kernel} has no blocking {_options_text(choice.options)} for this layer",
        where=where,
        hint="it has " + "; ".join(_options_text(kernel.options()) for kernel in same),
    )


def _options_text(options: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in options.items()) or "without options"
