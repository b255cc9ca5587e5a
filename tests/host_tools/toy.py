"""A tiny emitted folder, written by hand to the same interface as the compiler's.

Three layers on an image of 4 x 4 bytes:
    conv0     int8 [4, 4, 1]: clamp(2 * (byte - 128) + 3), shared weights 2 and 3
    features  int8 [16]:      the same bytes, a layer without code
    decision  int32 [3]:      score = sum(person[i] * features[i]), accepted if score >= 100
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codegen.resources import resource

PIXELS = 16
THRESHOLD = 100
ABI = hashlib.sha256(b"toy").hexdigest()
PERSON = np.arange(-8, 8, dtype=np.int8)

_HEADER = """
#ifndef HV_TOY_H
#define HV_TOY_H

#include "hv_types.h"

#define HV_TOY_IMAGE_BYTES 16u
#define HV_TOY_ARENA_BYTES 32u
#define HV_TOY_ARENA_ALIGNMENT 16u
#define HV_TOY_LAYERS 3u

typedef struct {
    int8_t weights[16];
} hv_toy_person_t;

hv_status_t hv_toy_run(const hv_toy_person_t *person, const uint8_t image[HV_TOY_IMAGE_BYTES],
                       uint8_t arena[HV_TOY_ARENA_BYTES], hv_result_t *result);
hv_status_t hv_toy_layer(uint32_t layer, const hv_toy_person_t *person,
                         const uint8_t image[HV_TOY_IMAGE_BYTES],
                         uint8_t arena[HV_TOY_ARENA_BYTES]);
extern const hv_tensor_t hv_toy_tensors[HV_TOY_LAYERS];

#endif
"""

_KERNEL = """
#include "hv_toy.h"

#include <string.h>

#include "hv_arith.h"

static const int8_t hv_toy_conv0_weight[2] = {2, 3};

const hv_tensor_t hv_toy_tensors[HV_TOY_LAYERS] = {{0u, 16u}, {0u, 16u}, {16u, 12u}};

static HV_LAYER void hv_toy_conv0(const uint8_t image[], int8_t output[])
{
    for (uint32_t i = 0u; i < 16u; i++) {
        const int32_t x = (int32_t)image[i] - 128;
        output[i] = hv_clamp_int8(hv_toy_conv0_weight[0] * x + hv_toy_conv0_weight[1], -128, 127);
    }
}

static HV_LAYER void hv_toy_decision(const hv_toy_person_t *person, const int8_t features[],
                                     uint8_t output[])
{
    hv_result_t result = {0, 0, 0};
    for (uint32_t i = 0u; i < 16u; i++) {
        result.score += person->weights[i] * features[i];
    }
    result.accepted = (result.score >= 100) ? 1 : 0;
    (void)memcpy(output, &result, sizeof(result));
}

hv_status_t hv_toy_layer(uint32_t layer, const hv_toy_person_t *person,
                         const uint8_t image[HV_TOY_IMAGE_BYTES],
                         uint8_t arena[HV_TOY_ARENA_BYTES])
{
    switch (layer) {
    case 0u:
        hv_toy_conv0(image, (int8_t *)arena);
        break;
    case 1u:
        break;
    case 2u:
        hv_toy_decision(person, (const int8_t *)arena, &arena[16]);
        break;
    default:
        return HV_ERROR_ARGUMENT;
    }
    return HV_OK;
}

hv_status_t hv_toy_run(const hv_toy_person_t *person, const uint8_t image[HV_TOY_IMAGE_BYTES],
                       uint8_t arena[HV_TOY_ARENA_BYTES], hv_result_t *result)
{
    for (uint32_t layer = 0u; layer < HV_TOY_LAYERS; layer++) {
        const hv_status_t status = hv_toy_layer(layer, person, image, arena);
        if (status != HV_OK) {
            return status;
        }
    }
    (void)memcpy(result, &arena[16], sizeof(*result));
    return HV_OK;
}
"""

_MODEL = """
#ifndef HV_MODEL_H
#define HV_MODEL_H

#include "hv_person.h"
#include "hv_toy.h"

