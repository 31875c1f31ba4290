// SPDX-License-Identifier: GPL-2.0-only
/* The common part of tiny guests in pv mode. */
#include "pv.h"

#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

#define RFLAGS_TF 0x100ull
#define RFLAGS_IF 0x200ull

void pv_main(uint64_t start_info);
void pv_trap(struct pv_frame *frame);
/* The compiler makes calls to these two. */
void *memset(void *to, int value, size_t bytes);

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline;
};

void *pvn_hypercall_page = pv_page;
struct pv_trapped pv_trapped, pv_trapped_interrupt;
bool pv_flag_on_return;
uint64_t pv_resume;
unsigned int pv_steps;
struct pvn_vcpu_info *pv_info;
static unsigned int results;

void *memset(void *to, int value, size_t bytes)
{
	char *at = to;

	while (bytes--)
		*at++ = (char)value;
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	const char *src = from;
	char *at = to;

	while (bytes--)
		*at++ = *src++;
	return to;
}

/* Text gathers in a line, since each call that the VMM serves costs an exit. */
void pv_text(const char *text)
{
	static char line[256];
	static uint32_t used;

	for (; *text; text++) {
		line[used++] = *text;
		if (*text != '\n' && used < sizeof(line))
			continue;
		for (uint32_t done = 0; done < used;) {
			int64_t taken = pvn_console_write(pv_gpa(line) + done, used - done);

			if (taken < 0)
				break;
			done += (uint32_t)taken;
		}
		used = 0;
	}
}

void pv_number(int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char text[24], *at = text + sizeof(text) - 1;

	*at = 0;
	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--at = '-';
	pv_text(at);
}

void pv_result(bool ok, const char *name)
{
	pv_text(ok ? "ok " : "not ok ");
	pv_number(++results);
	pv_text(" ");
	pv_text(name);
	pv_text("\n");
}

void pv_equal(int64_t want, int64_t got, const char *name)
{
	if (want != got) {
		pv_text("# want ");
		pv_number(want);
		pv_text(", got ");
		pv_number(got);
		pv_text("\n");
	}
	pv_result(want == got, name);
}

unsigned int pv_results(void)
{
	return results;
}

void pv_power_off(void)
{
	pvn_core_accept_features(PVN_ABI_VERSION, PVN_F0_SCHED, 0, 0, 0);
	pvn_sched_shutdown(PVN_SHUTDOWN_POWEROFF);
}

void pv_trap(struct pv_frame *frame)
{
	if (pv_smp_trap(frame))
		return;
	if (frame->vector >= 32) {
		pv_trapped_interrupt.frame = *frame;
		pv_trapped_interrupt.interrupts_on = pv_info && pv_info->interrupts_on;
		pv_trapped_interrupt.count++;
		pv_upcall();
		return;
	}
	if (pv_flag_on_return)
		frame->hw.rflags |= RFLAGS_IF;
	pv_flag_on_return = false;
	pv_trapped.frame = *frame;
	pv_trapped.frame_at = (uint64_t)&frame->hw;
	pv_trapped.interrupts_on = pv_info && pv_info->interrupts_on;
	pv_trapped.count++;
	if (frame->vector == 1 && (!pv_steps || !--pv_steps))
		frame->hw.rflags &= ~RFLAGS_TF;
	if (pv_resume) {
		frame->hw.rip = pv_resume;
		pv_resume = 0;
	} else if (frame->vector != 3 && frame->vector != 1) {
		pv_text("Bail out! exception ");
		pv_number((int64_t)frame->vector);
		pv_text(" at ");
		pv_number((int64_t)frame->hw.rip);
		pv_text(", error ");
		pv_number((int64_t)frame->error);
		pv_text("\n");
		pv_power_off();
	}
}

int64_t pv_traps_register(uint32_t flags)
{
	static struct pvn_trap_entry table[33];

	for (uint32_t i = 0; i < 32; i++)
		table[i] = (struct pvn_trap_entry){ i, flags, (uint64_t)pv_trap_entries + 16 * i };
	table[32] = (struct pvn_trap_entry){ PV_UPCALL, PVN_TRAP_INTERRUPT_OFF, (uint64_t)pv_trap_entries + 16 * PV_UPCALL };
	return pvn_cpu_trap_table(pv_gpa(table), 33);
}

void pv_main(uint64_t start_info)
{
	const struct start_info *info = (const void *)(PVN_PV_DIRECT_MAP + start_info);

	pv_test((const char *)(PVN_PV_DIRECT_MAP + info->cmdline));
	pv_power_off();
}
