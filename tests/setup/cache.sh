# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Cache entries outside the tree, and packages fetched into them without touching
# the system. Sourced by the set-up commands.
#
# An entry is a folder <cache>/<name>-<key>; the key says what it was made from. It
# is built in a temporary folder and renamed when complete, so an entry that exists
# is whole. <cache>/current/<name> points at the one in use.

set -u -o pipefail

CACHE=${PARAVANE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/paravane}
APT_STATE=$CACHE/apt
DEBIAN_MIRROR=${PARAVANE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
SECURITY_MIRROR=${PARAVANE_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
# Debian replaces versions in place; look for newer ones at most this often.
REFRESH_MINUTES=${PARAVANE_REFRESH_MINUTES:-720}

say()
{
	echo "setup: $*" >&2
}

die()
{
	echo "setup: $*" >&2
	exit 1
}

mkdir -p "$CACHE/current" 2>/dev/null ||
	die "the cache folder $CACHE cannot be written; set PARAVANE_CACHE to one that can"

# Set-ups may run side by side: the first builds, the others wait for its result.
cache_lock()
{
	[ -w "$CACHE" ] ||
		die "the cache folder $CACHE cannot be written; set PARAVANE_CACHE to one that can"
	exec {cache_lock_fd}>"$CACHE/$1.lock" || die "cannot open $CACHE/$1.lock"
	if ! flock -n "$cache_lock_fd"; then
		say "waiting for another set-up ($1)"
		flock -w 1800 "$cache_lock_fd" ||
			die "waited 30 minutes for $CACHE/$1.lock; is a set-up stuck?"
	fi
}

cache_unlock()
{
	exec {cache_lock_fd}>&-
}

# hash_files FILE... : a short key for the contents.
hash_files()
{
	cat "$@" | sha256sum | cut -c1-10
}

cache_current()
{
	readlink -e "$CACHE/current/$1"
}

cache_select()
{
	local link=$CACHE/current/$1

	[ "$(readlink "$link")" = "../$1-$2" ] && return
	ln -sfn "../$1-$2" "$link.$$" && mv -T "$link.$$" "$link"
}

# cache_provide NAME KEY FUNCTION WHAT [must]
# Makes NAME-KEY the current entry. FUNCTION is called with a temporary folder and
# the final path when the entry is not there yet. When it fails an older entry goes on
# being used, unless the entry `must` be this one.
cache_provide()
{
	local name=$1 key=$2 build=$3 what=$4 must=${5-}
	local entry=$CACHE/$name-$key tmp start=$SECONDS

	if [ -d "$entry" ]; then
		cache_select "$name" "$key"
		say "$name: $what (cached)"
		return 0
	fi
	cache_lock "$name"
	if [ ! -d "$entry" ]; then
		say "$name: making $what"
		tmp=$(mktemp -d "$CACHE/.$name.XXXXXX") || die "cannot write to $CACHE"
		# Not `if ( … )`: the shell ignores set -e inside a condition.
		( set -e; "$build" "$tmp" "$entry" )
		if [ $? != 0 ]; then
			rm -rf "$tmp"
			cache_unlock
			if [ -z "$must" ] && [ -n "$(cache_current "$name")" ]; then
				say "$name: could not be made anew; going on with $(basename \
					"$(cache_current "$name")")"
				return 0
			fi
			die "$name: could not be made (messages above)"
		fi
		chmod 755 "$tmp"
		mv -T "$tmp" "$entry" || die "cannot rename $tmp to $entry"
	fi
	cache_select "$name" "$key"
	cache_unlock
	say "$name: $what ($((SECONDS - start)) s)"
}

# cache_keep NAME WHY : when no newer version can be looked up, take what is there.
cache_keep()
{
	local have

	have=$(cache_current "$1") ||
		die "$1: $2, and there is none in the cache; is the network up?"
	say "$1: $2; going on with the cached $(basename "$have")"
}

apt_write_config()
{
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	[ -e $keyring ] || die "$keyring is missing: install debian-archive-keyring"
	mkdir -p "$APT_STATE/lists/partial" "$APT_STATE/archives/partial" "$APT_STATE/parts"
	cat >"$APT_STATE/sources.list" <<-END
	deb [signed-by=$keyring] $DEBIAN_MIRROR bookworm main
	deb-src [signed-by=$keyring] $DEBIAN_MIRROR bookworm main
	deb [signed-by=$keyring] $DEBIAN_MIRROR bookworm-updates main
	deb [signed-by=$keyring] $DEBIAN_MIRROR bookworm-backports main
	deb [signed-by=$keyring] $SECURITY_MIRROR bookworm-security main
	deb-src [signed-by=$keyring] $DEBIAN_MIRROR trixie main
	END
	cat >"$APT_STATE/apt.conf" <<-END
	Dir::Etc::sourcelist "$APT_STATE/sources.list";
	Dir::Etc::sourceparts "$APT_STATE/parts";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "$APT_STATE/parts";
	Dir::State::lists "$APT_STATE/lists";
	Dir::Cache "$APT_STATE";
	Dir::Cache::pkgcache "pkgcache.bin";
	Dir::Cache::srcpkgcache "srcpkgcache.bin";
	Dir::Cache::archives "$APT_STATE/archives";
	APT::Architecture "amd64";
	APT::Architectures { "amd64"; };
	APT::Install-Recommends "false";
	Acquire::Languages "none";
	Acquire::Retries "2";
	APT::Sandbox::User "";
	APT::Update::Post-Invoke-Success "";
	Debug::NoLocking "true";
	END
}

# apt_own COMMAND... : apt with our own lists; the system's are neither read nor written.
apt_own()
{
	local tool=$1

	shift
	APT_CONFIG=$APT_STATE/apt.conf "$tool" "$@"
}

# apt_refresh [force] : fetches the package lists when they are old.
apt_refresh()
{
	local before

	# One try in a run of fetch is enough, above all without a network.
	[ -z "${PARAVANE_LISTS_TRIED-}" ] || return 0
	cache_lock apt
	before=$(cat "$APT_STATE/sources.list" 2>/dev/null)
	apt_write_config
	[ "$before" = "$(cat "$APT_STATE/sources.list")" ] || rm -f "$APT_STATE/stamp"
	if [ "${1-}" = force ] || [ "${PARAVANE_REFRESH-}" = 1 ] ||
	   [ ! -e "$APT_STATE/stamp" ] ||
	   [ -n "$(find "$APT_STATE/stamp" -mmin +"$REFRESH_MINUTES")" ]; then
		say "apt: fetching Debian's package lists"
		if apt_own apt-get update -qq -o APT::Update::Error-Mode=any \
		   >"$APT_STATE/update.log" 2>&1; then
			touch "$APT_STATE/stamp"
		else
			say "apt: the lists could not be fetched (see $APT_STATE/update.log)"
		fi
	fi
	cache_unlock
}

# apt_version PACKAGE [SUITE] : the newest version; empty when unknown.
apt_version()
{
	if [ -n "${2-}" ]; then
		apt_own apt-cache madison "$1" 2>/dev/null |
			awk -F' *[|] *' -v s="$2/" 'index($3, s) { print $2; exit }'
	else
		apt_own apt-cache policy "$1" 2>/dev/null |
			awk '$1 == "Candidate:" && $2 != "(none)" { print $2; exit }'
	fi
}

# apt_source_version SOURCE [SUITE] : the newest version of a source package in the
# suite (default: bookworm; the lists know trixie's sources too).
apt_source_version()
{
	apt_own apt-cache madison "$1" 2>/dev/null |
		awk -F' *[|] *' -v s=" ${2:-bookworm}/" 'index($3, s) && $3 ~ /Sources$/ { print $2 }' |
		sort -V | tail -n1
}

# apt_depends PACKAGE REGEX : the first dependency whose name matches.
apt_depends()
{
	apt_own apt-cache show --no-all-versions "$1" 2>/dev/null |
		sed -n 's/^Depends: //p' | tr ',|' '\n\n' |
		sed 's/^ *//; s/[ (].*//' | grep -E -m1 "$2"
}

# apt_unpack FOLDER PACKAGE=VERSION... : downloads and unpacks, installs nothing.
apt_unpack()
{
	local into=$1 debs deb

	shift
	debs=$(mktemp -d "$CACHE/.debs.XXXXXX")
	if ! ( cd "$debs" && apt_own apt-get download -qq "$@" >log 2>&1 ); then
		# The lists may name a version that was replaced meanwhile.
		tail -n 5 "$debs/log" >&2
		rm -rf "$debs"
		rm -f "$APT_STATE/stamp"
		say "download failed: $*; the next set-up fetches new package lists"
		return 1
	fi
	mkdir -p "$into"
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$into" || { rm -rf "$debs"; return 1; }
	done
	rm -rf "$debs"
}

# apt_source_download FOLDER SOURCE=VERSION
apt_source_download()
{
	mkdir -p "$1"
	if ! ( cd "$1" && apt_own apt-get source -qq --download-only "$2" >log 2>&1 ); then
		tail -n 5 "$1/log" >&2
		rm -f "$APT_STATE/stamp"
		return 1
	fi
}

# apt_source FOLDER SOURCE=VERSION : downloads a source package and unpacks its
# upstream part into FOLDER.
apt_source()
{
	local into=$1

	apt_source_download "$into.download" "$2" || return 1
	mkdir -p "$into"
	tar -C "$into" --strip-components=1 -xf "$(find "$into.download" \
		-name '*.orig.tar.*' ! -name '*.asc')"
	rm -rf "$into.download"
}

# apt_source_patched FOLDER SOURCE=VERSION : the same with Debian's patches. apt has
# checked what it downloaded; Debian 12 lacks the keys of single uploaders.
apt_source_patched()
{
	local into=$1

	apt_source_download "$into.download" "$2" || return 1
	dpkg-source --no-check --no-copy -x "$into.download"/*.dsc "$into" >"$into.download/log" || return 1
	rm -rf "$into.download"
}
