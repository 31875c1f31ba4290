/* SPDX-License-Identifier: GPL-2.0-only */
/* Names for addresses of a guest kernel, from its vmlinux. */
#ifndef VMM_SYMBOLS_H
#define VMM_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gmem;
struct kvm_sregs;
struct symbols;

/* Read the function symbols of an ELF file. 0, or -errno with a message in err. */
int symbols_load(const char *path, struct symbols **out, char *err, unsigned int errlen);
void symbols_free(struct symbols *syms);
/* "function+0x12/0x34" for a link-time address; false when no function has it. */
bool symbols_format(const struct symbols *syms, uint64_t addr, char *text, size_t len);
/* How far the running kernel lies from its link address (KASLR); 0 when that can't be told. */
uint64_t symbols_slide(const struct symbols *syms, const struct gmem *gm, const struct kvm_sregs *s);

#endif
