# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A patched kernel, step by step: series, configuration, build. Sourced by the commands beside it and by
# tests/setup/fetch-guest-kernel.
#
# A build folder is <source>/build or another direct child of the source: then Kbuild names everything by relative
# paths, so that the two can be moved together, and compared with a build elsewhere.

kernel_tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
KERNEL_LINE=6.1
# Tests have a series of their own.
KERNEL_PATCHES=${PARAVANE_KERNEL_PATCHES:-$(dirname "$kernel_tools")/$KERNEL_LINE}
KERNEL_ABI=$(dirname "$(dirname "$kernel_tools")")/abi/include
KERNEL_JOBS=${JOBS:-$(nproc)}

kernel_error()
{
	echo "guest-kernel: $*" >&2
}

# The programs that the kernel's build calls, each from a package of tests/setup/packages.txt.
kernel_tools_check()
{
	local tool missing=

	for tool in gcc make flex bison bc patch perl /sbin/depmod; do
		command -v "$tool" >/dev/null || missing="$missing $tool"
	done
	[ -z "$missing" ] && return
	kernel_error "the kernel's build needs programs that are not installed:$missing; run tests/setup/packages"
	return 1
}

# kernel_space FOLDER MEGABYTES : refuses to begin what would fill the disk.
kernel_space()
{
	local free

	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "${free:-0}" -ge "$2" ] && return
	kernel_error "$1 has $free MB free, $2 MB are needed; make room there or choose another place (PARAVANE_CACHE, TREE)"
	return 1
}

# kernel_explain LOG : what usually went wrong, from the log's end.
kernel_explain()
{
	if tail -n 200 "$1" | grep -q 'No space left on device'; then
		kernel_error "the disk is full (No space left on device)"
	fi
	grep -nE "error:|can't open|undefined reference|No rule to make|Error [0-9]" "$1" | head -n 12 >&2
	kernel_error "the whole log: $1"
}

# The patches' paths, in the order of the series; fails when series and files disagree.
kernel_series()
{
	local folder=${1:-$KERNEL_PATCHES} name status=0

	[ -e "$folder/series" ] || return 0
	while read -r name; do
		if [ -f "$folder/patches/$name" ]; then
			echo "$folder/patches/$name"
		else
			kernel_error "$folder/series names $name, which is not in $folder/patches"
			status=1
		fi
	done < <(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$folder/series")
	return $status
}

# kernel_apply SOURCE LOG PATCH... : no fuzz; says which patch, file and hunk. GNU patch renames a new file into
# place, so the source may be hard links to a pristine one.
kernel_apply()
{
	local source=$1 log=$2 patch

	shift 2
	for patch; do
		echo "== $patch" >>"$log"
		if ! patch -d "$source" -p1 -F0 -f --no-backup-if-mismatch -r - <"$patch" >>"$log" 2>&1; then
			kernel_error "$(basename "$patch") does not apply:"
			sed -n '/^== /h; /^== /!H; ${x;p}' "$log" | grep -B3 -E 'FAILED|malformed|find file|Reversed|ignored' | head -n 20 >&2
			kernel_error "mend it in the tree of 'make guest-kernel-tree', or regenerate it; log: $log"
			return 1
		fi
	done
}

# kernel_make SOURCE BUILD ARGUMENT... : BUILD is a name in SOURCE. Our caller may be a make itself, whose variables
# are none of the kernel's business. A fixed time, user and host: the same input gives the same kernel.
kernel_make()
{
	local source=$1 build=$2

	shift 2
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u KBUILD_OUTPUT -u KCFLAGS -u V -u M -u C -u W \
		KBUILD_BUILD_USER=paravane KBUILD_BUILD_HOST=paravane KBUILD_BUILD_VERSION=1 \
		KBUILD_BUILD_TIMESTAMP="$(date -u -r "$source/COPYING")" \
		nice -n 5 make -C "$source" O="$build" ARCH=x86 LOCALVERSION= PARAVANE_ABI="$KERNEL_ABI" -s "$@"
}

# kernel_configure SOURCE BUILD LOG FRAGMENT... : tinyconfig, the fragments (a later line wins), olddefconfig; then
# every line must be there. An unchanged result leaves .config and its time alone: nothing is built anew.
kernel_configure()
{
	local source=$1 build=$2 log=$3 folder=$1/$2

	shift 3
	mkdir -p "$folder"
	[ ! -e "$folder/.config" ] || cp -p "$folder/.config" "$folder/.config.before"
	kernel_make "$source" "$build" tinyconfig >>"$log" 2>&1 &&
		cat "$@" >>"$folder/.config" &&
		kernel_make "$source" "$build" olddefconfig >>"$log" 2>&1 ||
		{ kernel_error "the kernel could not be configured"; kernel_explain "$log"; return 1; }
	/usr/bin/python3 "$kernel_tools/check-config" "$source" "$folder/.config" "$@" || return 1
	if [ -e "$folder/.config.before" ] && cmp -s "$folder/.config.before" "$folder/.config"; then
		cp -p "$folder/.config.before" "$folder/.config"
	fi
}

# kernel_build SOURCE BUILD LOG TARGET...
kernel_build()
{
	local source=$1 build=$2 log=$3

	shift 3
	( cd "$source" && pwd ) >"$source/$build/.place"
	kernel_make "$source" "$build" -j"$KERNEL_JOBS" "$@" >>"$log" 2>&1 && return
	kernel_error "the kernel could not be built"
	kernel_explain "$log"
	return 1
}

# The fragments of a configuration: config, with debug or stock that one's, then EXTRA (a file of the developer's own).
kernel_fragments()
{
	echo "$KERNEL_PATCHES/config"
	[ -z "${1-}" ] || echo "$KERNEL_PATCHES/$1.config"
	[ -z "${2-}" ] || echo "$2"
}

# kernel_touched FOLDER... : the files that the patches in these folders change, create or delete.
kernel_touched()
{
	find "$@" -name '*.patch' -exec sed -nE 's,^(---|\+\+\+) [ab]/([^\t]*).*,\2,p' {} + | sort -u
}

# kernel_begin_with SOURCE BUILD BEFORE : begins a build with the objects of a cache entry of the same Debian source.
# Standard input names all files that can differ. Kbuild goes by time: what differs from the entry's source has to be
# newer than those objects, what is the same as old as it was.
kernel_begin_with()
{
	local source=$1 build=$2 before=$3 file old new

	mkdir -p "$source/$build"
	cp -a "$before/source/build/." "$source/$build/" || return 1
	# objtool alone is built by absolute paths, and everything depends on it.
	old=$(cat "$before/source/build/.place") && new=$(cd "$source" && pwd) || return 1
	find "$source/$build/tools" -name '.*.cmd' -exec sed -i "s,$old/build/,$new/$build/,g; s,$old/,$new/,g" {} + || return 1
	while read -r file; do
		[ -e "$source/$file" ] || continue
		# Its own inode: a pristine source that is linked here keeps its times.
		cp -p "$source/$file" "$source/.pvn-file" && mv "$source/.pvn-file" "$source/$file" || return 1
		if cmp -s "$before/source/$file" "$source/$file"; then
			touch -r "$before/source/$file" "$source/$file"
		else
			touch "$source/$file"
		fi
	done
	# The ABI's headers may be another clone's, with times of its own: what includes them is compiled anew.
	{ grep -rlZ --include='.*.cmd' '/paravane/[a-z_]*\.h' "$source/$build" || :; } | xargs -0r rm -f
}
