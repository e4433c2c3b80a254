/**
 * Bytes of a file as memory: `stridedb/mmap`. Knows no records, and is of use without them.
 */

export { FileMapping } from './file-mapping.ts'
export { MappedView } from './mapped-view.ts'
export type { Residency, ViewAccess } from './mapping-system.ts'
export type { FileMappingOptions, SharedMemoryOptions } from './options.ts'
export { SharedMemory } from './shared-memory.ts'
