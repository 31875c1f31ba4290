#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# probe.sh HEADER PROBES COMPILER [FLAG...]: writes HEADER, which defines PVN_HAVE_<NAME> for each
# PROBES/<name>.c that this kernel's headers compile. Called by Kbuild with the kernel's own flags.

set -u
header=$1
probes=$2
shift 2

works()
{
	"$@" -Werror -DMODULE -DKBUILD_MODNAME='"probe"' -DKBUILD_BASENAME='"probe"' \
		-c -o "$header.o" "$probe" 2>"$header.log"
}

# If nothing compiles, the probes would all say no, and the build would fail far from the cause.
probe=$probes/always.c
if ! works "$@"; then
	echo "probe.sh: the kernel's headers do not compile even an empty module:" >&2
	cat "$header.log" >&2
	rm -f "$header.log"
	exit 1
fi
{
	echo "/* SPDX-License-Identifier: GPL-2.0-only */"
	echo "/* Made by pv-drivers/probe.sh from the kernel's headers. */"
	for probe in "$probes"/*.c; do
		name=$(basename "$probe" .c)
		[ "$name" != always ] || continue
		works "$@" && echo "#define PVN_HAVE_$(echo "$name" | tr a-z A-Z)"
	done
} >"$header.new"
rm -f "$header.o" "$header.log"
mv "$header.new" "$header"
