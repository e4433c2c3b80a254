/**
 * Which options do mappings and shared memory take? One row an option: types, checks and docs/options.md come from here.
 */

import { callback, flag, oneOf, permissionBits, whole } from '../options/option-kinds.ts'
import { type CallWithOptions, type OptionsOf, OptionTable } from '../options/option-table.ts'
import type { MappedView } from './mapped-view.ts'
import type { ViewAccess } from './mapping-system.ts'

/** The `initialize` of shared memory. Its result is ignored. */
export type Initialize = (view: MappedView) => unknown

/** Rows of `FileMappingOptions`. */
export const FILE_MAPPING = new OptionTable('FileMappingOptions', {
  /**
   * 'readwrite': stores to a view reach the file. 'copy': stores stay in this process's memory. 'read' is the same, for programs that
   * do not mean to store.
   */
  access: oneOf<ViewAccess>('read', 'readwrite', 'copy').orElse("'read'; 'readwrite' of a temporary file"),
  /**
   * Bytes to map; 0 is the whole file. With 'readwrite', a larger size grows the file, and creates it if it does not exist. With a
   * smaller one, views reach only the first `size` bytes.
   */
  size: whole({ unit: 'bytes' }).or(0),
  /** Whether a new file is made that `close()`, or the end of the process, deletes. The path is then its folder. Needs `size`. */
  temporary: flag.or(false),
  /** Permission bits of a created file. */
  mode: permissionBits.or(0o600),
})

/** Rows of `SharedMemoryOptions`. */
export const SHARED_MEMORY = new OptionTable('SharedMemoryOptions', {
  /** Bytes of the object, which is created if it does not exist. An existing object keeps its size. */
  size: whole({ min: 1, unit: 'bytes' }).orElse('nothing is created'),
  /**
   * Writes what a new object holds, through a view of it that ends afterwards. It is synchronous. Of all openers one runs it to its end;
   * the others wait. If that one throws or dies, the next one runs its own over zeroed memory.
   */
  initialize: callback<Initialize>('view').orElse('the object keeps its zeros'),
  /** How long opening waits for the opener that initialises the object. Then it is ERR_STRIDE_BUSY. */
  lockTimeoutMs: whole({ unit: 'milliseconds', orInfinity: true }).or(10_000),
  /** Permission bits of a created object. */
  mode: permissionBits.or(0o600),
})

/** How a file is opened for mapping. */
export type FileMappingOptions = OptionsOf<typeof FILE_MAPPING>
/** How an object of shared memory is opened, and created. */
export type SharedMemoryOptions = OptionsOf<typeof SHARED_MEMORY>

/** Every call that takes options, as docs/options.md lists them. */
export const MMAP_CALLS: readonly CallWithOptions[] = [
  { call: 'FileMapping.open(path, options)', table: FILE_MAPPING },
  { call: 'SharedMemory.open(name, options)', table: SHARED_MEMORY },
  { call: 'SharedMemory.openAsync(name, options)', table: SHARED_MEMORY },
]