#define HV_MODEL_IMAGE_BYTES HV_TOY_IMAGE_BYTES
#define HV_MODEL_ARENA_BYTES HV_TOY_ARENA_BYTES
#define HV_MODEL_ARENA_ALIGNMENT HV_TOY_ARENA_ALIGNMENT
#define HV_MODEL_TRACE_BYTES 44u
#define HV_MODEL_LAYERS HV_TOY_LAYERS
#define HV_MODEL_PERSON (&hv_person)
#define HV_MODEL_PERSON_BYTES ((uint32_t)sizeof(hv_toy_person_t))
#define HV_MODEL_IMAGE_ALIGNMENT 1u
#define HV_MODEL_ABI "@ABI@"
#define hv_model_person_t hv_toy_person_t
#define hv_model_run hv_toy_run
#define hv_model_layer hv_toy_layer
#define hv_model_tensors hv_toy_tensors
#define HV_MODEL_OUTPUTS 1u
typedef hv_result_t hv_model_result_t;
static const uint32_t hv_model_sizes[HV_MODEL_LAYERS] = {16u, 16u, 12u};
static const hv_output_t hv_model_outputs[HV_MODEL_OUTPUTS] = {{2u, 0u}};

#endif
"""

_PERSON = """
#ifndef HV_PERSON_H
#define HV_PERSON_H

#include "hv_toy.h"

static const hv_toy_person_t hv_person = {{@WEIGHTS@}};

#endif
"""

_LAYERS = [
    {
        "name": "conv0",
        "op": "conv2d",
        "shape": [4, 4, 1],
        "dtype": "int8",
        "macs": 16,
        "function": "hv_toy_conv0",
        "offset_bytes": 0,
        "size_bytes": 16,
    },
    {
        "name": "features",
        "op": "flatten",
        "shape": [16],
        "dtype": "int8",
        "macs": 0,
        "function": None,
        "offset_bytes": 0,
        "size_bytes": 16,
    },
    {
        "name": "decision",
        "op": "plain_decision",
        "shape": [3],
        "dtype": "int32",
        "macs": 16,
        "function": "hv_toy_decision",
        "offset_bytes": 16,
        "size_bytes": 12,
    },
]


def write_toy(folder: Path, *, target: str = "cortex-m0", kernel: str = _KERNEL) -> Path:
    """Writes the folder; `kernel` lets a test plant a fault."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = ", ".join(str(weight) for weight in PERSON)
    runtime = resource("firmware") / "runtime"
    files = {
        "hv_toy.h": _HEADER,
        "hv_toy.c": kernel,
        "hv_model.h": _MODEL.replace("@ABI@", ABI),
        "hv_person.h": _PERSON.replace("@WEIGHTS@", weights),
        **{
            name: (runtime / name).read_text(encoding="utf-8")
            for name in ("hv_types.h", "hv_arith.h", "hv_crc.h", "hv_crc.c")
        },
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    manifest = {
        "format": 1,
        "user": "nobody",
        "target": target,
        "architecture": "toy",
        "abi": ABI,
        "layers": _LAYERS,
        "arena_bytes": 32,
        "image_bytes": PIXELS,
        "result_bytes": 12,
        "weight_bytes": 0,
        "sources": ["hv_toy.c", "hv_crc.c"],
        "files": {
            name: hashlib.sha256(text.encode("utf-8")).hexdigest() for name, text in files.items()
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    return folder


def planted(before: str, after: str) -> str:
    """Returns the kernel's text with one fault planted."""
    assert _KERNEL.count(before) == 1
    return _KERNEL.replace(before, after)


def reference(images: NDArray[np.uint8]) -> dict[str, NDArray[np.int8] | NDArray[np.int32]]:
    """What the toy must compute for images [N, 4, 4, 1]."""
    conv0 = np.clip(2 * (images.astype(np.int32) - 128) + 3, -128, 127).astype(np.int8)
    features = conv0.reshape(len(images), PIXELS).copy()
    score = features.astype(np.int32) @ PERSON.astype(np.int32)
    accepted = (score >= THRESHOLD).astype(np.int32)
    decision = np.stack([score, np.zeros_like(score), accepted], axis=1)
    return {"conv0": conv0, "features": features, "decision": decision.astype(np.int32)}


def toy_images(count: int = 3) -> NDArray[np.uint8]:
    """Images [count, 4, 4, 1] with every byte value among them when there are enough."""
    return np.random.default_rng(7).integers(0, 256, (count, 4, 4, 1)).astype(np.uint8)
