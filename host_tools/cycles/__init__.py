"""Estimates of cycles: counted instructions times the timings that the core's maker publishes."""
