// SPDX-License-Identifier: GPL-2.0-only
/* ACPI fixed hardware: power button, power-off, reset, and the clock that it holds. */
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/acpi.h"
#include "../../hv-core/vmm/devices/emulated/emulated.h"
#include "fake_machine.h"

#define PWRBTN 0x100
#define SLP_EN 0x2000
#define S5 (ACPI_SLP_TYP_S5 << 10)

FIXTURE(pm)
{
	struct fake_machine *f;
	struct acpi_pm *pm;
};

FIXTURE_SETUP(pm)
{
	self->f = fake_machine_create(1 << 20);
	ASSERT_NE(NULL, self->f);
	ASSERT_EQ(0, acpi_pm_create(&self->f->m, &self->pm));
}

FIXTURE_TEARDOWN(pm)
{
	acpi_pm_destroy(self->pm);
	fake_machine_destroy(self->f);
}

static uint32_t in(FIXTURE_DATA(pm) *t, uint16_t port, unsigned int size)
{
	return fake_pio_read(t->f, port, size);
}

static void out(FIXTURE_DATA(pm) *t, uint16_t port, unsigned int size, uint32_t v)
{
	fake_pio_write(t->f, port, size, v);
}

TEST_F(pm, acpi_mode_from_the_start)
{
	EXPECT_EQ(1u, in(self, ACPI_PM1_CNT, 2));
	out(self, ACPI_PM1_CNT, 2, 0);
	EXPECT_EQ(1u, in(self, ACPI_PM1_CNT, 2));
	EXPECT_EQ(0u, in(self, ACPI_PM1_EVT, 4));
}

TEST_F(pm, power_button)
{
	out(self, ACPI_PM1_EVT + 2, 2, PWRBTN);
	EXPECT_EQ(0, self->f->irq_level[ACPI_SCI_GSI]);
	acpi_pm_press_power_button(self->pm);
	EXPECT_EQ(1, self->f->irq_level[ACPI_SCI_GSI]);
	EXPECT_EQ((unsigned int)PWRBTN, in(self, ACPI_PM1_EVT, 2));
	/* Zeroes clear nothing, a one clears. */
	out(self, ACPI_PM1_EVT, 2, 0xfeff);
	EXPECT_EQ(1, self->f->irq_level[ACPI_SCI_GSI]);
	out(self, ACPI_PM1_EVT, 2, PWRBTN);
	EXPECT_EQ(0, self->f->irq_level[ACPI_SCI_GSI]);
	EXPECT_EQ(0u, in(self, ACPI_PM1_EVT, 2));
	/* Handled: enabling again brings nothing back. */
	out(self, ACPI_PM1_EVT + 2, 2, 0);
	out(self, ACPI_PM1_EVT + 2, 2, PWRBTN);
	EXPECT_EQ(0, self->f->irq_level[ACPI_SCI_GSI]);
}

/* A guest that boots clears old status before it enables the button: the press must reach it all the same. */
TEST_F(pm, press_during_boot_is_kept)
{
	acpi_pm_press_power_button(self->pm);
	EXPECT_EQ(0, self->f->irq_level[ACPI_SCI_GSI]);
	out(self, ACPI_PM1_EVT, 2, PWRBTN);
	EXPECT_EQ(0u, in(self, ACPI_PM1_EVT, 2));
	out(self, ACPI_PM1_EVT + 2, 2, PWRBTN);
	EXPECT_EQ(1, self->f->irq_level[ACPI_SCI_GSI]);
}

TEST_F(pm, narrow_and_wide_accesses)
{
	out(self, ACPI_PM1_EVT, 4, PWRBTN << 16);
	EXPECT_EQ((unsigned int)PWRBTN, in(self, ACPI_PM1_EVT + 2, 2));
	EXPECT_EQ(1u, in(self, ACPI_PM1_EVT + 3, 1));
	acpi_pm_press_power_button(self->pm);
	out(self, ACPI_PM1_EVT, 1, 0xff);
	EXPECT_EQ(1u, in(self, ACPI_PM1_EVT + 1, 1));
	out(self, ACPI_PM1_EVT + 1, 1, 0x01);
	EXPECT_EQ(0u, in(self, ACPI_PM1_EVT, 2));
	/* Unused event bits can't be enabled. */
	out(self, ACPI_PM1_EVT + 2, 2, 0xffff);
	EXPECT_EQ(0x721u, in(self, ACPI_PM1_EVT + 2, 2));
}

TEST_F(pm, power_off)
{
	/* Type first, then type and enable, as Linux does. */
	out(self, ACPI_PM1_CNT, 2, S5);
	EXPECT_EQ(0u, self->f->nr_stops);
	EXPECT_EQ(S5 | 1u, in(self, ACPI_PM1_CNT, 2));
	out(self, ACPI_PM1_CNT, 2, S5 | SLP_EN);
	EXPECT_EQ(1u, self->f->nr_stops);
	EXPECT_EQ(STOP_POWEROFF, self->f->stop_reason);
	/* The enable bit reads as zero. */
	EXPECT_EQ(S5 | 1u, in(self, ACPI_PM1_CNT, 2));
}

TEST_F(pm, power_off_by_bytes)
{
	out(self, ACPI_PM1_CNT + 1, 1, (S5 | SLP_EN) >> 8);
	EXPECT_EQ(STOP_POWEROFF, self->f->stop_reason);
}

TEST_F(pm, other_sleep_states_do_nothing)
{
	for (unsigned int typ = 0; typ < 8; typ++)
		if (typ != ACPI_SLP_TYP_S5)
			out(self, ACPI_PM1_CNT, 2, typ << 10 | SLP_EN);
	EXPECT_EQ(0u, self->f->nr_stops);
}

TEST_F(pm, reset)
{
	out(self, ACPI_RESET_PORT, 1, 0x02);
	EXPECT_EQ(0u, self->f->nr_stops);
	out(self, ACPI_RESET_PORT, 1, ACPI_RESET_VALUE);
	EXPECT_EQ(STOP_RESET, self->f->stop_reason);
}

/* There is no configuration mechanism at 0xcf8: a probe of it must neither reset nor find anything. */
TEST_F(pm, no_configuration_ports)
{
	out(self, 0xcf8, 4, 0x80000600);
	EXPECT_EQ(0xffffffffu, in(self, 0xcf8, 4));
	EXPECT_EQ(0u, self->f->nr_stops);
}

TEST_F(pm, timer_runs_at_its_rate)
{
	uint64_t t0 = loop_now_ns(), t1;
	uint32_t c0 = in(self, ACPI_PM_TMR, 4), c1;
	double ticks;

	usleep(50000);
	c1 = in(self, ACPI_PM_TMR, 4);
	t1 = loop_now_ns();
	ticks = (double)(t1 - t0) * 3579545 / 1e9;
	EXPECT_LE(c1 - c0, ticks + 2);
	/* The reads lie within [t0, t1]: what a busy machine puts between them only makes the count smaller. */
	EXPECT_GE(c1 - c0, 50000 * 3.579545 - 2);
	/* Read by bytes it is the same counter. */
	EXPECT_LE(in(self, ACPI_PM_TMR + 3, 1), 1u);
	/* It can't be written. */
	out(self, ACPI_PM_TMR, 4, 0);
	EXPECT_GE(in(self, ACPI_PM_TMR, 4), c1);
}

TEST_HARNESS_MAIN
