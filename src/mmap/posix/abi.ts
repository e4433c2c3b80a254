/**
 * Which numbers differ between POSIX systems? One table for each system, with sources.
 *
 * Linux: the kernel's asm-generic headers (mman-common.h, mman.h, fcntl.h), which x64, arm64, riscv64, loong64 and s390x share; checked
 * on x64. macOS: sys/mman.h and sys/fcntl.h of xnu, unistd.h of its Libc; not yet run on a machine. test/mmap/abi.test.ts compares
 * both tables with the headers.
 */

export interface Abi {
  readonly system: 'linux' | 'macos'
  /** mmap(2) */
  readonly PROT_NONE: number
  readonly PROT_READ: number
  readonly PROT_WRITE: number
  readonly MAP_SHARED: number
  readonly MAP_PRIVATE: number
  readonly MAP_FIXED: number
  readonly MAP_ANONYMOUS: number
  readonly MAP_NORESERVE: number
  /** msync(2) */
  readonly MS_SYNC: number
  /** madvise(2); the MADV_POPULATE_… are Linux 5.14 and later */
  readonly MADV_NORMAL: number
  readonly MADV_RANDOM: number
  readonly MADV_SEQUENTIAL: number
  readonly MADV_WILLNEED: number
  readonly MADV_POPULATE_READ: number | undefined
  readonly MADV_POPULATE_WRITE: number | undefined
  /** posix_fadvise(2), which macOS lacks; there fcntl(F_RDADVISE) */
  readonly POSIX_FADV_WILLNEED: number | undefined
  readonly F_RDADVISE: number | undefined
  /** sync_file_range(2), Linux alone: WAIT_BEFORE, WRITE and WAIT_AFTER together */
  readonly SYNC_FILE_RANGE: number | undefined
  /** sysconf(3) */
  readonly SC_PAGESIZE: number
  /** fcntl(2): open file description locks, which closing another descriptor cannot drop */
  readonly F_OFD_GETLK: number
  readonly F_OFD_SETLK: number
  readonly F_RDLCK: number
  readonly F_WRLCK: number
  readonly F_UNLCK: number
  /** struct flock: byte positions of its members */
  readonly flock: {
    readonly bytes: number
    readonly l_type: number
    readonly l_whence: number
    readonly l_start: number
    readonly l_len: number
  }
  /** fcntl(2) of macOS: empties the drive's cache too; fsync(2) there does not */
  readonly F_FULLFSYNC: number | undefined
  /** fcntl(2) of macOS, instead of posix_fallocate; struct fstore */
  readonly F_PREALLOCATE: number | undefined
  /** renameat2(2), Linux alone: fails where the new name is taken */
  readonly AT_FDCWD: number | undefined
  readonly RENAME_NOREPLACE: number | undefined
  /** lseek(2): where the next hole or the next data begins; used on Linux only */
  readonly SEEK_DATA: number | undefined
  readonly SEEK_HOLE: number | undefined
  /** open(2) flags that node:fs does not name */
  readonly O_CLOEXEC: number
}

export const LINUX: Abi = {
  system: 'linux',
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  MAP_SHARED: 0x01,
  MAP_PRIVATE: 0x02,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
  MAP_NORESERVE: 0x4000,
  MS_SYNC: 4,
  MADV_NORMAL: 0,
  MADV_RANDOM: 1,
  MADV_SEQUENTIAL: 2,
  MADV_WILLNEED: 3,
  MADV_POPULATE_READ: 22,
  MADV_POPULATE_WRITE: 23,
  POSIX_FADV_WILLNEED: 3,
  F_RDADVISE: undefined,
  SYNC_FILE_RANGE: 7,
  SC_PAGESIZE: 30,
  F_OFD_GETLK: 36,
  F_OFD_SETLK: 37,
  F_RDLCK: 0,
  F_WRLCK: 1,
  F_UNLCK: 2,
  flock: { bytes: 32, l_type: 0, l_whence: 2, l_start: 8, l_len: 16 },
  F_FULLFSYNC: undefined,
  F_PREALLOCATE: undefined,
  AT_FDCWD: -100,
  RENAME_NOREPLACE: 1,
  SEEK_DATA: 3,
  SEEK_HOLE: 4,
  O_CLOEXEC: 0o2000000,
}

export const MACOS: Abi = {
  system: 'macos',
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  MAP_SHARED: 0x01,
  MAP_PRIVATE: 0x02,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x1000,
  MAP_NORESERVE: 0x40,
  MS_SYNC: 0x10,
  MADV_NORMAL: 0,
  MADV_RANDOM: 1,
  MADV_SEQUENTIAL: 2,
  MADV_WILLNEED: 3,
  MADV_POPULATE_READ: undefined,
  MADV_POPULATE_WRITE: undefined,
  POSIX_FADV_WILLNEED: undefined,
  F_RDADVISE: 44,
  SYNC_FILE_RANGE: undefined,
  SC_PAGESIZE: 29,
  F_OFD_GETLK: 92,
  F_OFD_SETLK: 90,
  F_RDLCK: 1,
  F_WRLCK: 3,
  F_UNLCK: 2,
  flock: { bytes: 24, l_type: 20, l_whence: 22, l_start: 0, l_len: 8 },
  F_FULLFSYNC: 51,
  F_PREALLOCATE: 42,
  AT_FDCWD: undefined,
  RENAME_NOREPLACE: undefined,
  SEEK_DATA: undefined,
  SEEK_HOLE: undefined,
  O_CLOEXEC: 0x1000000,
}

/** Linux on 64-bit machines whose headers are the generic ones; ppc64 has a MAP_NORESERVE of its own. */
const LINUX_ARCHITECTURES = ['x64', 'arm64', 'riscv64', 'loong64', 's390x']

/** The table of this system, or why there is none. */
export function abiOfThisSystem(): Abi | string {
  if (process.platform === 'darwin') return MACOS
  if (process.platform !== 'linux') return `files are not mapped on ${process.platform} yet`
  return LINUX_ARCHITECTURES.includes(process.arch) ? LINUX : `files are not mapped on ${process.arch}`
}
