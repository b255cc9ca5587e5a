"""Measures every kernel of every layer in as few runs of the network as there are kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codegen.cli import pipeline
from codegen.cli.choice import SCHEDULE
from codegen.cli.profiling import ProfiledRun, measure, run_profiled
from codegen.cli.subject import Subject
from codegen.errors import OutputsDiffer
from codegen.kernels.base import Kernel
from codegen.nets import QuantNet
from codegen.packing import unpack_inputs
from codegen.plans import PLANS
from codegen.schedule import candidates, with_kernels
from codegen.schedule_file import Unit
from codegen.scheduled_net import ScheduledNet
from codegen.targets import Target
from codegen.trade_off import Besides, Measurements, Option, Point
from host_tools.compare import compare
from host_tools.layer_parts import LayerParts, layer_parts
from host_tools.profile import Cost, Profile


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a whole network was measured to need; RAM as `profile` counts it."""

    name: str
    cost: int
    ram_bytes: int
    flash_bytes: int


@dataclass(frozen=True, kw_only=True)
class Round:
    """One run of a network, taken apart by layer."""

    profile: Profile
    parts: Mapping[str, LayerParts]


class Session:
    """One network on one board.

    Attributes:
        unit: of all costs; known after the first run.
        described: where and how was measured; likewise.
        rounds: how many there were.
        skipped: kernels left out because these weights do not let them be proved exact.
    """

    def __init__(
        self,
        subject: Subject,
        target: Target,
        report: Callable[[str], None],
        compiler: str | None,
    ) -> None:
        """Measures nothing yet."""
        self.unit: Unit = "cycles"
        self.described = ""
        self.rounds = 0
        self.skipped: tuple[str, ...] = ()
        self._subject = subject
        self._target = target
        self._report = report
        self._compiler = compiler
        self._confirmed: dict[tuple[Kernel, ...], Point] = {}

    def measure_all(self) -> Measurements:
        """Round i takes the i-th kernel of every layer; a layer with fewer repeats its last.

        Raises:
            OutputsDiffer: a kernel gives other bits than the reference.
        """
        net = self._subject.quant_net
        able = self._able(net)
        self.rounds = max(len(kernels) for kernels in able.values())
        options: dict[str, list[Option]] = {name: [] for name in able}
        besides: list[Besides] = []
        for index in range(self.rounds):
            self._report(f"measuring kernels, round {index + 1} of {self.rounds} ...")
            kernels = {name: of[min(index, len(of) - 1)] for name, of in able.items()}
            scheduled = with_kernels(net, self._target, kernels)
            found = self.run(scheduled)
            for name, of in able.items():
                if index < len(of):
                    options[name].append(_option(name, scheduled, found))
            besides.append(_besides(found))
        return Measurements(
            net=net,
            target=self._target,
            options={name: tuple(found) for name, found in options.items()},
            besides=_most(besides),
        )

    def run(self, scheduled: ScheduledNet) -> Round:
        """Runs a network once and compares every tensor with the reference.

        Raises:
            OutputsDiffer: they are not the same bits.
        """
        emission = pipeline.emission_by(self._subject, scheduled)
        with run_profiled(self._subject, emission, _quiet, compiler=self._compiler) as ran:
            _check_bits(ran, scheduled)
            order = ran.firmware.order
            self.unit = "cycles" if ran.profile.total.cycles else "instructions"
            self.described = f"{order.board.name} in {ran.emulator}, {order.toolchain.version}"
            parts = layer_parts(ran.firmware, ran.manifest, ran.profile)
            return Round(profile=ran.profile, parts=parts)

    def confirmed(self, point: Point) -> Point:
        """A point with the figures of a run of its whole network.

        They differ from the sum of its layers by the few cycles and bytes of calling them.
        """
        kernels = tuple(option.kernel for option in point.chosen)
        if kernels not in self._confirmed:
            self._report("measuring a schedule as a whole ...")
            mark = mark_of(SCHEDULE, self.run(point.scheduled).profile)
            self._confirmed[kernels] = dataclasses.replace(
                point, cost=mark.cost, ram_bytes=mark.ram_bytes, flash_bytes=mark.flash_bytes
            )
        return self._confirmed[kernels]

    def plans(self) -> tuple[Mark, ...]:
        """Each plan, measured as a whole."""
        return tuple(self._plan(plan.name) for plan in PLANS)

    def _plan(self, name: str) -> Mark:
        self._report(f"measuring plan {name} ...")
        found = measure(self._subject, self._target, _quiet, plan=name, compiler=self._compiler)
        return mark_of(name, found.profile)

    def _able(self, net: QuantNet) -> dict[str, tuple[Kernel, ...]]:
        """The kernels of each layer that are exact for the actual weights."""
        able = {layer.name: candidates(layer, self._target) for layer in net.layers}
        exact = {
            layer.name: tuple(k for k in able[layer.name] if not k.breaches(layer))
            for layer in net.layers
        }
        self.skipped = tuple(
            f"{name}: {kernel.describe()}"
            for name, kernels in able.items()
            for kernel in kernels
            if kernel not in exact[name]
        )
        return exact


