/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's image inside the program that loads it: the two are built together and can't be of different versions. */
	.section .rodata
	.globl	monitor_image, monitor_image_end
	.balign	4096
monitor_image:
	.incbin	"monitor.bin"
monitor_image_end:
	.section .note.GNU-stack, "", @progbits
