/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a vCPU still use what another one had it forget? Each of two may change the one entry and have both flush, or find
 * by stamps alone that both have; be away (asleep, in a call of the VMM's) and come back; rest on no table of the
 * guest's and come up; make memory zone, which waits for the other to flush itself; and write to memory that it has
 * found to be no zone. Hardware walks whenever it likes, from wherever a table of the guest's is loaded
 * (hv-core/monitor/vcpu.c, mmu_space.c).
 *
 * Stores are seen in the order of the program: every word here is written and read by locked instructions on x86.
 *
 * tests/monitor/flush_model checks it as it is, which must pass, and changed, which must fail:
 *	-DLOOK_FIRST	who asks looks whether the other is away before it has asked
 *	-DBACK_FIRST	who comes back looks for requests before it says so
 *	-DCLEAR_LAST	a request is taken off when the flush is over, with what has come meanwhile
 *	-DTIME_FIRST	a flush's time is taken before the entry is changed
 *	-DPROMISE_ANYWAY	the other's flush is taken for certain without a look whether it is away
 *	-DUP_LAST	who comes up is on a table of the guest's before it counts as one that is
 *	-DNO_POKE	nobody interrupts the other
 *	-DNO_ANSWER	who waits answers nobody
 *	-DZONE_LAZY	the zone does not wait for one that is away
 *	-DANSWER_HELD	a request is answered between the look at the zone and the write
 */
#define ACTS(cpu) (1 + cpu)
#define NONE 255
#define RESTS 250

byte current, gone;	/* versions of the entry: what is there; none below this may be used by anyone */
byte clock = 1;
byte flushed[2] = 1;
byte promised[2];
byte cached[2] = NONE;	/* the version */
bool loaded[2] = true;	/* a table of the guest's is */
bool guest[2];		/* at level 3 */
bool asked[2], away[2], poked[2], finished[2];
bool lock, zone;
bool writes[2];		/* has seen that memory is no zone, and has not written yet */

#define SAFE(cpu) (!guest[cpu] || cached[cpu] == NONE || cached[cpu] >= gone)
#define OVER (finished[0] && finished[1])

proctype hardware(byte me)
{
end:	do
	:: atomic { loaded[me] && cached[me] == NONE -> cached[me] = current }
	:: OVER -> break
	od
}

inline flush_self() {
	atomic { clock++; mine = clock }
	cached[me] = NONE;
	flushed[me] = mine
}

inline answer() {
	if
	:: asked[me] ->
#ifndef CLEAR_LAST
		asked[me] = false;
#endif
		flush_self();
#ifdef CLEAR_LAST
		asked[me] = false
#endif
	:: else
	fi
}

/* What may happen while it waits. */
#ifdef NO_ANSWER
#define ASKED false
#else
#define ASKED asked[me]
#endif

/* Nothing older than version may be used from here on. */
inline is_gone(version) {
	d_step {
		if
		:: version > gone -> gone = version
		:: else
		fi;
		assert(SAFE(0) && SAFE(1))
	}
}

inline promise() {
	atomic {
		if
		:: promised[other] < time -> promised[other] = time
		:: else
		fi
	}
}

inline poke() {
#ifndef NO_POKE
	poked[other] = true
#else
	skip
#endif
}

/* Have the other flush. itself: away is not enough. */
inline flush_other(itself) {
#ifndef TIME_FIRST
	atomic { clock++; time = clock }
#endif
#ifdef LOOK_FIRST
	saw = away[other];
	asked[other] = true;
#else
	asked[other] = true;
	saw = away[other];
#endif
#ifdef PROMISE_ANYWAY
	saw = true;
#endif
	if
	:: flushed[other] >= time
	:: else ->
		if
		:: saw && !itself -> promise()
		:: else ->
			poke();
			do
			:: flushed[other] >= time -> break
			:: !itself && away[other] -> promise(); break
			:: ASKED -> answer()
			od
		fi
	fi
}

#define QUIET(cpu) (flushed[cpu] > stamp || promised[cpu] > stamp)

inline change() {
#ifdef TIME_FIRST
	atomic { clock++; time = clock }
#endif
	atomic { current++; version = current }
	stamp = clock
}

inline back() {
#ifdef BACK_FIRST
	answer();
	away[me] = false
#else
	away[me] = false;
	answer()
#endif
}

inline rest() {
	loaded[me] = false;
	cached[me] = NONE;
	flushed[me] = RESTS;
	away[me] = true;
	/* Up again. */
	atomic { clock++; mine = clock }
#ifdef UP_LAST
	loaded[me] = true;
	flushed[me] = mine;
#else
	flushed[me] = mine;
	loaded[me] = true;
#endif
	back()
}

inline add_zone() {
	do
	:: atomic { !lock -> lock = true; break }
	:: ASKED -> answer()
	od;
	zone = true;
	flush_self();
#ifdef ZONE_LAZY
	flush_other(false);
#else
	flush_other(true);
#endif
	/* From here on the monitor trusts what is there. */
	assert(!writes[other]);
	zone = false;
	lock = false
}

inline write() {
	if
	:: !zone ->
		atomic { writes[me] = !zone }
#ifdef ANSWER_HELD
		answer();
#endif
		writes[me] = false
	:: else
	fi
}

inline call() {
	if
	:: change(); flush_self(); flush_other(false); is_gone(version)
	:: change(); flush_self();
		if
		:: QUIET(0) && QUIET(1) -> is_gone(version)
		:: else
		fi
	:: away[me] = true; back()
	:: away[me] = true; write(); back()
	:: true -> rest()
	:: true -> add_zone()
	:: true -> write()
	fi
}

/* To level 3, where an interrupt that waits comes before anything else. */
inline leave() {
	do
	:: atomic { !poked[me] -> guest[me] = true; assert(SAFE(me)); break }
	:: atomic { poked[me] -> poked[me] = false }
		answer()
	od
}

proctype cpu(byte me)
{
	byte acts, time, mine, version, stamp, other = 1 - me;
	bool saw;

	do
	:: acts == ACTS(me) -> break
	:: else ->
		leave();
		guest[me] = false;
		call();
		/* What is not needed any more makes no states of its own. */
		d_step { time = 0; mine = 0; version = 0; stamp = 0; saw = false; acts++ }
	od;
	leave();
	finished[me] = true;
	do
	:: poked[me] -> guest[me] = false; leave()
	:: OVER -> break
	od
}

/* Nobody gets on: they wait for each other. */
proctype watch()
{
	do
	:: OVER -> break
	:: timeout -> assert(OVER); break
	od
}

init {
	atomic {
		run hardware(0);
		run hardware(1);
		run cpu(0);
		run cpu(1);
		run watch()
	}
}
