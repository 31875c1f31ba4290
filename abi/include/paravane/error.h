/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Error numbers of the interface. They are Paravane's own and never change: a guest of another system, or a
 * kernel whose errno differs, reads them alike. Calls return them negated; rings carry them negated in `status`.
 */
#ifndef PARAVANE_ERROR_H
#define PARAVANE_ERROR_H

#define PVN_OK 0
#define PVN_ENOSYS 1	/* no such call, operation or command */
#define PVN_EINVAL 2	/* an argument is malformed, or a reserved field is not zero */
#define PVN_EFAULT 3	/* a guest address is not guest memory, or is not writable where it must be */
#define PVN_EPERM 4	/* not from this privilege level */
#define PVN_EBUSY 5	/* the object is in use: attached already, port bound already */
#define PVN_ENOMEM 6	/* the host or the zone has no memory for it */
#define PVN_ERANGE 7	/* an index, sector or size is beyond the object's end */
#define PVN_ENODEV 8	/* no such device, queue or port */
#define PVN_ESTATE 9	/* right call, wrong state: not attached, quiesced, failed */
#define PVN_ENOTSUP 10	/* known, but not offered by this host, mode or device */
#define PVN_EVERSION 11 /* the major version or a feature word is not understood */
#define PVN_EIO 12	/* the backend failed */
#define PVN_ENOSPC 13	/* the backend is full */
#define PVN_EROFS 14	/* the backend is read-only */
#define PVN_ECANCELED 15 /* given up because of detach, quiesce or reset */
#define PVN_EOVERFLOW 16 /* more in flight than the completion ring can hold */
#define PVN_EMAX 16

#endif /* PARAVANE_ERROR_H */
