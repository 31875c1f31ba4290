// SPDX-License-Identifier: GPL-2.0-only
/* The end of a guest: a report in the vCPU's area, and word to the VMM, which prints it. */
#include "arch.h"
#include "monitor.h"

/* Text, a space, the number in decimal. */
static void put_text(char *to, const char *text, uint64_t number)
{
	unsigned int n = 0, digits = 1;

	for (; text[n] && n < MONITOR_TEXT_BYTES - 64; n++)
		to[n] = text[n];
	to[n++] = ' ';
	for (uint64_t rest = number; rest >= 10; rest /= 10)
		digits++;
	to[n + digits] = 0;
	for (; digits; number /= 10)
		to[n + --digits] = (char)('0' + number % 10);
}

/* Where our bug was noticed, after the text. */
static void put_place(char *to, const char *where)
{
	unsigned int n = 0;

	while (to[n])
		n++;
	to[n++] = ',';
	to[n++] = ' ';
	for (unsigned int i = 0; where[i] && n < MONITOR_TEXT_BYTES - 1; i++)
		to[n++] = where[i];
	to[n] = 0;
}

/* As much of the guest's code and stack as can be read. A bug's report has none: that memory may be the bug. */
static void put_memory(struct monitor_report *r, const struct monitor_regs *regs)
{
	r->code_read = 0;
	for (unsigned int i = 0; i < MONITOR_CODE_BYTES; i++)
		if (!guest_read(regs->rip - MONITOR_CODE_BEFORE + i, &r->code[i], 1))
			r->code_read |= 1ull << i;
	for (r->nr_stack = 0; r->nr_stack < MONITOR_STACK_WORDS; r->nr_stack++)
		if (guest_read(regs->rsp + 8ull * r->nr_stack, &r->stack[r->nr_stack], 8))
			break;
}

static void stop(struct monitor_vcpu *v, const struct monitor_regs *regs, uint32_t kind, const char *text,
		 uint64_t number)
{
	struct monitor_report *r = &v->shared.report;

	r->regs = *regs;
	r->cr2 = arch_read_cr2();
	put_text(r->text, text, number);
	if (kind == MONITOR_REPORT_GUEST)
		put_memory(r, regs);
	r->kind = kind;
}

void stop_prepare(struct monitor_vcpu *v)
{
	struct monitor_report *r = &v->shared.report;

	r->regs = *v->regs;
	r->cr2 = arch_read_cr2();
	put_memory(r, v->regs);
}

void stop_guest(struct monitor_vcpu *v, const struct monitor_regs *regs, const char *text, uint64_t number)
{
	stop(v, regs, MONITOR_REPORT_GUEST, text, number);
	arch_vmm_stop();
}

void stop_bug_at(struct monitor_vcpu *v, const struct monitor_regs *regs, const char *text, uint64_t number,
		 const char *where)
{
	stop(v, regs, MONITOR_REPORT_BUG, text, number);
	put_place(v->shared.report.text, where);
	arch_vmm_stop();
}
