// SPDX-License-Identifier: GPL-2.0-only
/* Options of `paravane run`: what is taken, and what is refused with which words. */
#include <asm/kvm_para.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "kselftest_harness.h"

#include "options.h"

#define MIB (1ull << 20)
#define MAX_ARGS 40

static char err[1024];

static int parse_memory(const char *text, uint64_t *bytes)
{
	err[0] = 0;
	return option_memory("--memory", text, bytes, err, sizeof(err));
}

TEST(memory_sizes)
{
	uint64_t bytes;

	EXPECT_EQ(0, parse_memory("64", &bytes));
	EXPECT_EQ(64 * MIB, bytes);
	EXPECT_EQ(0, parse_memory("512M", &bytes));
	EXPECT_EQ(512 * MIB, bytes);
	EXPECT_EQ(0, parse_memory("1g", &bytes));
	EXPECT_EQ(1024 * MIB, bytes);
	EXPECT_EQ(0, parse_memory("131072K", &bytes));
	EXPECT_EQ(128 * MIB, bytes);
}

TEST(memory_that_no_guest_can_have)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
		{ "0", "too little" },	    { "63", "too little" },	{ "65535K", "too little" },
		{ "65537K", "odd" },	    { "129M", "odd" },		{ "999999G", "too much" },
		{ "", "not a size" },	    { "M", "not a size" },	{ "-512", "not a size" },
		{ "+512", "not a size" },   { "512X", "not a size" },	{ "512MB", "not a size" },
		{ "1 G", "not a size" },    { "512,5", "not a size" },	{ "18446744073709551615G", "not a size" },
		{ "99999999999999999999", "not a size" },
	};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, parse_memory(bad[i].text, &bytes)) TH_LOG("%s", bad[i].text);
		EXPECT_NE(NULL, strstr(err, bad[i].word)) TH_LOG("%s: %s", bad[i].text, err);
		EXPECT_NE(NULL, strstr(err, bad[i].text));
	}
}

TEST(memory_beyond_the_host)
{
	struct sysinfo info;
	uint64_t bytes;
	char text[32];

	sysinfo(&info);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)info.totalram * info.mem_unit / (2 * MIB) * 2 + 2);
	EXPECT_EQ(-EINVAL, parse_memory(text, &bytes));
	EXPECT_NE(NULL, strstr(err, "this host has"));
}

TEST(disks)
{
	struct disk_option disk;

	ASSERT_EQ(0, option_disk("file=a.img", &disk, err, sizeof(err)));
	EXPECT_STREQ("a.img", disk.file);
	EXPECT_EQ(DEVICE_PV, disk.kind);
	EXPECT_EQ(BLK_CACHE_NONE, disk.cache);
	EXPECT_FALSE(disk.read_only);
	ASSERT_EQ(0, option_disk("if=ide,ro,cache=writeback,file=a,,b=c,share", &disk, err, sizeof(err)));
	EXPECT_STREQ("a,b=c", disk.file);
	EXPECT_EQ(DEVICE_EMULATED, disk.kind);
	EXPECT_EQ(BLK_CACHE_WRITEBACK, disk.cache);
	EXPECT_TRUE(disk.read_only);
	EXPECT_TRUE(disk.share);
}

TEST(disks_refused)
{
	static const char *const bad[] = {
		"", "a.img", "file=", "if=pv", "file=a,if=scsi", "file=a,file=b", "file=a,if=pv,if=ide", "file=a,cache=maybe",
		"file=a,cache=none,cache=none", "file=a,rw", "file=a,", ",", "file=a,=", "file=a,if", "file=a,ro=1",
	};
	struct disk_option disk;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = 0;
		EXPECT_EQ(-EINVAL, option_disk(bad[i], &disk, err, sizeof(err))) TH_LOG("%s", bad[i]);
		EXPECT_NE(NULL, strstr(err, "--disk"));
		EXPECT_NE(NULL, strstr(err, "give")) TH_LOG("%s: %s", bad[i], err);
	}
}

TEST(cards)
{
	const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 0xfe };
	struct net_option first, second;

	ASSERT_EQ(0, option_net("user", 1, &first, err, sizeof(err)));
	ASSERT_EQ(0, option_net("tap=tap0,if=e1000", 2, &second, err, sizeof(err)));
	EXPECT_STREQ("user", first.backend);
	EXPECT_STREQ("tap=tap0", second.backend);
	EXPECT_EQ(DEVICE_PV, first.kind);
	EXPECT_EQ(DEVICE_EMULATED, second.kind);
	EXPECT_NE(0, memcmp(first.mac, second.mac, 6));
	EXPECT_EQ(2, first.mac[0] & 3); /* locally administered, one card */
	ASSERT_EQ(0, option_net("user,hostfwd=tcp:2222:22,mac=02:00:00:00:00:fe,if=pv", 1, &first, err, sizeof(err)));
	EXPECT_STREQ("user,hostfwd=tcp:2222:22", first.backend);
	EXPECT_EQ(0, memcmp(mac, first.mac, 6));
}

