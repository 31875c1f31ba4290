// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints how many microseconds KVM takes for 100,000 instructions of a ring-0 guest.
 * Exit status: 0 fast enough for guests, 1 too slow, 2 KVM cannot be used.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../hv-core/vmm/kvm_probe.h"

int main(int argc, char **argv)
{
	char why[200];
	uint64_t ns;
	int err;

	if (argc > 1) {
		int help = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");

		fprintf(help ? stdout : stderr,
			"usage: kvm-probe\n"
			"Prints the microseconds that KVM takes for 100,000 instructions of a\n"
			"ring-0 guest. Exit status: 0 usable, 1 too slow (over %llu), 2 not usable.\n",
			KVM_PROBE_USABLE_NS / 1000);
		return help ? 0 : 2;
	}
	err = kvm_probe_speed(&ns, why, sizeof(why));
	if (err) {
		fprintf(stderr, "kvm-probe: %s\n", why);
		return 2;
	}
	printf("%" PRIu64 "\n", (ns + 999) / 1000);
	return ns > KVM_PROBE_USABLE_NS;
}
