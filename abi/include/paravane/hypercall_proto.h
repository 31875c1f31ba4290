/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Made by abi/generate.py from abi/hypercalls.toml: change that, not this. Guest-side wrappers, one a call. */

#ifndef PARAVANE_HYPERCALL_PROTO_H
#define PARAVANE_HYPERCALL_PROTO_H

#include <paravane/hypercall_nr.h>
#include <paravane/hypercall_x86.h>

#ifndef __ASSEMBLER__

/* do nothing */
static inline pvn_s64 pvn_core_null(void)
{
	return pvn_hypercall0(PVN_HC_CORE_NULL);
}

/* version of the host's interface */
static inline pvn_s64 pvn_core_version(void)
{
	return pvn_hypercall0(PVN_HC_CORE_VERSION);
}

/* a word of the features that the host offers */
static inline pvn_s64 pvn_core_features(pvn_u32 word)
{
	return pvn_hypercall1(PVN_HC_CORE_FEATURES, word);
}

/* say which version and features the guest understands */
static inline pvn_s64 pvn_core_accept_features(pvn_u32 version, pvn_u32 word0,
		pvn_u32 word1, pvn_u32 word2, pvn_u32 word3)
{
	return pvn_hypercall5(PVN_HC_CORE_ACCEPT_FEATURES, version, word0, word1, word2, word3);
}

/* many calls through one transition */
static inline pvn_s64 pvn_core_multicall(pvn_u64 list, pvn_u32 count, pvn_u32 flags)
{
	return pvn_hypercall3(PVN_HC_CORE_MULTICALL, list, count, flags);
}

/* what the host knows of a call */
static inline pvn_s64 pvn_core_describe(pvn_u32 nr, pvn_u64 info)
{
	return pvn_hypercall2(PVN_HC_CORE_DESCRIBE, nr, info);
}

/* register handlers of exceptions and interrupts */
static inline pvn_s64 pvn_cpu_trap_table(pvn_u64 table, pvn_u32 count)
{
	return pvn_hypercall2(PVN_HC_CPU_TRAP_TABLE, table, count);
}

/* return from a trap */
static inline pvn_s64 pvn_cpu_trap_return(void)
{
	return pvn_hypercall0(PVN_HC_CPU_TRAP_RETURN);
}

/* where system calls of user mode arrive */
static inline pvn_s64 pvn_cpu_syscall_entry(pvn_u64 entry64, pvn_u64 entry32)
{
	return pvn_hypercall2(PVN_HC_CPU_SYSCALL_ENTRY, entry64, entry32);
}

/* load or drop a local descriptor table */
static inline pvn_s64 pvn_cpu_ldt_load(pvn_u64 table, pvn_u32 count)
{
	return pvn_hypercall2(PVN_HC_CPU_LDT_LOAD, table, count);
}

/* change one of the guest's descriptors in the global table */
static inline pvn_s64 pvn_cpu_descriptor_write(pvn_u32 index, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_CPU_DESCRIPTOR_WRITE, index, value);
}

/* set the base of FS or GS */
static inline pvn_s64 pvn_cpu_segment_base(pvn_u32 which, pvn_u64 base)
{
	return pvn_hypercall2(PVN_HC_CPU_SEGMENT_BASE, which, base);
}

/* read a control register as the guest sees it */
static inline pvn_s64 pvn_cpu_control_read(pvn_u32 reg, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_CPU_CONTROL_READ, reg, value);
}

/* write a control register as the guest sees it */
static inline pvn_s64 pvn_cpu_control_write(pvn_u32 reg, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_CPU_CONTROL_WRITE, reg, value);
}

/* read a model-specific register */
static inline pvn_s64 pvn_cpu_msr_read(pvn_u32 msr, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_CPU_MSR_READ, msr, value);
}

/* write a model-specific register */
static inline pvn_s64 pvn_cpu_msr_write(pvn_u32 msr, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_CPU_MSR_WRITE, msr, value);
}

/* read a debug register */
static inline pvn_s64 pvn_cpu_debug_read(pvn_u32 reg, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_CPU_DEBUG_READ, reg, value);
}

/* write a debug register */
static inline pvn_s64 pvn_cpu_debug_write(pvn_u32 reg, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_CPU_DEBUG_WRITE, reg, value);
}

