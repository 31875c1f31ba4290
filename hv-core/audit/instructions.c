/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instructions that a port to ring 3 has to care about, and what each does there. The first group is Robin and
 * Irvine's (Analysis of the Intel Pentium's Ability to Support a Secure Virtual Machine Monitor, USENIX Security 2000),
 * with what has come since. The texts are about 64-bit mode, from the instruction pages of Intel's and AMD's manuals.
 *
 * Left out on purpose: INT3, INT1 and UD2, which raise their exception in every ring alike (and INT3 fills the gaps
 * between functions); SYSCALL and SYSENTER, which enter ring 0 from every ring; the XSAVE forms without S, CLFLUSH,
 * PREFETCH and the like, which know no privilege.
 */

#include "audit.h"

#include <Zydis/Zydis.h>

#define CLASSIC AUDIT_CLASSIC
#define UMIP AUDIT_UMIP
#define M(name) ZYDIS_MNEMONIC_##name

/* Which encodings of a mnemonic a row means. */
enum form { FORM_ANY, FORM_FROM_SEGMENT, FORM_TO_SEGMENT, FORM_CR, FORM_DR, FORM_STACK_SEGMENT, FORM_FAR, FORM_NONE };

/* In the order of reports. A mnemonic that is in several rows is alone in each. */
const struct audit_kind audit_kinds[] = {
	{ "sgdt", AUDIT_SENSITIVE, AUDIT_SILENT, UMIP | CLASSIC, FORM_ANY, { M(SGDT) },
	  "stores the real GDT's address: the monitor's, not the guest's" },
	{ "sidt", AUDIT_SENSITIVE, AUDIT_SILENT, UMIP | CLASSIC, FORM_ANY, { M(SIDT) },
	  "stores the real IDT's address" },
	{ "sldt", AUDIT_SENSITIVE, AUDIT_SILENT, UMIP | CLASSIC, FORM_ANY, { M(SLDT) },
	  "stores the real LDT selector" },
	{ "str", AUDIT_SENSITIVE, AUDIT_SILENT, UMIP | CLASSIC, FORM_ANY, { M(STR) },
	  "stores the real task register: the monitor's TSS" },
	{ "smsw", AUDIT_SENSITIVE, AUDIT_SILENT, UMIP | CLASSIC, FORM_ANY, { M(SMSW) },
	  "stores bits of the real CR0, as TS and PE really are" },
	{ "pushf", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_ANY, { M(PUSHF), M(PUSHFD), M(PUSHFQ) },
	  "stores the real IF and IOPL: interrupts look enabled always" },
	{ "popf", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_ANY, { M(POPF), M(POPFD), M(POPFQ) },
	  "leaves IF and IOPL as they are without a fault: interrupts are not masked" },
	{ "lar", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_ANY, { M(LAR) },
	  "looks in the real GDT or LDT with CPL 3: ZF tells another descriptor, or none" },
	{ "lsl", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_ANY, { M(LSL) },
	  "the same, for the limit" },
	{ "verr", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_ANY, { M(VERR) },
	  "tests readability with CPL 3" },
	{ "verw", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_ANY, { M(VERW) },
	  "tests writability with CPL 3; where Linux uses it to clear CPU buffers, that works in ring 3 too" },
	{ "push seg", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_STACK_SEGMENT, { M(PUSH) },
	  "FS, GS: stores the selector that is really loaded" },
	{ "push cs/ss/ds/es", AUDIT_SENSITIVE, AUDIT_ABSENT, CLASSIC, FORM_NONE, { 0 },
	  "no encoding in 64-bit mode (#UD)" },
	{ "pop seg", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_STACK_SEGMENT, { M(POP) },
	  "FS, GS: loads from the real tables, and the base with it; #GP for descriptors of ring 0" },
	{ "pop ss/ds/es", AUDIT_SENSITIVE, AUDIT_ABSENT, CLASSIC, FORM_NONE, { 0 },
	  "no encoding in 64-bit mode (#UD)" },
	{ "mov from seg", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_FROM_SEGMENT, { M(MOV) },
	  "CS and SS show that CPL is 3" },
	{ "mov to seg", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_TO_SEGMENT, { M(MOV) },
	  "loads from the real tables with CPL 3; #GP for descriptors of ring 0; for FS and GS the base changes too" },
	{ "lss/lfs/lgs", AUDIT_SENSITIVE, AUDIT_SILENT, 0, FORM_ANY, { M(LSS), M(LFS), M(LGS) },
	  "as mov to seg" },
	{ "lds/les", AUDIT_SENSITIVE, AUDIT_ABSENT, 0, FORM_NONE, { 0 },
	  "no encoding in 64-bit mode: the bytes are VEX prefixes" },
	{ "call far", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_FAR, { M(CALL) },
	  "goes through the real tables; #GP for code of ring 0, else a call within ring 3 (there is no direct form)" },
	{ "jmp far", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_FAR, { M(JMP) },
	  "as call far" },
	{ "ret far", AUDIT_SENSITIVE, AUDIT_SILENT, CLASSIC, FORM_FAR, { M(RET) },
	  "#GP for a selector with RPL below 3, else a return within ring 3" },
	{ "iret", AUDIT_SENSITIVE, AUDIT_SILENT, 0, FORM_ANY, { M(IRET), M(IRETD), M(IRETQ) },
	  "#GP for a frame of ring 0; for one of ring 3 it returns, leaves IF and IOPL as they are, and unmasks NMIs" },
	{ "int n", AUDIT_SENSITIVE, AUDIT_TRAPS, CLASSIC, FORM_ANY, { M(INT) },
	  "enters ring 0 by the real IDT: the vector, or #GP when the gate's DPL is below 3" },
	{ "cli", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(CLI) },
	  "#GP, as long as IOPL is below 3" },
	{ "sti", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(STI) },
	  "#GP, as long as IOPL is below 3" },
	{ "in", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(IN) },
	  "#GP, unless IOPL is 3 or the TSS allows the port" },
	{ "out", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(OUT) },
	  "as in" },
	{ "ins", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(INSB), M(INSW), M(INSD) },
	  "as in" },
	{ "outs", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(OUTSB), M(OUTSW), M(OUTSD) },
	  "as in" },
	{ "hlt", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(HLT) },
	  "#GP" },
	{ "lgdt", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(LGDT) },
	  "#GP" },
	{ "lidt", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(LIDT) },
	  "#GP" },
	{ "lldt", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(LLDT) },
	  "#GP" },
	{ "ltr", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(LTR) },
	  "#GP" },
	{ "lmsw", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(LMSW) },
	  "#GP" },
	{ "clts", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(CLTS) },
	  "#GP" },
	{ "mov cr", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_CR, { M(MOV) },
	  "#GP, both directions" },
	{ "mov dr", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_DR, { M(MOV) },
	  "#GP, both directions" },
	{ "rdmsr", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(RDMSR) },
	  "#GP" },
	{ "wrmsr", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(WRMSR) },
	  "#GP" },
	{ "invd", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(INVD) },
	  "#GP" },
	{ "wbinvd", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(WBINVD) },
	  "#GP; wbnoinvd is counted here too" },
	{ "invlpg", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(INVLPG) },
	  "#GP" },
	{ "invpcid", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(INVPCID) },
	  "#GP" },
	{ "invlpgb/tlbsync", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(INVLPGB), M(TLBSYNC) },
	  "#GP" },
	{ "swapgs", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(SWAPGS) },
	  "#GP" },
	{ "sysret", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(SYSRET) },
	  "#GP" },
	{ "sysexit", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(SYSEXIT) },
	  "#GP" },
	{ "xsetbv", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(XSETBV) },
	  "#GP" },
	{ "xsaves/xrstors", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY,
	  { M(XSAVES), M(XSAVES64), M(XRSTORS), M(XRSTORS64) },
	  "#GP" },
	{ "clac", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(CLAC) },
	  "#UD" },
	{ "stac", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(STAC) },
	  "#UD" },
	{ "monitor/mwait", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY, { M(MONITOR), M(MWAIT) },
	  "#UD" },
	{ "shadow stack", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY,
	  { M(WRUSSD), M(WRUSSQ), M(SETSSBSY), M(CLRSSBSY) },
	  "#GP or #UD: wruss, setssbsy, clrssbsy" },
	{ "other privileged", AUDIT_PRIVILEGED, AUDIT_TRAPS, 0, FORM_ANY,
	  { M(ENCLS), M(PCONFIG), M(HRESET), M(ENQCMDS), M(RSM), M(GETSEC) },
	  "whatever else the decoder knows as privileged: encls, pconfig, hreset, enqcmds, rsm, ..." },
	{ "rdtsc", AUDIT_CONTROLLED, AUDIT_SAME, 0, FORM_ANY, { M(RDTSC), M(RDTSCP) },
	  "rdtsc, rdtscp: #GP when CR4.TSD is set" },
	{ "rdpmc", AUDIT_CONTROLLED, AUDIT_TRAPS, 0, FORM_ANY, { M(RDPMC) },
	  "#GP unless CR4.PCE is set" },
	{ "cpuid", AUDIT_CONTROLLED, AUDIT_SAME, 0, FORM_ANY, { M(CPUID) },
	  "exits to the hypervisor from every ring; #GP where CPUID faulting is on" },
	{ "monitorx/mwaitx", AUDIT_CONTROLLED, AUDIT_SAME, 0, FORM_ANY, { M(MONITORX), M(MWAITX) },
	  "AMD's form for every ring" },
	{ "fsgsbase", AUDIT_CONTROLLED, AUDIT_SAME, 0, FORM_ANY, { M(RDFSBASE), M(RDGSBASE), M(WRFSBASE), M(WRGSBASE) },
	  "rd/wr fs/gs base: works with CR4.FSGSBASE; which GS base is current, is for who replaces swapgs to say" },
	{ "xgetbv", AUDIT_CONTROLLED, AUDIT_SAME, 0, FORM_ANY, { M(XGETBV) },
	  "works with CR4.OSXSAVE" },
	{ "rdpkru/wrpkru", AUDIT_CONTROLLED, AUDIT_SAME, 0, FORM_ANY, { M(RDPKRU), M(WRPKRU) },
	  "works with CR4.PKE; the keys then bind the kernel too, whose pages are user pages in ring 3" },
	{ "vmcall/vmmcall", AUDIT_VIRTUAL, AUDIT_SILENT, 0, FORM_ANY, { M(VMCALL), M(VMMCALL) },
	  "exits to the hypervisor, which can tell the ring: KVM answers -EPERM; vmgexit is counted here too" },
	{ "vmfunc", AUDIT_VIRTUAL, AUDIT_SILENT, 0, FORM_ANY, { M(VMFUNC) },
	  "works in every ring where the hypervisor enables it" },
	{ "vmlaunch/vmresume", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(VMLAUNCH), M(VMRESUME) },
	  "#GP or #UD" },
	{ "vmxon/vmxoff", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(VMXON), M(VMXOFF) },
	  "#GP or #UD" },
	{ "vmread/vmwrite", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(VMREAD), M(VMWRITE) },
	  "#GP or #UD" },
	{ "vmptrld/vmptrst/vmclear", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(VMPTRLD), M(VMPTRST), M(VMCLEAR) },
	  "#GP or #UD" },
	{ "invept/invvpid", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(INVEPT), M(INVVPID) },
	  "#GP or #UD" },
	{ "vmrun", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(VMRUN) },
	  "#GP or #UD" },
	{ "vmload/vmsave", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(VMLOAD), M(VMSAVE) },
	  "#GP or #UD" },
	{ "stgi/clgi/skinit", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(STGI), M(CLGI), M(SKINIT) },
	  "#GP or #UD" },
	{ "invlpga", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(INVLPGA) },
	  "#GP or #UD" },
	{ "sev-snp", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(PSMASH), M(PVALIDATE), M(RMPADJUST), M(RMPUPDATE) },
	  "#GP or #UD: pvalidate, rmpadjust, ..." },
	{ "tdx", AUDIT_VIRTUAL, AUDIT_TRAPS, 0, FORM_ANY, { M(TDCALL), M(SEAMCALL), M(SEAMRET), M(SEAMOPS) },
	  "#GP or #UD: tdcall, seamcall, ..." },
};
const unsigned int audit_nr_kinds = sizeof(audit_kinds) / sizeof(audit_kinds[0]);

