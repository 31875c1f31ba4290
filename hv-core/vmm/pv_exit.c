// SPDX-License-Identifier: GPL-2.0-only
/* What the monitor tells the VMM: that a guest broke the contract, or that the monitor did. Printed in words. */

#include "pv_monitor.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "symbols.h"
#include "vcpu.h"
#include "vm.h"

static void print_registers(const struct monitor_regs *r)
{
	const struct {
		const char *name;
		pvn_u64 value;
	} list[] = {
		{ "rax", r->rax }, { "rbx", r->rbx }, { "rcx", r->rcx }, { "rdx", r->rdx },
		{ "rsi", r->rsi }, { "rdi", r->rdi }, { "rbp", r->rbp }, { "rsp", r->rsp },
		{ "r8 ", r->r8 },  { "r9 ", r->r9 },  { "r10", r->r10 }, { "r11", r->r11 },
		{ "r12", r->r12 }, { "r13", r->r13 }, { "r14", r->r14 }, { "r15", r->r15 },
	};
	unsigned int i;

	fprintf(stderr, "  rip %016llx  rflags %08llx  cs %llx  ss %llx\n", (unsigned long long)r->rip,
		(unsigned long long)r->rflags, (unsigned long long)r->cs, (unsigned long long)r->ss);
	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		fprintf(stderr, "  %s %016llx%s", list[i].name, (unsigned long long)list[i].value,
			i % 4 == 3 ? "\n" : "");
}

static void print_code(const struct monitor_report *r)
{
	unsigned int i;

	fputs("  code", stderr);
	for (i = 0; i < MONITOR_CODE_BYTES; i++) {
		if (!(r->code_read >> i & 1))
			fputs(" ??", stderr);
		else
			fprintf(stderr, i == MONITOR_CODE_BEFORE ? " <%02x>" : " %02x", r->code[i]);
	}
	fputc('\n', stderr);
}

static void print_stack(const struct monitor_report *r)
{
	unsigned int i;

	if (!r->nr_stack)
		return;
	fputs("  stack", stderr);
	for (i = 0; i < r->nr_stack && i < MONITOR_STACK_WORDS; i++)
		fprintf(stderr, "%s%016llx", i && i % 4 == 0 ? "\n        " : " ", (unsigned long long)r->stack[i]);
	fputc('\n', stderr);
}

static void print_names(struct vcpu *vcpu, const struct monitor_report *r)
{
	const char *vmlinux = vcpu->vm->opt->vmlinux;
	struct symbols *syms = NULL;
	char text[256];
	unsigned int i;

	if (!vmlinux) {
		fputs("  (--vmlinux FILE adds function names)\n", stderr);
		return;
	}
	if (symbols_load(vmlinux, &syms, text, sizeof(text))) {
		message("%s", text);
		return;
	}
	/* A kernel for pv mode runs where it is linked. */
	if (symbols_format(syms, r->regs.rip, text, sizeof(text)))
		fprintf(stderr, "  rip is %s\n", text);
	for (i = 0; i < r->nr_stack && i < MONITOR_STACK_WORDS; i++)
		if (symbols_format(syms, r->stack[i], text, sizeof(text)))
			fprintf(stderr, "    %016llx %s\n", (unsigned long long)r->stack[i], text);
	symbols_free(syms);
}

static void print_report(struct vcpu *vcpu, const struct monitor_report *r)
{
	fprintf(stderr, "vCPU %u (%s):\n", vcpu->index, r->kind == MONITOR_REPORT_BUG ? "monitor" : "guest kernel");
	print_registers(&r->regs);
	fprintf(stderr, "  cr2 %llx\n", (unsigned long long)r->cr2);
	if (r->kind == MONITOR_REPORT_BUG)
		return;
	print_code(r);
	print_stack(r);
	print_names(vcpu, r);
}

/* The text is the monitor's, but the VMM prints nothing of the VM's unseen. */
static void copy_text(char *to, const char *from)
{
	unsigned int i;

	for (i = 0; i < MONITOR_TEXT_BYTES - 1 && from[i]; i++)
		to[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
	to[i] = 0;
}

bool pv_monitor_command(struct vcpu *vcpu, uint32_t command)
{
	struct machine *m = &vcpu->vm->m;
	struct monitor_report report;
	char text[MONITOR_TEXT_BYTES];

	if (command != MONITOR_STOP) {
		machine_stop(m, STOP_HOST_ERROR, "vCPU %u: the monitor gave a command that is not known: %#x",
			     vcpu->index, command);
		return false;
	}
	/* A guest ends once. Another vCPU may have come to its end meanwhile, often for the same reason. */
	if (__atomic_exchange_n(&vcpu->vm->reported, true, __ATOMIC_SEQ_CST))
		return false;
	memcpy(&report, &pv_monitor_shared(vcpu->vm, vcpu->index)->report, sizeof(report));
	copy_text(text, report.text);
	if (report.kind == MONITOR_REPORT_GUEST)
		message("vCPU %u: the guest kernel cannot go on: %s", vcpu->index, text);
	else
		message("vCPU %u: the monitor failed: %s (a bug in paravane)", vcpu->index, text);
	print_report(vcpu, &report);
	if (report.kind == MONITOR_REPORT_GUEST)
		machine_stop(m, STOP_GUEST_FAULT, "%s (vCPU %u)", text, vcpu->index);
	else
		machine_stop(m, STOP_HOST_ERROR, "the monitor failed: %s (vCPU %u)", text, vcpu->index);
	return false;
}

bool pv_in_monitor(const struct kvm_regs *regs)
{
	return regs->rip >= PVN_PV_HOLE_START && regs->rip < PVN_PV_HOLE_END;
}

void pv_dump_vcpu(struct vcpu *vcpu)
{
	struct monitor_report report;

	/* The monitor has filled it in before it handed the call on that ends the guest. */
	memcpy(&report, &pv_monitor_shared(vcpu->vm, vcpu->index)->report, sizeof(report));
	print_report(vcpu, &report);
}
