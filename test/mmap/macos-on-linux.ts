/**
 * The system calls as macOS takes them, carried out by Linux: each number and struct of that system becomes the one of this
 * system, and what macOS does not know is refused. So the whole conformance suite runs over what the library would say to a Mac.
 *
 * What it cannot show: how macOS itself behaves, and its errno numbers, which are Node's (os.constants).
 */

import { createRequire } from 'node:module'
import type { ForeignFunction, ForeignLibrary, Koffi } from '../../src/mmap/koffi.ts'
import { LINUX, MACOS } from '../../src/mmap/posix/abi.ts'
import { bindSystemCalls, type SystemCalls } from '../../src/mmap/posix/system-calls.ts'
import { FCNTL_H, FSTORE, MMAN_H, positionsOf, STRUCTS, UNISTD_H } from './macos-headers.ts'

type Numbers = readonly number[]
/** Turns the arguments of a call on macOS into those on Linux. */
type Translation = (...args: never[]) => unknown[]

/** linux/falloc.h */
const FALLOC_FL_KEEP_SIZE = 1
/** Functions that macOS does not have. */
const ABSENT = ['posix_fallocate', 'posix_fadvise', 'sync_file_range']

const FLAGS = ['MAP_SHARED', 'MAP_PRIVATE', 'MAP_FIXED', 'MAP_ANONYMOUS', 'MAP_NORESERVE'] as const
const ADVICE: Numbers = [MMAN_H.MADV_NORMAL, MMAN_H.MADV_RANDOM, MMAN_H.MADV_SEQUENTIAL, MMAN_H.MADV_WILLNEED]

export function callsAsOnMacos(): SystemCalls {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi
  return bindSystemCalls(koffi, libraryOfMacos(koffi.load(null)), MACOS)
}

function libraryOfMacos(linux: ForeignLibrary): ForeignLibrary {
  return {
    func(name, result, parameters) {
      if (ABSENT.includes(name)) throw new Error(`macOS has no ${name}`)
      if (name === 'fcntl') return fcntlOfMacos(linux)
      const translate = TRANSLATIONS[name]
      const call = linux.func(name, result, parameters)
      return translate === undefined ? call : translated(call, translate)
    },
  }
}

const TRANSLATIONS: Readonly<Record<string, Translation>> = {
  mmap: (address: number, length: number, protection: number, flags: number, fd: number, offset: number) => [
    address,
    length,
    protection,
    flagsOnLinux(flags),
    fd,
    offset,
  ],
  msync: (address: number, length: number, flags: number) => {
    if (flags !== MMAN_H.MS_SYNC) throw new Error(`msync of ${flags}`)
    return [address, length, LINUX.MS_SYNC]
  },
  madvise: (address: number, length: number, advice: number) => {
    if (!ADVICE.includes(advice)) throw new Error(`madvise of ${advice}`)
    return [address, length, advice]
  },
  sysconf: (name: number) => {
    if (name !== UNISTD_H.SC_PAGESIZE) throw new Error(`sysconf of ${name}`)
    return [LINUX.SC_PAGESIZE]
  },
  shm_open: () => {
    throw new Error('The locks of macOS know no shared memory')
  },
}

function flagsOnLinux(flags: number): number {
  let rest = flags
  let onLinux = 0
  for (const name of FLAGS) {
    if ((rest & MMAN_H[name]) === 0) continue
    rest &= ~MMAN_H[name]
    onLinux |= LINUX[name]
  }
  if (rest !== 0) throw new Error(`mmap with flags ${flags}`)
  return onLinux
}

function translated(call: ForeignFunction, translate: Translation): ForeignFunction {
  const translateAny = translate as (...args: unknown[]) => unknown[]
  return Object.assign((...args: unknown[]) => call(...translateAny(...args)), {
    // The last argument is the callback.
    async: (...args: unknown[]) => call.async(...translateAny(...args.slice(0, -1)), args.at(-1)),
  })
}

