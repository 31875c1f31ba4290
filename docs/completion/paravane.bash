# SPDX-License-Identifier: GPL-2.0-only
# Completion of paravane's commands and options. Made by `paravane completion`.

_paravane()
{
	local word=$2 before=$3

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		COMPREPLY=($(compgen -W "run doctor stats audit completion --help --version" -- "$word"))
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _paravane_run ;;
	stats) _paravane_stats ;;
	audit) _paravane_audit ;;
	doctor) COMPREPLY=($(compgen -W "--kvm --help" -- "$word")) ;;
	esac
}

_paravane_run()
{
	case $before in
	--kernel) COMPREPLY=($(compgen -f -- "$word")); return ;;
	--initrd) COMPREPLY=($(compgen -f -- "$word")); return ;;
	--append) return ;;
	--unpack) COMPREPLY=($(compgen -W "$(echo 'guest|host' | tr '|' ' ')" -- "$word")); return ;;
	--mode) COMPREPLY=($(compgen -W "$(echo 'hvm|pv' | tr '|' ' ')" -- "$word")); return ;;
	--pv-tables) COMPREPLY=($(compgen -W "$(echo 'validated|trusted' | tr '|' ' ')" -- "$word")); return ;;
	--memory) return ;;
	--cpus) return ;;
	--kvm-features) return ;;
	--cpuid-mask) return ;;
	--disk) return ;;
	--net) return ;;
	--console) COMPREPLY=($(compgen -W "$(echo 'uart|pv' | tr '|' ' ')" -- "$word")); return ;;
	--escape) return ;;
	--name) return ;;
	--pidfile) COMPREPLY=($(compgen -f -- "$word")); return ;;
	--on-reset) COMPREPLY=($(compgen -W "$(echo 'exit|restart' | tr '|' ' ')" -- "$word")); return ;;
	--stats) COMPREPLY=($(compgen -f -- "$word")); return ;;
	--control) COMPREPLY=($(compgen -f -- "$word")); return ;;
	--vmlinux) COMPREPLY=($(compgen -f -- "$word")); return ;;
	--fault) return ;;
	--kvm) COMPREPLY=($(compgen -f -- "$word")); return ;;
	esac
	COMPREPLY=($(compgen -W "--kernel --initrd --append --unpack --mode --pv-tables --memory --cpus --no-pit --kvm-features --no-kvmclock --cpuid-mask --disk --net --console --escape --name --pidfile --on-reset --stats --control --vmlinux --log-unclaimed --fault --kvm --slow-kvm --help" -- "$word"))
}

_paravane_stats()
{
	case $before in
	--vmlinux) COMPREPLY=($(compgen -f -- "$word")); return ;;
	esac
	case $word in
	-*) COMPREPLY=($(compgen -W "--json --vmlinux --help" -- "$word")) ;;
	*) COMPREPLY=($(compgen -f -- "$word")) ;;
	esac
}

_paravane_audit()
{
	case $before in
	--only) COMPREPLY=($(compgen -W "$(echo 'patched|feature|init|trap|silent|same' | tr '|' ' ')" -- "$word")); return ;;
	--symbol) return ;;
	--section) return ;;
	--feature) return ;;
	esac
	case $word in
	-*) COMPREPLY=($(compgen -W "--list --json --only --symbol --section --feature --umip --instructions --help" -- "$word")) ;;
	*) COMPREPLY=($(compgen -f -- "$word")) ;;
	esac
}

complete -o filenames -F _paravane paravane
