# SPDX-License-Identifier: GPL-2.0-only
"""Measuring guests: see benchmarks/README.md for the parts, docs/benchmarks.md for the method."""