TEST(cards_refused)
{
	static const char *const bad[] = {
		"", "if=pv", "user,if=virtio", "user,mac=1", "user,mac=01:00:00:00:00:00", "user,mac=02:00:00:00:00:00:00",
		"user,mac=zz:00:00:00:00:00", "user,if=pv,if=pv", "user,mac=02:00:00:00:00:00,mac=02:00:00:00:00:00",
	};
	struct net_option net;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = 0;
		EXPECT_EQ(-EINVAL, option_net(bad[i], 1, &net, err, sizeof(err))) TH_LOG("%s", bad[i]);
		EXPECT_NE(NULL, strstr(err, "give")) TH_LOG("%s: %s", bad[i], err);
	}
}

TEST(kvm_features)
{
	uint32_t mask;

	ASSERT_EQ(0, option_kvm_features("all", &mask, err, sizeof(err)));
	EXPECT_EQ(~0u, mask);
	ASSERT_EQ(0, option_kvm_features("none", &mask, err, sizeof(err)));
	EXPECT_EQ(0u, mask);
	ASSERT_EQ(0, option_kvm_features("-kvmclock,-pv-eoi", &mask, err, sizeof(err)));
	EXPECT_EQ(~(KVM_FEATURES_CLOCK | 1u << KVM_FEATURE_PV_EOI), mask);
	ASSERT_EQ(0, option_kvm_features("steal-time,pv-eoi", &mask, err, sizeof(err)));
	EXPECT_EQ(1u << KVM_FEATURE_STEAL_TIME | 1u << KVM_FEATURE_PV_EOI, mask);
	EXPECT_EQ(-EINVAL, option_kvm_features("clock", &mask, err, sizeof(err)));
	EXPECT_NE(NULL, strstr(err, "kvmclock"));
	EXPECT_EQ(-EINVAL, option_kvm_features("", &mask, err, sizeof(err)));
	EXPECT_EQ(-EINVAL, option_kvm_features("kvmclock,all", &mask, err, sizeof(err)));
}

TEST(cpuid_masks)
{
	static const char *const bad[] = { "", "1", "1:ecx", "1:ecx:", "1:ezx:1", "1:ecx:1x", "1:ecx:0x100000000", ":ecx:1", "1.:" };
	struct cpuid_mask mask;

	ASSERT_EQ(0, option_cpuid_mask("0x80000001:edx:0x800", &mask, err, sizeof(err)));
	EXPECT_EQ(0x80000001u, mask.leaf);
	EXPECT_EQ(0u, mask.subleaf);
	EXPECT_EQ(0x800u, mask.clear[3]);
	ASSERT_EQ(0, option_cpuid_mask("7.1:eax:16", &mask, err, sizeof(err)));
	EXPECT_EQ(7u, mask.leaf);
	EXPECT_EQ(1u, mask.subleaf);
	EXPECT_EQ(16u, mask.clear[0]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, option_cpuid_mask(bad[i], &mask, err, sizeof(err))) TH_LOG("%s", bad[i]);
	}
}

TEST(escape_keys)
{
	int key;

	ASSERT_EQ(0, option_escape_key("^]", &key, err, sizeof(err)));
	EXPECT_EQ(0x1d, key);
	ASSERT_EQ(0, option_escape_key("^a", &key, err, sizeof(err)));
	EXPECT_EQ(1, key);
	ASSERT_EQ(0, option_escape_key("none", &key, err, sizeof(err)));
	EXPECT_EQ(-1, key);
	EXPECT_EQ(-EINVAL, option_escape_key("x", &key, err, sizeof(err)));
	EXPECT_EQ(-EINVAL, option_escape_key("^aa", &key, err, sizeof(err)));
	EXPECT_EQ(-EINVAL, option_escape_key("", &key, err, sizeof(err)));
}

/* Parse a command line given as one string. */
static int parse(struct run_options *opt, const char *line)
{
	static char copy[1024];
	char *argv[MAX_ARGS] = { "run" }, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok(copy, " "); word && argc < MAX_ARGS - 1; word = strtok(NULL, " "))
		argv[argc++] = word;
	err[0] = 0;
	return run_options_parse(opt, argc, argv, err, sizeof(err));
}

TEST(defaults)
{
	struct run_options opt;

	ASSERT_EQ(0, parse(&opt, "--kernel k"));
	EXPECT_STREQ("k", opt.kernel);
	EXPECT_STREQ("", opt.append);
	EXPECT_EQ(512 * MIB, opt.memory);
	EXPECT_EQ(1u, opt.cpus);
	EXPECT_EQ(~0u, opt.kvm_features);
	EXPECT_EQ(DEVICE_EMULATED, opt.console);
	EXPECT_FALSE(opt.restart_on_reset);
}

