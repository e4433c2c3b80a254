/**
 * Bytes of a file as memory: `stridedb/mmap`. Knows no records, and is of use without them.
 */

export { FileMapping, type FileMappingOptions } from './file-mapping.ts'
export { MappedView } from './mapped-view.ts'
export type { Residency, ViewAccess } from './mapping-system.ts'
export { SharedMemory, type SharedMemoryOptions } from './shared-memory.ts'
