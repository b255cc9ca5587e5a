"""The kernels, one file each. To add one: its file, its templates, one line here."""

from __future__ import annotations

from codegen.kernels.base import Kernel
from codegen.kernels.conv_tile import ConvTile
from codegen.kernels.depthwise_rows import DepthwiseRows
from codegen.kernels.mve_conv import MveConv
from codegen.kernels.mve_dense import MveDense
from codegen.kernels.mve_depthwise import MveDepthwise
from codegen.kernels.mve_global_pool import MveGlobalPool
from codegen.kernels.mve_pointwise import MvePointwise
from codegen.kernels.mve_sum import MveSum
from codegen.kernels.packed import Packed
from codegen.kernels.planes import Planes
from codegen.kernels.portable import Portable
from codegen.kernels.scalar_sum import ScalarSum
from codegen.kernels.winograd import Winograd

KERNELS: tuple[type[Kernel], ...] = (
    Portable,
    Packed,
    Planes,
    ScalarSum,
    ConvTile,
    DepthwiseRows,
    Winograd,
    MveConv,
    MveDense,
    MveDepthwise,
    MveGlobalPool,
    MvePointwise,
    MveSum,
)