/* may user mode touch I/O ports */
static inline pvn_s64 pvn_cpu_io_privilege(pvn_u32 level)
{
	return pvn_hypercall1(PVN_HC_CPU_IO_PRIVILEGE, level);
}

/* load user mode's GS selector */
static inline pvn_s64 pvn_cpu_gs_select(pvn_u32 selector)
{
	return pvn_hypercall1(PVN_HC_CPU_GS_SELECT, selector);
}

/* take the interrupts that wait */
static inline pvn_s64 pvn_cpu_interrupt_take(void)
{
	return pvn_hypercall0(PVN_HC_CPU_INTERRUPT_TAKE);
}

/* make a range part of the table zone */
static inline pvn_s64 pvn_mmu_zone_add(pvn_u64 start, pvn_u64 bytes)
{
	return pvn_hypercall2(PVN_HC_MMU_ZONE_ADD, start, bytes);
}

/* take a range out of the table zone */
static inline pvn_s64 pvn_mmu_zone_remove(pvn_u64 start, pvn_u64 bytes)
{
	return pvn_hypercall2(PVN_HC_MMU_ZONE_REMOVE, start, bytes);
}

/* make a zone frame a page table */
static inline pvn_s64 pvn_mmu_table_alloc(pvn_u64 frame, pvn_u32 level, pvn_u32 flags)
{
	return pvn_hypercall3(PVN_HC_MMU_TABLE_ALLOC, frame, level, flags);
}

/* a zone frame is a page table no more */
static inline pvn_s64 pvn_mmu_table_free(pvn_u64 frame)
{
	return pvn_hypercall1(PVN_HC_MMU_TABLE_FREE, frame);
}

/* write many entries of one table */
static inline pvn_s64 pvn_mmu_table_fill(pvn_u64 frame, pvn_u32 first, pvn_u32 count,
		pvn_u64 values)
{
	return pvn_hypercall4(PVN_HC_MMU_TABLE_FILL, frame, first, count, values);
}

/* write one table entry */
static inline pvn_s64 pvn_mmu_entry_set(pvn_u64 entry, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_MMU_ENTRY_SET, entry, value);
}

/* write one table entry and get the old one */
static inline pvn_s64 pvn_mmu_entry_exchange(pvn_u64 entry, pvn_u64 value, pvn_u64 old)
{
	return pvn_hypercall3(PVN_HC_MMU_ENTRY_EXCHANGE, entry, value, old);
}

/* change some bits of a table entry */
static inline pvn_s64 pvn_mmu_entry_mask(pvn_u64 entry, pvn_u64 mask, pvn_u64 value, pvn_u64 old)
{
	return pvn_hypercall4(PVN_HC_MMU_ENTRY_MASK, entry, mask, value, old);
}

/* write many table entries */
static inline pvn_s64 pvn_mmu_update(pvn_u64 list, pvn_u32 count)
{
	return pvn_hypercall2(PVN_HC_MMU_UPDATE, list, count);
}

/* run on another pair of top-level tables */
static inline pvn_s64 pvn_mmu_space_switch(pvn_u64 kernel, pvn_u64 user, pvn_u32 flags)
{
	return pvn_hypercall3(PVN_HC_MMU_SPACE_SWITCH, kernel, user, flags);
}

/* forget all cached translations */
static inline pvn_s64 pvn_mmu_flush_all(pvn_u64 vcpus)
{
	return pvn_hypercall1(PVN_HC_MMU_FLUSH_ALL, vcpus);
}

/* forget the translation of one page */
static inline pvn_s64 pvn_mmu_flush_page(pvn_u64 page, pvn_u64 vcpus)
{
	return pvn_hypercall2(PVN_HC_MMU_FLUSH_PAGE, page, vcpus);
}

/* forget the translations of a range */
static inline pvn_s64 pvn_mmu_flush_range(pvn_u64 start, pvn_u64 pages, pvn_u64 vcpus)
{
	return pvn_hypercall3(PVN_HC_MMU_FLUSH_RANGE, start, pages, vcpus);
}

/* let the guest write its tables itself */
static inline pvn_s64 pvn_mmu_zone_trust(pvn_u32 on)
{
	return pvn_hypercall1(PVN_HC_MMU_ZONE_TRUST, on);
}

/* name the address space that may write kernel text */
static inline pvn_s64 pvn_mmu_poke_space(pvn_u64 table)
{
	return pvn_hypercall1(PVN_HC_MMU_POKE_SPACE, table);
}

