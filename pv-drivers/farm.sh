#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# farm.sh FOLDER FILE...: makes FOLDER a farm of links to the files, each under its own path, and
# takes away links whose file is gone.

set -eu
farm=$1
shift
top=$(pwd)

find "$farm" -xtype l -delete
for file in "$@"; do
	mkdir -p "$farm/$(dirname "$file")"
	[ -L "$farm/$file" ] || ln -sf "$top/$file" "$farm/$file"
done
