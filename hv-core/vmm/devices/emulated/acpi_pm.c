// SPDX-License-Identifier: GPL-2.0-only
/* ACPI fixed hardware: power button, power-off, PM timer, and the reset port. */
#include <errno.h>
#include <stdlib.h>
#include <pthread.h>

#include "../../acpi.h"
#include "emulated.h"

/* PM1 status and enable */
#define PM1_TMR (1u << 0)
#define PM1_GBL (1u << 5)
#define PM1_PWRBTN (1u << 8)
#define PM1_SLPBTN (1u << 9)
#define PM1_RTC (1u << 10)
/*
 * Events that can be enabled. Sleep button and clock alarm never occur, and the FADT says so; but Linux enables the
 * latter all the same, and complains at length when the bit doesn't stick.
 */
#define PM1_EVENTS (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC)

/* PM1 control */
#define CNT_SCI_EN (1u << 0)
#define CNT_BM_RLD (1u << 1)
#define CNT_SLP_TYP_SHIFT 10
#define CNT_SLP_TYP_MASK (7u << CNT_SLP_TYP_SHIFT)
#define CNT_SLP_EN (1u << 13)

#define REG_STS 0
#define REG_EN 2
#define REG_CNT 4
#define REG_TMR 8
#define PM_BYTES 12

#define TMR_HZ 3579545u
#define RESET_GO (1u << 2)

struct acpi_pm {
	struct machine *m;
	struct bus_range pm_range;
	struct bus_range reset_range;
	struct loop_timer overflow;
	pthread_mutex_t lock;
	uint16_t sts;
	uint16_t en;
	uint16_t cnt;
	int sci;
	uint64_t epoch_ns;
	uint64_t halves_seen; /* how often the timer's top bit had changed when the guest last cleared its status */
	/*
	 * The button was pressed and no handler has seen it. A guest clears old status when it installs its
	 * handler: a press during boot would be lost then, and the user's next one is taken for "kill it".
	 */
	bool press_waits;
};

static uint64_t timer_ticks(const struct acpi_pm *pm)
{
	return (unsigned __int128)(loop_now_ns() - pm->epoch_ns) * TMR_HZ / 1000000000;
}

/* All of these run with pm->lock held. */

static void sci_update(struct acpi_pm *pm)
{
	int level = (pm->sts & pm->en & PM1_EVENTS) != 0;

	if (level == pm->sci)
		return;
	pm->sci = level;
	irq_set(pm->m, ACPI_SCI_GSI, level);
}

static void timer_status_update(struct acpi_pm *pm)
{
	if (timer_ticks(pm) >> 31 != pm->halves_seen)
		pm->sts |= PM1_TMR;
}

/* The status bit is worked out when somebody looks; only a guest that wants the interrupt needs a timer. */
static void overflow_arm(struct acpi_pm *pm)
{
	uint64_t next = (timer_ticks(pm) >> 31) + 1;

	if (pm->en & PM1_TMR && !(pm->sts & PM1_TMR))
		loop_timer_set(&pm->overflow, pm->epoch_ns + (((unsigned __int128)next << 31) * 1000000000 / TMR_HZ) + 1);
	else
		loop_timer_set(&pm->overflow, 0);
}

static void status_write(struct acpi_pm *pm, uint16_t ones)
{
	if (ones & PM1_TMR)
		pm->halves_seen = timer_ticks(pm) >> 31;
	if (ones & PM1_PWRBTN && pm->en & PM1_PWRBTN)
		pm->press_waits = false;
	pm->sts &= ~ones;
}

static void enable_write(struct acpi_pm *pm, uint16_t value)
{
	if (value & ~pm->en & PM1_PWRBTN && pm->press_waits)
		pm->sts |= PM1_PWRBTN;
	pm->en = value & PM1_EVENTS;
}

/* True when the guest goes to sleep state S5. */
static bool control_write(struct acpi_pm *pm, uint16_t value)
{
	pm->cnt = value & (CNT_BM_RLD | CNT_SLP_TYP_MASK);
	/* S5 is the only state that the DSDT offers. */
	return value & CNT_SLP_EN && (value & CNT_SLP_TYP_MASK) >> CNT_SLP_TYP_SHIFT == ACPI_SLP_TYP_S5;
}

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct acpi_pm *pm = opaque;
	/* Oversized for an access that starts in the last register. */
	uint8_t reg[PM_BYTES + 8] = { 0 };
	uint64_t value = 0;
	uint32_t ticks;

	/* The one register that a guest may read often, and the only one that needs no lock. */
	if (offset == REG_TMR && size == 4)
		return (uint32_t)timer_ticks(pm);
	pthread_mutex_lock(&pm->lock);
	timer_status_update(pm);
	reg[REG_STS] = pm->sts;
	reg[REG_STS + 1] = pm->sts >> 8;
	reg[REG_EN] = pm->en;
	reg[REG_EN + 1] = pm->en >> 8;
	reg[REG_CNT] = pm->cnt | CNT_SCI_EN;
	reg[REG_CNT + 1] = pm->cnt >> 8;
	pthread_mutex_unlock(&pm->lock);
	ticks = timer_ticks(pm);
	for (unsigned int b = 0; b < 4; b++)
		reg[REG_TMR + b] = ticks >> (8 * b);
	for (unsigned int b = 0; b < size; b++)
		value |= (uint64_t)reg[offset + b] << (8 * b);
	return value;
}

