/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When may a frame that was a page table become one of another kind? Two CPUs walk through an entry that names the
 * frame, and keep what they found; both flush from time to time. A third party, in the monitor on whatever CPU, takes
 * the entry away, stamps the frame, and waits until all CPUs have a flush behind them that is younger than the stamp
 * (hv-core/monitor/mmu_space.c). Then no CPU may still have the frame cached as what it was.
 *
 * Stores are seen in the order of the program: the lock's and the clock's operations are locked instructions on x86,
 * and the write of CR3 serialises.
 *
 * tests/monitor/mmu_model checks it as it is, which must pass, and changed, which must fail:
 *	-DSTAMP_FIRST	the stamp is taken before the entry goes
 *	-DFLUSH_FIRST	the flush comes before the clock's new time is taken
 *	-DFLUSHED_FIRST	the CPU says that it has flushed before it has
 *	-DOLDER_IS_ENOUGH	a flush as old as the stamp counts
 *	-DOWN_CPU_ONLY	nobody asks about the other CPU
 */
#define CPUS 2
#define FLUSHES 3
#define USES 2

byte clock = 1;
byte flushed[CPUS] = 1;
bool named;		/* the entry */
bool cached[CPUS];	/* as the kind of table that it was */
bool done;

/* Hardware walks whenever it likes, and keeps what the entry said. */
proctype walker(byte me)
{
	do
	:: done -> break
	:: atomic { named -> cached[me] = true }
	od
}

proctype cpu(byte me)
{
	byte time, flushes;

	do
	:: done || flushes == FLUSHES -> break
	:: else ->
#ifdef FLUSH_FIRST
		cached[me] = false;
#endif
		atomic { clock++; time = clock }
#ifdef FLUSHED_FIRST
		flushed[me] = time;
#endif
#ifndef FLUSH_FIRST
		cached[me] = false;
#endif
#ifndef FLUSHED_FIRST
		flushed[me] = time;
#endif
		flushes++
	od
}

#ifdef OLDER_IS_ENOUGH
#define QUIET(cpu) (flushed[cpu] >= stamp)
#else
#define QUIET(cpu) (flushed[cpu] > stamp)
#endif
#ifdef OWN_CPU_ONLY
#define ALL_QUIET QUIET(0)
#else
#define ALL_QUIET (QUIET(0) && QUIET(1))
#endif

/* The frame is a table, loses its only use, and is asked for at some later time. Refused, it may be named again. */
proctype monitor()
{
	byte stamp, uses;

	do
	:: uses == USES -> break
	:: else ->
		named = true;
#ifdef STAMP_FIRST
		stamp = clock;
		named = false;
#else
		named = false;
		stamp = clock;
#endif
		if
		:: ALL_QUIET -> assert(!cached[0] && !cached[1])
		:: true
		fi;
		uses++
	od;
	done = true
}

init {
	atomic {
		run walker(0);
		run walker(1);
		run cpu(0);
		run cpu(1);
		run monitor()
	}
}
