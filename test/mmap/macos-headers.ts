/**
 * What the headers of macOS say, typed off by hand from Apple's published sources: xnu-11417.101.15 (macOS 15.5) and
 * Libc-1725.0.11. The library's own table (src/mmap/posix/abi.ts) is compared with this one, and macos-on-linux.ts, which takes
 * the part of that system, understands these numbers alone.
 */

/** xnu, bsd/sys/mman.h */
export const MMAN_H = {
  PROT_NONE: 0x00,
  PROT_READ: 0x01,
  PROT_WRITE: 0x02,
  MAP_SHARED: 0x0001,
  MAP_PRIVATE: 0x0002,
  MAP_FIXED: 0x0010,
  MAP_NORESERVE: 0x0040,
  MAP_ANONYMOUS: 0x1000,
  MS_SYNC: 0x0010,
  // The POSIX_MADV_ numbers, which the MADV_ names stand for.
  MADV_NORMAL: 0,
  MADV_RANDOM: 1,
  MADV_SEQUENTIAL: 2,
  MADV_WILLNEED: 3,
} as const

/** xnu, bsd/sys/fcntl.h */
export const FCNTL_H = {
  O_CLOEXEC: 0x01000000,
  F_RDLCK: 1,
  F_UNLCK: 2,
  F_WRLCK: 3,
  F_PREALLOCATE: 42,
  F_RDADVISE: 44,
  F_FULLFSYNC: 51,
  F_OFD_SETLK: 90,
  F_OFD_GETLK: 92,
} as const

/** The same, for struct fstore, which F_PREALLOCATE takes. */
export const FSTORE = { F_ALLOCATEALL: 0x00000004, F_PEOFPOSMODE: 3 } as const

/** Libc, include/unistd.h */
export const UNISTD_H = { SC_PAGESIZE: 29 } as const

/** xnu, bsd/sys/mman.h: mincore's bit for a page that is in memory. */
export const MINCORE_INCORE = 0x1

/**
 * Structs of bsd/sys/fcntl.h: C types of their members in order, from which positions follow. off_t has 64 bits, pid_t and int 32,
 * short 16 (bsd/sys/_types.h, bsd/arm/_types.h, bsd/i386/_types.h).
 */
export const STRUCTS = {
  flock: { l_start: 8, l_len: 8, l_pid: 4, l_type: 2, l_whence: 2 },
  fstore: { fst_flags: 4, fst_posmode: 4, fst_offset: 8, fst_length: 8, fst_bytesalloc: 8 },
  radvisory: { ra_offset: 8, ra_count: 4 },
} as const

/** Position of each member and size of the whole, as C lays them out where each is aligned to its size. */
export function positionsOf(members: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const positions: Record<string, number> = {}
  let end = 0
  for (const [name, bytes] of Object.entries(members)) {
    positions[name] = Math.ceil(end / bytes) * bytes
    end = positions[name] + bytes
  }
  const alignment = Math.max(...Object.values(members))
  return { ...positions, bytes: Math.ceil(end / alignment) * alignment }
}

/** xnu, bsd/sys/errno.h: the names that this library looks at. */
export const ERRNO_H = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENAMETOOLONG: 63,
  ENOSPC: 28,
  EROFS: 30,
  EAGAIN: 35,
  ENOTSUP: 45,
  ELOOP: 62,
  EDQUOT: 69,
  ENOSYS: 78,
  EOPNOTSUPP: 102,
} as const