def mark_of(name: str, costs: Profile) -> Mark:
    """The figures of a whole network; without a call graph the stack is not in them."""
    ram = costs.ram
    return Mark(
        name=name,
        cost=_cost(costs.total),
        ram_bytes=ram.arena + ram.input + ram.static + (ram.stack or 0),
        flash_bytes=costs.flash.total,
    )


def _quiet(_: str) -> None:
    """The rounds themselves are reported."""


def _check_bits(ran: ProfiledRun, scheduled: ScheduledNet) -> None:
    net = scheduled.net
    expected = pipeline.torch_reference(net, unpack_inputs(net.arch, ran.rows))
    difference = compare(expected, ran.profile.tensors).first_difference
    if difference is not None:
        layer = next(layer for layer in net.layers if layer.name == difference.layer)
        raise OutputsDiffer(
            f"the kernel {scheduled.kernel(layer).describe()} gives other bits than the reference: "
            f"{difference}",
            where=f"layer {layer.name}, {ran.firmware.order.board.name} in {ran.emulator}",
            hint="no firmware with this kernel should be shipped: please report this",
        )


def _option(name: str, scheduled: ScheduledNet, found: Round) -> Option:
    layer = next(layer for layer in scheduled.net.layers if layer.name == name)
    cost = next(one.cost for one in found.profile.layers if one.name == name)
    kernel, parts = scheduled.kernel(layer), found.parts[name]
    return Option(
        kernel=kernel,
        cost=_cost(cost),
        code_bytes=parts.code_bytes,
        weight_bytes=sum(spec.size_bytes for spec in kernel.stored_specs(layer).values()),
        shared=parts.shared,
        stack_bytes=parts.stack_bytes,
    )


def _besides(found: Round) -> Besides:
    costs, parts = found.profile, found.parts.values()
    shared = {function for one in parts for function in one.shared}
    own_code = sum(one.code_bytes for one in parts) + sum(size for _, size in shared)
    deepest = max(one.stack_bytes for one in parts)
    return Besides(
        cost=_cost(costs.dispatch),
        flash_bytes=costs.flash.code - own_code + costs.flash.tables,
        ram_bytes=costs.ram.input + costs.ram.static,
        output_bytes=costs.ram.output,
        stack_bytes=0 if costs.ram.stack in (None, deepest) else costs.ram.stack,
    )


def _most(besides: list[Besides]) -> Besides:
    """What is enough whatever computes the layers."""
    return Besides(
        **{field: max(getattr(one, field) for one in besides) for field in vars(besides[0])}
    )


def _cost(cost: Cost) -> int:
    return cost.instructions if cost.cycles is None else round(cost.cycles.zero_wait)
