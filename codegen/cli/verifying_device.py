"""`verify --on-device`: the same whole-tensor comparison, on whatever is connected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from codegen.cli import pipeline
from codegen.cli.batches import Batch
from codegen.cli.linking import PortOrder, target_of, transport_to
from codegen.cli.subject import Subject
from codegen.cli.verifying import Check, Verification
from codegen.schedule_file import ScheduleFile
from codegen.targets import Target, find_target
from host_tools.compare import compare
from host_tools.link.client import Link
from host_tools.link.device import Device
from host_tools.link.people import number_of
from host_tools.link.trace import device_tensors
from host_tools.manifest import load_manifest


def verify_on_device(
    subject: Subject,
    batch: Batch,
    order: PortOrder,
    target: Target,
    plan: str | ScheduleFile,
    extras: Mapping[str, Any],
    report: Callable[[str], None],
) -> Verification:
    """Runs the batch on a device and reads every tensor back.

    Raises:
        HvError: it does not answer, runs another kernel, or refuses the person.
    """
    report("running the PyTorch integer reference ...")
    expected = pipeline.torch_reference(subject.quant_net, batch.inputs)
    with transport_to(order, subject, extras, plan) as transport:
        device = Device(Link(transport))
        device.hello()
        core = find_target(target_of(device, target.name))
        with pipeline.emitted(subject, core, plan=plan, **extras) as folder:
            tensors = _tensors(subject, batch, device, folder, report)
        where = f"{device.identity().board} over {order.port or 'an emulated serial port'}"
    check = Check(where=where, comparison=compare(expected, tensors), target=None)
    return Verification(reference=expected, checks=[check])


def _tensors(
    subject: Subject, batch: Batch, device: Device, folder: Path, report: Callable[[str], None]
) -> Mapping[str, np.ndarray]:
    manifest = load_manifest(folder)
    images = batch.rows(subject.quant_net.arch)
    person = 0
    if subject.user is not None:
        (bundle,) = folder.glob("*.hvb")
        person = number_of(device, bundle.read_bytes(), report)
    report(f"running {len(images)} on the device, every tensor read back ...")
    return device_tensors(
        device,
        manifest,
        images,
        person=person,
        report=lambda done: report(f"  {done} of {len(images)}"),
    )
