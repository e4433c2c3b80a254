/**
 * What does `stridedb/mmap` export? Files and shared memory as bytes in memory, without records.
 */

export { FileMapping } from './file-mapping.ts'
export { MappedView } from './mapped-view.ts'
export type { Residency, ViewAccess } from './mapping-system.ts'
export type { FileMappingOptions, Initialize, SharedMemoryOptions } from './options.ts'
export { SharedMemory, type SharedMemoryHandle } from './shared-memory.ts'