/* let another vCPU run */
static inline pvn_s64 pvn_sched_yield(void)
{
	return pvn_hypercall0(PVN_HC_SCHED_YIELD);
}

/* power off, reboot, crash or halt the machine */
static inline pvn_s64 pvn_sched_shutdown(pvn_u32 reason)
{
	return pvn_hypercall1(PVN_HC_SCHED_SHUTDOWN, reason);
}

/* sleep until an event or an interrupt is pending */
static inline pvn_s64 pvn_sched_block(void)
{
	return pvn_hypercall0(PVN_HC_SCHED_BLOCK);
}

/* nanoseconds since the machine started */
static inline pvn_s64 pvn_time_clock(void)
{
	return pvn_hypercall0(PVN_HC_TIME_CLOCK);
}

/* the host's date and time */
static inline pvn_s64 pvn_time_wall_clock(pvn_u64 buffer)
{
	return pvn_hypercall1(PVN_HC_TIME_WALL_CLOCK, buffer);
}

/* make an event port pending at a moment */
static inline pvn_s64 pvn_time_timer_set(pvn_u64 deadline, pvn_u32 port)
{
	return pvn_hypercall2(PVN_HC_TIME_TIMER_SET, deadline, port);
}

/* stop the calling vCPU's timer */
static inline pvn_s64 pvn_time_timer_stop(void)
{
	return pvn_hypercall0(PVN_HC_TIME_TIMER_STOP);
}

/* give a vCPU its first context */
static inline pvn_s64 pvn_vcpu_create(pvn_u32 vcpu, pvn_u64 context)
{
	return pvn_hypercall2(PVN_HC_VCPU_CREATE, vcpu, context);
}

/* let a vCPU run */
static inline pvn_s64 pvn_vcpu_up(pvn_u32 vcpu)
{
	return pvn_hypercall1(PVN_HC_VCPU_UP, vcpu);
}

/* take a vCPU down */
static inline pvn_s64 pvn_vcpu_down(pvn_u32 vcpu)
{
	return pvn_hypercall1(PVN_HC_VCPU_DOWN, vcpu);
}

/* is a vCPU up */
static inline pvn_s64 pvn_vcpu_status(pvn_u32 vcpu)
{
	return pvn_hypercall1(PVN_HC_VCPU_STATUS, vcpu);
}

/* send an interrupt vector to vCPUs */
static inline pvn_s64 pvn_vcpu_kick(pvn_u64 vcpus, pvn_u32 vector)
{
	return pvn_hypercall2(PVN_HC_VCPU_KICK, vcpus, vector);
}

/* send a non-maskable interrupt to a vCPU */
static inline pvn_s64 pvn_vcpu_nmi(pvn_u32 vcpu)
{
	return pvn_hypercall1(PVN_HC_VCPU_NMI, vcpu);
}

/* register a vCPU's shared words */
static inline pvn_s64 pvn_vcpu_info_register(pvn_u32 vcpu, pvn_u64 page)
{
	return pvn_hypercall2(PVN_HC_VCPU_INFO_REGISTER, vcpu, page);
}

/* share a page of pending and mask bits */
static inline pvn_s64 pvn_event_page_register(pvn_u64 page)
{
	return pvn_hypercall1(PVN_HC_EVENT_PAGE_REGISTER, page);
}

/* stop sharing the event page */
static inline pvn_s64 pvn_event_page_unregister(void)
{
	return pvn_hypercall0(PVN_HC_EVENT_PAGE_UNREGISTER);
}

/* interrupt vector by which a vCPU hears of its events */
static inline pvn_s64 pvn_event_upcall_set(pvn_u32 vcpu, pvn_u32 vector)
{
	return pvn_hypercall2(PVN_HC_EVENT_UPCALL_SET, vcpu, vector);
}

/* open an event port */
static inline pvn_s64 pvn_event_alloc(pvn_u32 vcpu)
{
	return pvn_hypercall1(PVN_HC_EVENT_ALLOC, vcpu);
}

/* move a port to another vCPU */
static inline pvn_s64 pvn_event_bind(pvn_u32 port, pvn_u32 vcpu)
{
	return pvn_hypercall2(PVN_HC_EVENT_BIND, port, vcpu);
}