TEST(a_whole_command_line)
{
	struct run_options opt;

	ASSERT_EQ(0, parse(&opt, "--no-kvmclock --kernel=k --initrd i --memory 1G --cpus 8 --disk file=a --disk file=b,if=ide "
			   "--net user --kvm-features pv-eoi,kvmclock --on-reset restart --console pv --no-pit --fault disk=eio"));
	EXPECT_EQ(8u, opt.cpus);
	EXPECT_EQ(2u, opt.nr_disks);
	EXPECT_EQ(1u, opt.nr_nets);
	EXPECT_EQ(1u, opt.nr_faults);
	EXPECT_TRUE(opt.restart_on_reset);
	EXPECT_TRUE(opt.no_pit);
	EXPECT_EQ(DEVICE_PV, opt.console);
	EXPECT_FALSE(opt.pv);
	/* --no-kvmclock holds wherever it stands. */
	EXPECT_EQ(1u << KVM_FEATURE_PV_EOI, opt.kvm_features);
}

TEST(modes)
{
	struct run_options opt;

	ASSERT_EQ(0, parse(&opt, "--kernel k --mode hvm --cpus 2"));
	EXPECT_FALSE(opt.pv);
	ASSERT_EQ(0, parse(&opt, "--kernel k --mode pv --cpus 2"));
	EXPECT_EQ(2u, opt.cpus);
	ASSERT_EQ(0, parse(&opt, "--kernel k --mode pv"));
	ASSERT_EQ(0, parse(&opt, "--kernel k --mode pv --disk file=null --net user --console pv"));
	EXPECT_TRUE(opt.pv);
	EXPECT_FALSE(opt.pv_trusted);
	ASSERT_EQ(0, parse(&opt, "--kernel k --pv-tables trusted --mode pv"));
	EXPECT_TRUE(opt.pv_trusted);
	ASSERT_EQ(0, parse(&opt, "--kernel k --pv-tables validated --mode pv"));
	EXPECT_FALSE(opt.pv_trusted);
	EXPECT_EQ(-EINVAL, parse(&opt, "--kernel k --pv-tables trusted"));
	EXPECT_NE(NULL, strstr(err, "--mode pv"));
}

TEST(every_flag_that_does_not_repeat_is_refused_twice)
{
	const struct option_spec *spec;
	struct run_options opt;
	unsigned int refused = 0;

	for (spec = run_option_specs; spec->name; spec++) {
		const char *value = !spec->arg ? NULL : !strcmp(spec->name, "memory") ? "512" : !strcmp(spec->name, "cpus") ? "1" :
			!strcmp(spec->name, "kvm-features") ? "all" : !strcmp(spec->name, "console") ? "uart" :
			!strcmp(spec->name, "mode") ? "hvm" : !strcmp(spec->name, "escape") ? "none" : !strcmp(spec->name, "unpack") ? "host" :
			!strcmp(spec->name, "on-reset") ? "exit" : !strcmp(spec->name, "pv-tables") ? "trusted" : "x";
		char line[256];

		if (spec->repeats || !strcmp(spec->name, "help"))
			continue;
		snprintf(line, sizeof(line), "--%s %s --%s %s", spec->name, value ? value : "", spec->name, value ? value : "");
		EXPECT_EQ(-EINVAL, parse(&opt, line)) TH_LOG("%s", line);
		EXPECT_NE(NULL, strstr(err, "given twice")) TH_LOG("%s: %s", line, err);
		refused++;
	}
	EXPECT_LT(15u, refused);
}

TEST(lines_refused)
{
	static const struct {
		const char *line, *word;
	} bad[] = {
		{ "", "no kernel" },
		{ "--kernel", "wants a value" },
		{ "--kernel k --cpus 0", "1 to 8" },
		{ "--kernel k --cpus 9", "1 to 8" },
		{ "--kernel k --cpus two", "1 to 8" },
		{ "--kernel k --cpus -1", "1 to 8" },
		{ "--kernel k --mode xen", "hvm or pv" },
		{ "--kernel k --mode pv --cpus 9", "1 to 8" },
		{ "--kernel k --disk file=null,if=ide --mode pv", "no PCI" },
		{ "--kernel k --disk file=null,if=ide --disk file=null --mode pv", "no PCI" },
		{ "--mode pv --kernel k --net user,if=e1000", "no PCI" },
		{ "--kernel k --console vga", "uart or pv" },
		{ "--kernel k --on-reset maybe", "exit or restart" },
		{ "--kernel k --turbo", "no option --turbo" },
		{ "--kernel k -q", "no option -q" },
		{ "--kernel k bare", "not an option" },
		{ "--kernel k --disk a --disk a", "--disk" },
	};
	struct run_options opt;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, parse(&opt, bad[i].line)) TH_LOG("%s", bad[i].line);
		EXPECT_NE(NULL, strstr(err, bad[i].word)) TH_LOG("%s: %s", bad[i].line, err);
	}
}

TEST(more_devices_than_fit)
{
	struct run_options opt;
	char line[1024] = "--kernel k";

	for (int i = 0; i < RUN_MAX_DISKS; i++)
		strcat(line, " --disk file=a");
	EXPECT_EQ(0, parse(&opt, line));
	strcat(line, " --disk file=a");
	EXPECT_EQ(-EINVAL, parse(&opt, line));
	EXPECT_NE(NULL, strstr(err, "more than 8"));
}

TEST_HARNESS_MAIN
