/**
 * Which options do mappings and shared memory take? One row an option: types, checks and docs/options.md come from here.
 */

import { flag, oneOf, permissionBits, whole } from '../options/option-kinds.ts'
import { type CallWithOptions, type OptionsOf, OptionTable } from '../options/option-table.ts'
import type { ViewAccess } from './mapping-system.ts'

export const FILE_MAPPING = new OptionTable('FileMappingOptions', {
  /**
   * 'read' and 'copy' both give views whose stores stay in this process's memory; 'read' says that none are meant.
   * 'readwrite' gives views that are the file.
   */
  access: oneOf<ViewAccess>('read', 'readwrite', 'copy').orElse("'read'; 'readwrite' of a temporary file"),
  /**
   * Bytes to map. Larger than the file with 'readwrite': the file grows, and is created where it does not exist.
   * Smaller: only so much of it is mapped. 0: all of the file.
   */
  size: whole({ unit: 'bytes' }).or(0),
  /** A new file that nobody else sees and that is gone after close(); the path is the folder for it. Takes `size`. */
  temporary: flag.or(false),
  /** Permission bits of a file that is created. */
  mode: permissionBits.or(0o600),
})

export const SHARED_MEMORY = new OptionTable('SharedMemoryOptions', {
  /** Bytes, if it is to be created where it does not exist; an existing object keeps the size it has. */
  size: whole({ min: 1, unit: 'bytes' }).orElse('nothing is created'),
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
]
