/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When must what waits in lazy MMU mode have been sent? Two tasks each take an entry away or take the right to write from
 * it, under the table's lock and in lazy mode, as munmap and fork do; hardware walks through the entry, keeps what it
 * found, and notes writes in it; an interrupt changes another entry; a task may be moved to another CPU
 * (arch/x86/paravane/queue.c and tables.c of the guest's patches). Then
 *
 *	- a page is freed once, and no CPU has it cached then or later;
 *	- a page that was written to is known to be dirty when it is freed;
 *	- the interrupt's change is not lost.
 *
 * tests/monitor/batch_model checks it as it is, which must pass, and changed, which must fail:
 *	-DFLUSH_FIRST	the flush comes before what waits is sent
 *	-DUNLOCK_FIRST	the lock is given up before
 *	-DALL_WAIT	what a dirty bit may still come to is taken away later, too
 *	-DSET_INSTEAD	the right to write is taken by a store of what was read, not by a mask
 *	-DSWITCH_KEEPS	what waits stays with the CPU that the task leaves
 *	-DINTERRUPT_WAITS	interrupts put theirs into the same queue
 */
#define TASKS 2
#define CPUS 3		/* the last is where the first task may go */
#define ROOM 3

mtype = { NONE, CLEAR, PROTECT, OTHER };

bool present = true, writable = true, dirty;
bool written, known_dirty, freed, cached[2];
bool locked, asked, answered;	/* the interrupt: what it wants, what has happened */
byte lazy = CPUS;		/* the CPU whose task is in lazy mode */

typedef queue {
	mtype waits[ROOM];
	byte n
}
queue q[CPUS];

proctype hardware(byte me)
{
end:	do
	:: atomic { present -> assert(!freed); cached[me] = true }
	:: atomic { present && writable && !dirty -> dirty = true; written = true }
	od
}

inline apply(what)
{
	if
	:: what == CLEAR -> present = false
#ifdef SET_INSTEAD
	:: what == PROTECT -> writable = false; dirty = old_dirty
#else
	:: what == PROTECT -> writable = false
#endif
	:: what == OTHER -> answered = true
	:: else
	fi
}

inline drain(cpu)
{
	at = 0;
	do
	:: at < q[cpu].n -> atomic { apply(q[cpu].waits[at]); at++ }
	:: else -> break
	od;
	q[cpu].n = 0
}

/* An interrupt runs to its end before its CPU goes on. */
proctype interrupt()
{
end:	atomic {
		lazy < CPUS;
		asked = true;
#ifdef INTERRUPT_WAITS
		q[lazy].waits[q[lazy].n] = OTHER;
		q[lazy].n++
#else
		answered = true
#endif
	}
}

inline append(cpu, what)
{
	at = q[cpu].n;
	q[cpu].waits[at] = what;
	q[cpu].n = at + 1
}

inline flush()
{
	cached[0] = false;
	cached[1] = false
}

proctype task(byte me)
{
	byte cpu = me, at;
	bool old_present, old_writable, old_dirty, mine;

	atomic { !locked -> locked = true; lazy = cpu }
	atomic { old_present = present; old_writable = writable; old_dirty = dirty }
	if
	:: old_present ->
		if
		:: append(cpu, PROTECT)
		:: mine = true;
			if
#ifndef ALL_WAIT
			:: old_writable && !old_dirty ->
				drain(cpu);
				atomic { old_dirty = dirty; present = false }
			:: else ->
#else
			:: true ->
#endif
				append(cpu, CLEAR)
			fi
		fi
	:: else
	fi;
	if
	:: me == 0 ->
#ifndef SWITCH_KEEPS
		drain(cpu);
#endif
		atomic { cpu = CPUS - 1; lazy = cpu }
	:: true
	fi;
	known_dirty = known_dirty || (mine && old_dirty);
#ifdef FLUSH_FIRST
	flush();
#endif
#ifdef UNLOCK_FIRST
	atomic { lazy = CPUS; locked = false }
	drain(cpu);
#else
	lazy = CPUS;
	drain(cpu);
	locked = false;
#endif
	assert(!asked || answered);
#ifndef FLUSH_FIRST
	flush();
#endif
	if
	:: mine -> atomic {
			assert(!freed && !cached[0] && !cached[1]);
			assert(!written || known_dirty);
			freed = true
		}
	:: else
	fi
}

init {
	atomic {
		run hardware(0);
		run hardware(1);
		run interrupt();
		run task(0);
		run task(1)
	}
}