const char *audit_class_name(enum audit_class class)
{
	static const char *const names[AUDIT_NR_CLASSES] = {
		[AUDIT_SENSITIVE] = "sensitive",
		[AUDIT_PRIVILEGED] = "privileged",
		[AUDIT_CONTROLLED] = "controlled",
		[AUDIT_VIRTUAL] = "virtualization",
	};

	return names[class];
}

static bool has_form(const ZydisDecodedInstruction *in, enum form form)
{
	bool map_0f = in->opcode_map == ZYDIS_OPCODE_MAP_0F;

	switch (form) {
	case FORM_ANY:
		return true;
	case FORM_FROM_SEGMENT:
		return in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in->opcode == 0x8c;
	case FORM_TO_SEGMENT:
		return in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in->opcode == 0x8e;
	case FORM_CR:
		return map_0f && (in->opcode == 0x20 || in->opcode == 0x22);
	case FORM_DR:
		return map_0f && (in->opcode == 0x21 || in->opcode == 0x23);
	case FORM_STACK_SEGMENT:
		return map_0f && (in->opcode == 0xa0 || in->opcode == 0xa1 || in->opcode == 0xa8 || in->opcode == 0xa9);
	case FORM_FAR:
		return in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
	case FORM_NONE:
		break;
	}
	return false;
}

