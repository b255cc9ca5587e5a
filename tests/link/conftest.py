"""Fixtures: see devices.py."""

from devices import build_device, run_device

__all__ = ["build_device", "run_device"]