/** fcntl(2) with each of the commands that the library gives to macOS. */
function fcntlOfMacos(linux: ForeignLibrary): ForeignFunction {
  const fcntl = linux.func('fcntl', 'int', ['int', 'int', '...'])
  const fsync = linux.func('fsync', 'int', ['int'])
  const fadvise = linux.func('posix_fadvise', 'int', ['int', 'int64_t', 'int64_t', 'int'])
  const fallocate = linux.func('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t'])
  const lseek = linux.func('lseek', 'int64_t', ['int', 'int64_t', 'int'])
  const run = (fd: unknown, command: unknown, _type: unknown, struct: unknown): unknown => {
    switch (command) {
      case FCNTL_H.F_FULLFSYNC:
        return fsync(fd)
      case FCNTL_H.F_OFD_SETLK:
        return fcntl(fd, LINUX.F_OFD_SETLK, 'void *', flockOnLinux(struct as Uint8Array))
      case FCNTL_H.F_OFD_GETLK: {
        const question = flockOnLinux(struct as Uint8Array)
        const result = fcntl(fd, LINUX.F_OFD_GETLK, 'void *', question)
        answerOnMacos(struct as Uint8Array, question)
        return result
      }
      case FCNTL_H.F_RDADVISE: {
        const { ra_offset, ra_count } = membersOf(struct as Uint8Array, 'radvisory')
        return -(fadvise(fd, ra_offset, ra_count, LINUX.POSIX_FADV_WILLNEED) as number)
      }
      case FCNTL_H.F_PREALLOCATE: {
        const { fst_flags, fst_posmode, fst_offset, fst_length } = membersOf(struct as Uint8Array, 'fstore')
        if (fst_flags !== FSTORE.F_ALLOCATEALL || fst_posmode !== FSTORE.F_PEOFPOSMODE || fst_offset !== 0)
          throw new Error(`F_PREALLOCATE with ${fst_flags}, ${fst_posmode}, ${fst_offset}`)
        return fallocate(fd, FALLOC_FL_KEEP_SIZE, lseek(fd, 0, 2), fst_length)
      }
      default:
        throw new Error(`fcntl ${String(command)}`)
    }
  }
  const later = (...args: unknown[]): void => {
    const done = args.at(-1) as (error: null, result: unknown) => void
    const [fd, command, type, struct] = args.slice(0, -1)
    setImmediate(() => done(null, run(fd, command, type, struct)))
  }
  return Object.assign((...args: unknown[]) => run(args[0], args[1], args[2], args[3]), { async: later })
}

/** Only the kind of lock is looked at. */
function answerOnMacos(struct: Uint8Array, answer: Uint8Array): void {
  const types = new Map<number, number>([
    [LINUX.F_RDLCK, FCNTL_H.F_RDLCK],
    [LINUX.F_WRLCK, FCNTL_H.F_WRLCK],
    [LINUX.F_UNLCK, FCNTL_H.F_UNLCK],
  ])
  const type = types.get(new DataView(answer.buffer).getInt16(LINUX.flock.l_type, true)) as number
  const { l_type } = positionsOf(STRUCTS.flock)
  new DataView(struct.buffer).setInt16(l_type as number, type, true)
}

function flockOnLinux(struct: Uint8Array): Uint8Array {
  const { l_start, l_len, l_pid, l_type, l_whence } = membersOf(struct, 'flock')
  if (l_pid !== 0) throw new Error(`struct flock with a process: ${l_pid}`)
  const type = new Map<number | undefined, number>([
    [FCNTL_H.F_RDLCK, LINUX.F_RDLCK],
    [FCNTL_H.F_WRLCK, LINUX.F_WRLCK],
    [FCNTL_H.F_UNLCK, LINUX.F_UNLCK],
  ]).get(l_type)
  if (type === undefined) throw new Error(`struct flock with type ${l_type}`)
  const bytes = new Uint8Array(LINUX.flock.bytes)
  const view = new DataView(bytes.buffer)
  view.setInt16(LINUX.flock.l_type, type, true)
  view.setInt16(LINUX.flock.l_whence, l_whence as number, true)
  view.setBigInt64(LINUX.flock.l_start, BigInt(l_start as number), true)
  view.setBigInt64(LINUX.flock.l_len, BigInt(l_len as number), true)
  return bytes
}

function membersOf(struct: Uint8Array, name: keyof typeof STRUCTS): Readonly<Record<string, number>> {
  const members: Readonly<Record<string, number>> = STRUCTS[name]
  const { bytes, ...positions } = positionsOf(members)
  if (struct.byteLength !== bytes) throw new Error(`struct ${name} of ${struct.byteLength} bytes`)
  const view = new DataView(struct.buffer, struct.byteOffset, struct.byteLength)
  const read = (at: number, size: number): number =>
    size === 8
      ? Number(view.getBigInt64(at, true))
      : size === 4
        ? view.getInt32(at, true)
        : view.getInt16(at, true)
  return Object.fromEntries(
    Object.entries(positions).map(([member, at]) => [member, read(at, members[member] as number)]),
  )
}
