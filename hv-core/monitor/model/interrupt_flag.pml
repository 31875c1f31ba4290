/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can an interrupt be lost, or a vCPU sleep over one? The guest turns its virtual flag on and then looks at `pending`;
 * the monitor keeps an interrupt, sets `pending`, and delivers it when the flag is on (hv-core/monitor/interrupt.c). To
 * sleep, the monitor looks at what waits and halts, with real interrupts off in between.
 *
 * One vCPU: what the monitor does for an interrupt is atomic to the guest, which it interrupts between any two of its
 * steps; the guest's own steps are single loads and stores. Two vectors, so that one can come while another waits.
 *
 * tests/monitor/interrupt_model checks it as it is, which must pass, and changed, which must fail:
 *	-DLOOK_FIRST	the guest looks at pending before it turns the flag on
 *	-DNO_LOOK	the guest does not look
 *	-DNOT_PENDING	the monitor keeps an interrupt and does not say so
 *	-DALL_DONE	with one interrupt delivered, pending is cleared whatever else waits
 *	-DOPEN_SLEEP	real interrupts are on between the look at what waits and the halt
 *	-DNO_RETURN	a return that turns the flag on delivers nothing
 */
#define ROUNDS 2
#define RAISES(vector) (2 - vector)

bool flag, pending;
bool kept[2];
bool real_on = true;	/* the hardware's flag */
bool in_monitor, asleep, done;
byte handlers;		/* that run, one inside the other */

#define WAITS (kept[0] || kept[1])

inline deliver(vector) {
	kept[vector] = false;
#ifdef ALL_DONE
	pending = false;
#else
	pending = WAITS;
#endif
	assert(flag);
	flag = false;
	handlers++
}

/* What each return to the guest ends with: the highest first, which turns the flag off. */
inline resume() {
	if
	:: flag && kept[1] -> deliver(1)
	:: flag && !kept[1] && kept[0] -> deliver(0)
	:: else
	fi
}

inline keep(vector) {
	kept[vector] = true;
#ifndef NOT_PENDING
	pending = true
#endif
}

proctype device(byte vector)
{
	byte raised;

	do
	:: done || raised == RAISES(vector) -> break
	:: atomic { real_on && !in_monitor -> keep(vector); resume(); raised++ }
	/* In the monitor it is only kept; a halt ends, and real interrupts are off again. */
	:: atomic { real_on && in_monitor -> keep(vector); asleep = false; real_on = false; raised++ }
	od
}

/* Handlers are guest code: interrupts are held back until they return, and their return turns the flag on. */
proctype handler()
{
	do
	:: done -> break
	:: atomic {
		handlers > 0 && !in_monitor ->
		/* What a handler that turns the flag on by itself goes by. */
		assert(flag || pending == WAITS);
		handlers--;
		flag = true;
#ifndef NO_RETURN
		resume()
#endif
	}
	od
}

/* A step of the guest's own: no handler runs. */
#define STEP handlers == 0 ->

proctype guest()
{
	bool saw;
	byte rounds;

	do
	:: rounds == ROUNDS -> break
	:: else ->
		atomic { STEP flag = false }
		if
		:: true ->
			/* STI */
#ifdef LOOK_FIRST
			atomic { STEP saw = pending }
			atomic { STEP flag = true }
#else
			atomic { STEP flag = true }
			atomic { STEP saw = pending }
#endif
#ifndef NO_LOOK
			if
			:: saw -> atomic { STEP resume() }
			:: else
			fi
#endif
		:: true ->
			/* sched.block */
			atomic { STEP in_monitor = true; real_on = false; flag = true }
			do
			:: WAITS -> break
			:: else ->
#ifdef OPEN_SLEEP
				real_on = true;
				assert(!WAITS);
				atomic { asleep = true }
#else
				atomic { real_on = true; asleep = true }
#endif
				assert(!(asleep && WAITS));
				/* Nothing else will come: the machine is idle, and that is an end. */
				if
				:: !asleep
				:: timeout -> goto over
				fi;
				real_on = false
			od;
			atomic { in_monitor = false; real_on = true; resume() }
		fi;
		/* With the flag on and no handler at work, nothing waits. */
		atomic { STEP assert(flag && !WAITS && !pending) }
		rounds++
	od;
over:	assert(!(asleep && WAITS));
	done = true
}

init {
	atomic {
		run device(0);
		run device(1);
		run handler();
		run guest()
	}
}
