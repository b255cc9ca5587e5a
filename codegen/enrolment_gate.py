"""The gate of an enrolment: does this person's integer network say what the real one says?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen import reference
from codegen.arith import INT8_MAX, INT8_MIN
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import FloatNet, QuantNet, float_forward
from codegen.ops.normalised_decision import NormalisedDecision

DRIFT_LIMIT = 0.05  # of a cosine; a tenth of the distance between persons' means
SATURATION_LIMIT = 0.02  # of a layer's outputs stuck at the ends of int8


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """What the gate measured.

    Attributes:
        drift: largest |int8 - float| score; a cosine for a normalised decision, otherwise
            relative to the largest float score.
        saturation: largest share of a layer's outputs that lie at the ends of int8.
        saturated_layer: the layer where that was.
        largest_accumulator: proved bound over all layers, for every possible image.
        probes: images that were run.
    """

    drift: float
    saturation: float
    saturated_layer: str
    largest_accumulator: int
    probes: int


def check_enrolment(net: FloatNet, quant: QuantNet, probes: np.ndarray) -> GateReport:
    """Measures drift and saturation, proves the accumulators; refuses a network that fails.

    Args:
        net: the person's network in real numbers.
        quant: the same in integers.
        probes: uint8 [N, H, W, C], photographs of faces.

    Raises:
        GateBreach: every limit that was exceeded.
    """
    check_network(quant)
    outputs = reference.run(quant, probes)
    real = float_scores(net, probes)
    unit = 1.0 if _is_normalised(quant) else max(float(np.abs(real).max()), 1e-12)
    drift = float(np.abs(integer_scores(quant, outputs) - real).max()) / unit
    layer, saturation = _saturation(quant, outputs)
    report = GateReport(
        drift=drift,
        saturation=saturation,
        saturated_layer=layer,
        largest_accumulator=_largest_accumulator(quant),
        probes=len(probes),
    )
    _check_limits(report)
    return report


def integer_scores(quant: QuantNet, outputs: dict[str, np.ndarray]) -> np.ndarray:
    """Scores of integer verdicts as real numbers, float64 [N]: a cosine, or w.h + b."""
    decision = quant.layers[-1]
    verdict = outputs[decision.name].astype(np.float64)
    return real_scores(quant, verdict)


def real_scores(quant: QuantNet, verdicts: np.ndarray) -> np.ndarray:
    """[N, 3] verdicts (score, norm_squared, accepted) -> real scores float64 [N]."""
    decision = quant.layers[-1]
    verdicts = np.asarray(verdicts, np.float64)
    if not _is_normalised(quant):
        return np.asarray(verdicts[:, 0] * decision.quantity.scale)
    head = next(layer for layer in quant.layers if layer.name == decision.inputs[0])
    weight_norm = np.sqrt((head.tensors["weight"].astype(np.float64) ** 2).sum())
    feature_norm = np.sqrt(np.maximum(verdicts[:, 1], 1.0))
    return np.asarray(verdicts[:, 0] / (weight_norm * feature_norm))


def float_scores(net: FloatNet, images: np.ndarray) -> np.ndarray:
    """Scores of the real-valued network, float64 [N]; images uint8 [N, H, W, C]."""
    import torch

    arch = net.arch
    decision = arch.layers[-1]
    tensors = {name: torch.from_numpy(values) for name, values in net.tensors.items()}
    with torch.no_grad():
        real = (torch.from_numpy(images).float() - 128) * arch.image.scale
        score = float_forward(arch, tensors, real)[decision.name][:, 0].double().numpy()
    if isinstance(decision.op, NormalisedDecision):
        score = score / np.linalg.norm(net.tensors[f"{decision.inputs[0]}.weight"])
    return np.asarray(score)


def _is_normalised(quant: QuantNet) -> bool:
    return isinstance(quant.layers[-1].op, NormalisedDecision)


def _saturation(quant: QuantNet, outputs: dict[str, np.ndarray]) -> tuple[str, float]:
    """A fused activation's own clamp does not count: only an end it does not reach on purpose."""
    worst = ("", 0.0)
    for layer in quant.layers:
        if "lo" not in layer.constants:
            continue
        values = outputs[layer.name]
        lo, hi = _intended_ends(layer.op)
        stuck = np.zeros(values.shape, bool)
        if not lo:
            stuck |= values == INT8_MIN
        if not hi:
            stuck |= values == INT8_MAX
        share = float(stuck.mean())
        if share > worst[1]:
            worst = (layer.name, share)
    return worst


def _intended_ends(op: object) -> tuple[bool, bool]:
    activation = getattr(op, "activation", None)
    lo, hi = activation.bounds() if activation is not None else (None, None)
    return lo is not None, hi is not None


def _largest_accumulator(quant: QuantNet) -> int:
    from codegen.ops.mac import MacOp

    return max(
        int(layer.op.accumulator_bounds(layer).max())
        for layer in quant.layers
        if isinstance(layer.op, MacOp)
    )


def _check_limits(report: GateReport) -> None:
    breaches = []
    if not report.drift <= DRIFT_LIMIT:
        breaches.append(
            HvError(
                f"the int8 score differs from the float score by {report.drift:.3f}, "
                f"the limit is {DRIFT_LIMIT}",
                hint="try another photograph; if all fail, the checkpoint's ranges do not fit",
            )
        )
    if report.saturation > SATURATION_LIMIT:
        breaches.append(
            HvError(
                f"{report.saturation:.1%} of the outputs are at the ends of int8, "
                f"the limit is {SATURATION_LIMIT:.0%}",
                where=f"layer {report.saturated_layer}",
                hint="the photograph is unlike those the checkpoint was calibrated with",
            )
        )
    if breaches:
        raise GateBreach("enrolment", tuple(breaches))
