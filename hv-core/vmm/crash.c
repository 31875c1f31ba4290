/* SPDX-License-Identifier: GPL-2.0-only */
/* Crash reports: exits that end a guest, in words, with registers, code and stack. */

#include "crash.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "command.h"
#include "guest_walk.h"
#include "pv_monitor.h"
#include "symbols.h"
#include "vcpu.h"
#include "vm.h"

#define STACK_WORDS 512
#define STACK_LINES 24
#define CODE_BEFORE 16
#define CODE_AFTER 32
#define RFLAGS_RESET 2
#define RIP_RESET 0xfff0

/* Suberrors of KVM_EXIT_INTERNAL_ERROR. */
static const char *internal_error_words(unsigned int suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return "KVM could not emulate an instruction";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return "an exception came while another was delivered";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return "an exit came while an event was delivered";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "the CPU gave an exit reason that KVM doesn't know";
	default:
		return "an error that KVM gives no words for";
	}
}

static void print_segment(const char *name, const struct kvm_segment *s)
{
	fprintf(stderr, "  %s %04x base %016llx limit %08x type %x dpl %u%s%s\n", name, s->selector,
		(unsigned long long)s->base, s->limit, s->type, s->dpl, s->l ? " 64-bit" : "",
		s->present ? "" : " not present");
}

static void print_registers(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	const unsigned long long v[] = { r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp,
					 r->r8,	 r->r9,	 r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };
	static const char *const name[] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
					    "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15" };
	unsigned int i;

	fprintf(stderr, "  rip %016llx  rflags %08llx\n", (unsigned long long)r->rip, (unsigned long long)r->rflags);
	for (i = 0; i < 16; i++)
		fprintf(stderr, "%s%s %016llx%s", i % 4 ? "  " : "  ", name[i], v[i], i % 4 == 3 ? "\n" : "");
	fprintf(stderr, "  cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx\n", (unsigned long long)s->cr0,
		(unsigned long long)s->cr2, (unsigned long long)s->cr3, (unsigned long long)s->cr4,
		(unsigned long long)s->efer);
	print_segment("cs", &s->cs);
	print_segment("ss", &s->ss);
	fprintf(stderr, "  gdt %llx/%x idt %llx/%x\n", (unsigned long long)s->gdt.base, s->gdt.limit,
		(unsigned long long)s->idt.base, s->idt.limit);
}

static void print_code(const struct gmem *gm, const struct kvm_sregs *s, uint64_t rip)
{
	uint8_t byte;
	int i;

	fputs("  code", stderr);
	for (i = -CODE_BEFORE; i < CODE_AFTER; i++) {
		if (guest_read_virtual(gm, s, rip + i, &byte, 1))
			fputs(" ??", stderr);
		else
			fprintf(stderr, i ? " %02x" : " <%02x>", byte);
	}
	fputc('\n', stderr);
}

/*
 * Words on the stack that point into the kernel's text. Without unwind tables that is what can be said, so some of
 * them are left-overs of calls that have returned.
 */
static void print_stack(const struct gmem *gm, const struct kvm_sregs *s, uint64_t rsp, const struct symbols *syms)
{
	uint64_t word, slide = symbols_slide(syms, gm, s);
	unsigned int i, lines = 0;
	char text[128];

	for (i = 0; i < STACK_WORDS && lines < STACK_LINES; i++) {
		if (guest_read_virtual(gm, s, rsp + 8ull * i, &word, sizeof(word)))
			break;
		if (!symbols_format(syms, word - slide, text, sizeof(text)))
			continue;
		if (!lines)
			fputs("  stack (return addresses; some may be left over)\n", stderr);
		fprintf(stderr, "    %016llx %s\n", (unsigned long long)word, text);
		lines++;
	}
}