/* make a port pending */
static inline pvn_s64 pvn_event_send(pvn_u32 port)
{
	return pvn_hypercall1(PVN_HC_EVENT_SEND, port);
}

/* close a port */
static inline pvn_s64 pvn_event_close(pvn_u32 port)
{
	return pvn_hypercall1(PVN_HC_EVENT_CLOSE, port);
}

/* keep a port from raising upcalls */
static inline pvn_s64 pvn_event_mask(pvn_u32 port)
{
	return pvn_hypercall1(PVN_HC_EVENT_MASK, port);
}

/* let a port raise upcalls again */
static inline pvn_s64 pvn_event_unmask(pvn_u32 port)
{
	return pvn_hypercall1(PVN_HC_EVENT_UNMASK, port);
}

/* what a port is */
static inline pvn_s64 pvn_event_status(pvn_u32 port)
{
	return pvn_hypercall1(PVN_HC_EVENT_STATUS, port);
}

/* what a PV device is, and how it is */
static inline pvn_s64 pvn_ring_info(pvn_u32 device, pvn_u64 info)
{
	return pvn_hypercall2(PVN_HC_RING_INFO, device, info);
}

/* start all queues of a device */
static inline pvn_s64 pvn_ring_attach(pvn_u32 device, pvn_u64 attach)
{
	return pvn_hypercall2(PVN_HC_RING_ATTACH, device, attach);
}

/* stop a device and forget its rings */
static inline pvn_s64 pvn_ring_detach(pvn_u32 device)
{
	return pvn_hypercall1(PVN_HC_RING_DETACH, device);
}

/* finish what was accepted, accept no more */
static inline pvn_s64 pvn_ring_quiesce(pvn_u32 device)
{
	return pvn_hypercall1(PVN_HC_RING_QUIESCE, device);
}

/* go on with the same rings */
static inline pvn_s64 pvn_ring_resume(pvn_u32 device)
{
	return pvn_hypercall1(PVN_HC_RING_RESUME, device);
}

/* ring a queue's doorbell */
static inline pvn_s64 pvn_ring_notify(pvn_u32 device, pvn_u32 queue)
{
	return pvn_hypercall2(PVN_HC_RING_NOTIFY, device, queue);
}

/* read a word of a device's register file */
static inline pvn_s64 pvn_ring_register_read(pvn_u32 device, pvn_u32 offset)
{
	return pvn_hypercall2(PVN_HC_RING_REGISTER_READ, device, offset);
}

/* write bytes to the machine's console */
static inline pvn_s64 pvn_console_write(pvn_u64 text, pvn_u32 bytes)
{
	return pvn_hypercall2(PVN_HC_CONSOLE_WRITE, text, bytes);
}

/* read bytes typed at the machine's console */
static inline pvn_s64 pvn_console_read(pvn_u64 buffer, pvn_u32 bytes)
{
	return pvn_hypercall2(PVN_HC_CONSOLE_READ, buffer, bytes);
}

/* the guest's memory map */
static inline pvn_s64 pvn_memory_map(pvn_u64 ranges, pvn_u32 room)
{
	return pvn_hypercall2(PVN_HC_MEMORY_MAP, ranges, room);
}

/* give pages back to the host */
static inline pvn_s64 pvn_memory_release(pvn_u64 start, pvn_u64 bytes)
{
	return pvn_hypercall2(PVN_HC_MEMORY_RELEASE, start, bytes);
}

/* have the host back pages with memory now */
static inline pvn_s64 pvn_memory_populate(pvn_u64 start, pvn_u64 bytes)
{
	return pvn_hypercall2(PVN_HC_MEMORY_POPULATE, start, bytes);
}

/* a line in the host's log */
static inline pvn_s64 pvn_debug_log(pvn_u64 text, pvn_u32 bytes)
{
	return pvn_hypercall2(PVN_HC_DEBUG_LOG, text, bytes);
}

/* stop the machine with a message */
static inline pvn_s64 pvn_debug_crash(pvn_u64 text, pvn_u32 bytes)
{
	return pvn_hypercall2(PVN_HC_DEBUG_CRASH, text, bytes);
}

/* note a moment in the host's statistics */
static inline pvn_s64 pvn_debug_mark(pvn_u32 id, pvn_u64 value)
{
	return pvn_hypercall2(PVN_HC_DEBUG_MARK, id, value);
}

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_HYPERCALL_PROTO_H */
