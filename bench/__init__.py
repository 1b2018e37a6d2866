"""Measurements, each figure beside a baseline of the same run. See README.md."""