static void dump(struct vcpu *vcpu, const struct kvm_regs *regs, const struct kvm_sregs *sregs)
{
	const struct gmem *gm = &vcpu->vm->m.gmem;
	const char *vmlinux = vcpu->vm->opt->vmlinux;
	struct symbols *syms = NULL;
	char text[256];

	print_registers(regs, sregs);
	print_code(gm, sregs, regs->rip);
	if (!vmlinux) {
		fputs("  (--vmlinux FILE adds function names)\n", stderr);
		return;
	}
	if (symbols_load(vmlinux, &syms, text, sizeof(text))) {
		message("%s", text);
		return;
	}
	if (symbols_format(syms, regs->rip - symbols_slide(syms, gm, sregs), text, sizeof(text)))
		fprintf(stderr, "  rip is %s\n", text);
	print_stack(gm, sregs, regs->rsp, syms);
	symbols_free(syms);
}

void crash_dump_vcpu(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0) {
		message("vCPU %u: its registers cannot be read", vcpu->index);
		return;
	}
	/* The registers at a call are the monitor's; what the user wants to see are the guest's. */
	if (vcpu->vm->monitor && pv_in_monitor(&regs) && vcpu->run->exit_reason == KVM_EXIT_IO) {
		pv_dump_vcpu(vcpu);
		return;
	}
	/*
	 * AMD's CPUs leave no state behind a triple fault, and KVM then resets the vCPU: these are the values after
	 * that. Those of the last exit to the VMM are the latest there are.
	 */
	if (regs.rip == RIP_RESET && regs.rflags == RFLAGS_RESET && sregs.cs.selector == 0xf000) {
		fprintf(stderr, "vCPU %u: the CPU keeps no registers over this; at its last exit to the VMM it had\n",
			vcpu->index);
		if (!vcpu->last_valid) {
			fputs("  none: it never came out\n", stderr);
			return;
		}
		sregs = vcpu->last_sregs;
		dump(vcpu, &vcpu->last_regs, &sregs);
		return;
	}
	fprintf(stderr, "vCPU %u:\n", vcpu->index);
	dump(vcpu, &regs, &sregs);
}

static void report_internal_error(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	unsigned int i;

	fprintf(stderr, "paravane: vCPU %u: %s (suberror %u", vcpu->index, internal_error_words(run->internal.suberror),
		run->internal.suberror);
	for (i = 0; i < run->internal.ndata && i < 16; i++)
		fprintf(stderr, "%s%llx", i ? " " : "; ", (unsigned long long)run->internal.data[i]);
	fputs(")\n", stderr);
}

void crash_report_exit(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct machine *m = &vcpu->vm->m;
	unsigned int index = vcpu->index;

	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		if (vcpu->vm->monitor) {
			/* Whatever the guest does at level 3, the monitor answers. */
			message("vCPU %u: triple fault in the monitor (a bug in paravane)", index);
			crash_dump_vcpu(vcpu);
			machine_stop(m, STOP_HOST_ERROR, "triple fault in the monitor on vCPU %u", index);
			break;
		}
		message("vCPU %u: triple fault: an exception, then two more while it was handled", index);
		crash_dump_vcpu(vcpu);
		machine_stop(m, STOP_GUEST_CRASH, "triple fault on vCPU %u", index);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		message("vCPU %u: the CPU refused to enter the guest: hardware reason %#llx (a state that it takes for invalid, "
			"or a host without the feature)", index,
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		crash_dump_vcpu(vcpu);
		machine_stop(m, STOP_HOST_ERROR, "entry into the guest failed on vCPU %u", index);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		report_internal_error(vcpu);
		crash_dump_vcpu(vcpu);
		machine_stop(m, STOP_HOST_ERROR, "KVM gave up on vCPU %u: %s", index,
			     internal_error_words(run->internal.suberror));
		break;
	case KVM_EXIT_UNKNOWN:
		machine_stop(m, STOP_HOST_ERROR, "vCPU %u: the CPU left the guest for a reason unknown to KVM: %#llx", index,
			     (unsigned long long)run->hw.hardware_exit_reason);
		break;
	default:
		crash_dump_vcpu(vcpu);
		machine_stop(m, STOP_HOST_ERROR, "vCPU %u: exit %u (%s) that the VMM has no answer for", index,
			     run->exit_reason, vcpu_exit_name(run->exit_reason));
	}
}