/* One byte lane of a write merged into a 16-bit register's old value. */
static uint16_t lane(uint16_t old, unsigned int reg, unsigned int at, uint8_t byte)
{
	unsigned int shift = 8 * (at - reg);

	return (old & ~(0xffu << shift)) | (uint16_t)(byte << shift);
}

static void pm_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_pm *pm = opaque;
	uint16_t clear = 0, en, cnt;
	bool power_off = false, touched_cnt = false;

	pthread_mutex_lock(&pm->lock);
	timer_status_update(pm);
	en = pm->en;
	cnt = pm->cnt;
	for (unsigned int b = 0; b < size; b++, value >>= 8) {
		unsigned int at = offset + b;

		if (at < REG_EN) {
			clear = lane(clear, REG_STS, at, value);
		} else if (at < REG_CNT) {
			en = lane(en, REG_EN, at, value);
		} else if (at < REG_CNT + 2) {
			cnt = lane(cnt, REG_CNT, at, value);
			touched_cnt = true;
		}
	}
	status_write(pm, clear);
	enable_write(pm, en);
	if (touched_cnt)
		power_off = control_write(pm, cnt);
	overflow_arm(pm);
	sci_update(pm);
	pthread_mutex_unlock(&pm->lock);
	if (power_off)
		machine_stop(pm->m, STOP_POWEROFF, "the guest powered off");
}

static const struct bus_ops pm_ops = { .read = pm_read, .write = pm_write };

static uint64_t reset_read(void *opaque, uint64_t offset, unsigned int size)
{
	return 0;
}

static void reset_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_pm *pm = opaque;

	/* Bit 1 chooses between kinds of reset, of which a virtual machine has one. */
	if (value & RESET_GO)
		machine_stop(pm->m, STOP_RESET, "the guest reset the machine");
}

static const struct bus_ops reset_ops = { .read = reset_read, .write = reset_write };

static void overflowed(void *opaque)
{
	struct acpi_pm *pm = opaque;

	pthread_mutex_lock(&pm->lock);
	timer_status_update(pm);
	overflow_arm(pm);
	sci_update(pm);
	pthread_mutex_unlock(&pm->lock);
}

void acpi_pm_press_power_button(struct acpi_pm *pm)
{
	pthread_mutex_lock(&pm->lock);
	pm->press_waits = true;
	pm->sts |= PM1_PWRBTN;
	sci_update(pm);
	pthread_mutex_unlock(&pm->lock);
}

int acpi_pm_create(struct machine *m, struct acpi_pm **out)
{
	struct acpi_pm *pm = calloc(1, sizeof(*pm));
	int err;

	if (!pm)
		return -ENOMEM;
	pm->m = m;
	pm->epoch_ns = loop_now_ns();
	pthread_mutex_init(&pm->lock, NULL);
	err = loop_timer_init(m->loop, &pm->overflow, overflowed, pm);
	if (err)
		goto free_pm;
	pm->pm_range = (struct bus_range){
		.name = "acpi-pm", .base = ACPI_PM_BASE, .len = PM_BYTES, .ops = &pm_ops, .opaque = pm
	};
	err = bus_add(&m->pio, &pm->pm_range);
	if (err)
		goto destroy_timer;
	pm->reset_range = (struct bus_range){
		.name = "reset", .base = ACPI_RESET_PORT, .len = 1, .ops = &reset_ops, .opaque = pm
	};
	err = bus_add(&m->pio, &pm->reset_range);
	if (err)
		goto remove_pm;
	*out = pm;
	return 0;

remove_pm:
	bus_remove(&m->pio, &pm->pm_range);
destroy_timer:
	loop_timer_destroy(m->loop, &pm->overflow);
free_pm:
	pthread_mutex_destroy(&pm->lock);
	free(pm);
	return err;
}

void acpi_pm_destroy(struct acpi_pm *pm)
{
	if (!pm)
		return;
	bus_remove(&pm->m->pio, &pm->reset_range);
	bus_remove(&pm->m->pio, &pm->pm_range);
	loop_timer_destroy(pm->m->loop, &pm->overflow);
	pthread_mutex_destroy(&pm->lock);
	free(pm);
}