/* The first row that names each mnemonic, plus one: nearly all instructions end at a zero here. */
static uint8_t first_row[ZYDIS_MNEMONIC_MAX_VALUE + 1];
/* From a row to the next one of its mnemonic, plus one. */
static uint8_t next_row[sizeof(audit_kinds) / sizeof(audit_kinds[0])];
static const struct audit_kind *other_privileged;

static void index_rows(void)
{
	unsigned int i, j;

	for (i = audit_nr_kinds; i-- > 0;) {
		const struct audit_kind *kind = &audit_kinds[i];

		if (kind->form == FORM_NONE)
			continue;
		next_row[i] = first_row[kind->mnemonic[0]];
		for (j = 0; j < AUDIT_MNEMONICS_MAX && kind->mnemonic[j]; j++)
			first_row[kind->mnemonic[j]] = (uint8_t)(i + 1);
		if (kind->mnemonic[0] == ZYDIS_MNEMONIC_ENCLS)
			other_privileged = kind;
	}
}

const struct audit_kind *audit_classify(const struct ZydisDecodedInstruction_ *in)
{
	unsigned int row;

	if (!other_privileged)
		index_rows();
	for (row = first_row[in->mnemonic]; row; row = next_row[row - 1]) {
		if (has_form(in, audit_kinds[row - 1].form))
			return &audit_kinds[row - 1];
	}
	/* What the table has forgotten, the decoder has not. */
	return in->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED ? other_privileged : NULL;
}
