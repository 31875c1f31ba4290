/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Fixed-width types and helpers for every reader of the ABI: C11, C++, the Linux kernel and the assembler.
 * Everything shared is little-endian; Paravane runs on x86-64 only, so no conversion is written.
 */
#ifndef PARAVANE_TYPES_H
#define PARAVANE_TYPES_H

#ifdef __ASSEMBLER__
#define PVN_U32(x) x
#define PVN_U64(x) x
#else
#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
typedef __u8 pvn_u8;
typedef __s8 pvn_s8;
typedef __u16 pvn_u16;
typedef __u32 pvn_u32;
typedef __s32 pvn_s32;
typedef __u64 pvn_u64;
typedef __s64 pvn_s64;
#else
#include <stddef.h>
#include <stdint.h>
typedef uint8_t pvn_u8;
typedef int8_t pvn_s8;
typedef uint16_t pvn_u16;
typedef uint32_t pvn_u32;
typedef int32_t pvn_s32;
typedef uint64_t pvn_u64;
typedef int64_t pvn_s64;
#endif
#ifdef __cplusplus
#define PVN_STATIC_ASSERT(cond, msg) static_assert(cond, msg)
#else
#define PVN_STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)
#endif
/* Holds a shared layout fixed: a moved field stops the build of every reader. */
#define PVN_ASSERT_SIZE(type, bytes) \
	PVN_STATIC_ASSERT(sizeof(type) == (bytes), #type " has a fixed size")
#define PVN_ASSERT_OFFSET(type, field, bytes) \
	PVN_STATIC_ASSERT(offsetof(type, field) == (bytes), #type "." #field " has a fixed offset")
#define PVN_U32(x) x##u
#define PVN_U64(x) x##ull
#endif /* __ASSEMBLER__ */

#endif /* PARAVANE_TYPES_H */
