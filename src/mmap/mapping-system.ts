/**
 * What do views of users need from an operating system, in addition to platform.ts? Mapping a range once, flushing it, and shared
 * memory.
 *
 * Windows of a store slide and are read-only. Views of users stay where they are, may be written, and may be kept too long.
 */

import type { OpenFileOptions, PlatformFile } from './platform.ts'

/** Where stores to a view go. 'readwrite': into the file. 'read' and 'copy': they stay in this process's memory. */
export type ViewAccess = 'read' | 'readwrite' | 'copy'

/** What `view.residency()` returns. */
export interface Residency {
  /** Pages that the view touches. */
  readonly pages: number
  /** How many of them are in memory. */
  readonly resident: number
}

/** A range of a file, mapped. Positions count from the start of `buffer`, which is page-aligned. */
export interface MappedMemory {
  readonly buffer: ArrayBuffer
  readonly isMapped: boolean
  flush(at: number, length: number): void
  flushAsync(at: number, length: number): Promise<void>
  residency(at: number, length: number): Residency
  lock(at: number, length: number): void
  unlock(at: number, length: number): void
  /** The buffer has no bytes afterwards; where the runtime cannot detach, they read as zeros. */
  unmap(): void
}

/** A file that this system opened, or shared memory. */
export interface Mappable {
  /** Named in errors. */
  readonly path: string
}

/** An object of shared memory, held until close(). */
export interface SharedObject {
  readonly name: string
  readonly created: boolean
  readonly size: number
  /** Differs for any two objects, also of one name. */
  readonly id: string
  readonly memory: Mappable
  /** Where the page of shared-trailer.ts begins. */
  readonly trailerOffset: number
  /** A descriptor that a child process can inherit; undefined where there is none. */
  readonly descriptor: number | undefined
  /** Takes a lock if it is free. Locks are the kernel's and end with their process. Some systems have one lock for all numbers. */
  tryLock(lock: number): boolean
  unlock(lock: number): void
  close(): void
}

/** How an object of shared memory is opened. */
export interface SharedRequest {
  /** Undefined: only an existing object is opened. */
  readonly size: number | undefined
  readonly mode: number
  /** Whether a created object counts as initialised. */
  readonly isInitialized: boolean
  /** How long to wait while another opener creates or removes the object. */
  readonly patienceMs: number
}

export interface MappingSystem {
  /** Mapped offsets are multiples of this. */
  readonly granularity: number
  open(path: string, options: OpenFileOptions): PlatformFile
  /** A new file that is deleted when it is closed, also when the process is killed. */
  openTemporary(folder: string, mode: number): PlatformFile
  map(source: Mappable, offset: number, length: number, access: ViewAccess): MappedMemory
  openShared(name: string, request: SharedRequest): SharedObject
  /** The object that an inherited descriptor belongs to; the descriptor stays the caller's. Undefined where that is not possible. */
  readonly sharedFromDescriptor: ((descriptor: number) => SharedObject) | undefined
  /** Frees a name; holders keep the memory. @returns false if no object has it @throws ERR_STRIDE_BUSY where an open object keeps it */
  unlinkShared(name: string): boolean
}
