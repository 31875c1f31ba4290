/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Both suppression protocols of the ring at once, on a machine whose stores are delayed: each side's stores go
 * through a first-in-first-out buffer (total store order, as x86 has it) that another process empties at any time.
 *
 * The guest submits ENTRIES, never more than ROOM in flight, in batches of 1 or 2, and sleeps on the interrupt when
 * it has nothing to do; the host accepts, completes in batches of 1 or more, and sleeps on the doorbell. What it has
 * shown it notifies of at any later time, but before it sleeps, unless the guest has taken all of it by then. Indices
 * run modulo 8, so every one wraps. A lost wake-up is a deadlock, which the checker reports as an invalid end state.
 *
 * tests/ring/ring_model checks it as it is, which must pass, and with each barrier removed in turn, which must fail:
 *	-DNO_GUEST_PUBLISH_MB -DNO_HOST_ARM_MB -DNO_HOST_PUBLISH_MB -DNO_GUEST_ARM_MB
 * with the second look after arming left out: -DNO_HOST_RECHECK -DNO_GUEST_RECHECK
 * and with a host that sleeps on what it has not notified of: -DNO_HOST_NOTIFY
 */
#define ENTRIES 9
#define ROOM 2
#define MOD(x) ((x) & 7)
/* pvn_ring_passed() */
#define PASSED(event, now, old) (MOD((now) - (event) - 1) < MOD((now) - (old)))

byte sq_tail, sq_event, cq_tail, cq_head, cq_event = 7; /* shared memory; the host counts as armed, the guest not */
bool doorbell, interrupt;                      /* eventfds: signals merge, none is lost */

#define SQ_TAIL 0
#define SQ_EVENT 1
#define CQ_TAIL 2
#define CQ_EVENT 3
#define CQ_HEAD 4
chan guest_stores = [2] of { byte, byte };
chan host_stores = [2] of { byte, byte };
bool guest_done, host_done;

inline to_memory(which, value)
{
	if
	:: which == SQ_TAIL -> sq_tail = value
	:: which == SQ_EVENT -> sq_event = value
	:: which == CQ_TAIL -> cq_tail = value
	:: which == CQ_EVENT -> cq_event = value
	:: which == CQ_HEAD -> cq_head = value
	fi
}

proctype drain(chan stores; byte side)
{
	byte which, value;

end:	do
	:: atomic { stores?which, value -> to_memory(which, value) }
	od
}

/* A full barrier: all earlier stores are in memory before any later load. */
#define MB(stores) empty(stores)

proctype guest()
{
	byte filled, published, popped, tail, event, n, submitted, completed;

	do
	:: completed == ENTRIES -> break
	:: else ->
		n = 0;
		/* Fill one or two, as room and chance will. */
		do
		:: n < 2 && submitted < ENTRIES && submitted - completed < ROOM ->
			filled = MOD(filled + 1);
			submitted++;
			n++
		:: n > 0 || submitted == ENTRIES || submitted - completed == ROOM -> break
		od;
		if
		:: n > 0 ->
			guest_stores!SQ_TAIL, filled;
#ifndef NO_GUEST_PUBLISH_MB
			MB(guest_stores);
#endif
			event = sq_event;
			if
			:: PASSED(event, filled, published) -> MB(guest_stores); doorbell = true
			:: else
			fi;
			published = filled
		:: else
		fi;
		tail = cq_tail;
		if
		:: tail != popped ->
			completed = completed + MOD(tail - popped);
			popped = tail;
			guest_stores!CQ_HEAD, popped;
			assert(completed <= submitted)
		:: tail == popped && n == 0 ->
			/* Arm, look again, sleep. */
			guest_stores!CQ_EVENT, popped;
#ifndef NO_GUEST_ARM_MB
			MB(guest_stores);
#endif
			tail = cq_tail;
			if
#ifndef NO_GUEST_RECHECK
			:: tail != popped
			:: tail == popped ->
#else
			:: true ->
#endif
				interrupt -> interrupt = false;
				/* Polls on with or without disarming. */
				if
				:: guest_stores!CQ_EVENT, MOD(popped - 1)
				:: true
				fi
			fi
		:: tail == popped && n > 0
		fi;
		d_step { tail = 0; event = 0 }
	od;
	guest_done = true
}

proctype host()
{
	byte popped, pushed, shown, notified, tail, event, taken, in_flight, done;
	bool quiet; /* something was shown that was neither notified of nor taken */

	do
	:: done == ENTRIES && !quiet -> break
	:: else ->
		tail = sq_tail;
		d_step {
			taken = MOD(tail - popped);
			assert(in_flight + taken <= ROOM);
			in_flight = in_flight + taken;
			popped = tail
		}
		/* Complete any number of those in flight, at least one if nothing was taken. */
		do
		:: in_flight > 0 ->
			d_step {
				in_flight--;
				pushed = MOD(pushed + 1);
				done++
			}
		:: in_flight == 0 || taken > 0 -> break
		od;
		if
		:: pushed != shown -> host_stores!CQ_TAIL, pushed; shown = pushed; quiet = true
		:: else
		fi;
		/* pvn_ring_host_unseen(): of what the guest has taken it needs to hear nothing. */
		if
		:: quiet ->
			tail = cq_head;
			d_step {
				notified = (MOD(tail - notified) <= MOD(shown - notified) -> tail : notified);
				quiet = tail != shown
			}
		:: else
		fi;
		if
		:: quiet ->
#ifndef NO_HOST_PUBLISH_MB
			MB(host_stores);
#endif
			event = cq_event;
			if
			:: PASSED(event, shown, notified) -> MB(host_stores); interrupt = true
			:: else
			fi;
			d_step { notified = shown; quiet = false }
#ifndef NO_HOST_NOTIFY
		:: quiet
		:: !quiet && taken == 0 && in_flight == 0 && done < ENTRIES ->
#else
		:: taken == 0 && in_flight == 0 && done < ENTRIES ->
#endif
			host_stores!SQ_EVENT, popped;
#ifndef NO_HOST_ARM_MB
			MB(host_stores);
#endif
			tail = sq_tail;
			if
#ifndef NO_HOST_RECHECK
			:: tail != popped
			:: tail == popped ->
#else
			:: true ->
#endif
				doorbell -> doorbell = false;
				if
				:: host_stores!SQ_EVENT, MOD(popped - 1)
				:: true
				fi
			fi
		:: !quiet && (taken > 0 || in_flight > 0 || done == ENTRIES)
		fi;
		/* Nothing that a later round depends on: fewer states. */
		d_step { tail = 0; event = 0; taken = 0 }
	od;
	host_done = true
}

init
{
	atomic {
		run drain(guest_stores, 0);
		run drain(host_stores, 1);
		run guest();
		run host()
	}
	/* Both must get here; the checker counts a state that cannot move on as an error. */
	guest_done && host_done
}
