# SPDX-License-Identifier: GPL-2.0-only OR MIT
# What is made from the call table is committed; after a change of the table: make generate.

.PHONY: generate
generate:
	abi/generate.py
