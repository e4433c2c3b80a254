/**
 * What can go wrong: one table of codes, and the two error classes.
 *
 * Operational failures (disk, other processes, bad files, refused records) are a StrideError with a code of
 * this table. Misuse of the API is a plain TypeError or RangeError. A bug of this library is an
 * InvariantError, which a `catch` for StrideError does not swallow. docs/errors.md is rendered from ERROR_CODES.
 */

/** What a code means, and what to do about it. */
export interface ErrorMeaning {
  /** What has happened. */
  readonly meaning: string
  /** What a program or a person can do about it. */
  readonly remedy: string
}

/** Every code with what it means and what to do about it. */
export const ERROR_CODES = meanings({
  ERR_STRIDE_BUSY: {
    meaning:
      'Another process or another handle holds the lock that this call needs, has not initialised the shared memory yet, or, on Windows, maps the file.',
    remedy: 'Close the other writer, open with `readOnly: true`, or wait longer with `lockTimeoutMs`.',
  },
  ERR_STRIDE_CLOSED: {
    meaning: 'The store, mapping, view or row was used after it was closed or unmapped.',
    remedy: 'Keep it open for as long as it is used; copy what must live longer.',
  },
  ERR_STRIDE_CONFLICT: {
    meaning:
      'A record that a concurrent transaction (`store.begin()`) read or wrote was changed since it began; `recordNumber` says which.',
    remedy: 'Begin another transaction and do the work again. Nothing was committed.',
  },
  ERR_STRIDE_CORRUPT: {
    meaning: 'The file contradicts itself: a checksum, a size or an offset is impossible.',
    remedy: 'Restore a backup. `verify()` lists what is damaged and where.',
  },
  ERR_STRIDE_DUPLICATE_KEY: {
    meaning:
      'Two live records would have the same key in a unique index; `recordNumber` is the one that has it.',
    remedy: 'Change one of the keys, or delete one of the records. The call changed nothing.',
  },
  ERR_STRIDE_EMPTY_FILE: {
    meaning: 'A file of zero bytes was to be mapped and no size was given.',
    remedy: 'Pass `size` with a writable access, or write to the file first.',
  },
  ERR_STRIDE_EXISTS: {
    meaning: 'The target of a call that creates a file exists already.',
    remedy: 'Choose another path, or remove the file first.',
  },
  ERR_STRIDE_FORMAT_NEWER: {
    meaning: 'The file was written by a newer format version than this library knows.',
    remedy: 'Update stridedb.',
  },
  ERR_STRIDE_INDEX_NOT_BUILT: {
    meaning:
      'The store has this index, but its index file is missing, damaged or of another state, and a read-only opener builds none.',
    remedy: 'Open the store for writing once: that builds it from the records.',
  },
  ERR_STRIDE_IO: {
    meaning: 'The operating system reported an error; `syscall` and `errno` say which.',
    remedy: 'Look at the disk and the permissions. After a failed write or sync, reopen the store.',
  },
  ERR_STRIDE_IS_DIRECTORY: {
    meaning: 'The path names a directory where a file is needed.',
    remedy: 'Pass the path of a file.',
  },
  ERR_STRIDE_JOURNAL_MISSING: {
    meaning: 'The store names a journal that is not there.',
    remedy: 'Put the journal back beside the store: it may hold commits.',
  },
  ERR_STRIDE_LAYOUT: {
    meaning: 'The schema has no binary layout: a type without a fixed size, or a name that is not allowed.',
    remedy: 'Use the type that the message proposes.',
  },
  ERR_STRIDE_LIMIT: {
    meaning: 'A limit of the format, of the runtime or of an option would be exceeded.',
    remedy: 'See the limit in the message.',
  },
  ERR_STRIDE_NAME_TAKEN: {
    meaning:
      'The name belongs to an object of another kind or another size, or DuckDB has a table or view of this name.',
    remedy: 'Choose another name.',
  },
  ERR_STRIDE_NO_DUCKDB: {
    meaning: '`stridedb/duckdb` did not find the package `@duckdb/node-api`, or one without table functions.',
    remedy: 'Run `npm install @duckdb/node-api`; it must be 1.5.5 or later.',
  },
  ERR_STRIDE_NO_LOCK: {
    meaning:
      'A store was to be written where no lock of the system can be had, since koffi does not load: nothing would keep out a second writer.',
    remedy:
      "Make koffi load (the message says how, docs/bundlers.md says more), open with `readOnly: true`, or say with `lock: 'process'` that no other process and no other thread writes.",
  },
  ERR_STRIDE_NO_RECORD: {
    meaning: 'There is no live record with this number: it is past the end, or deleted.',
    remedy: 'Ask with `has(n)` first, or use `get(n)`, which answers undefined.',
  },
  ERR_STRIDE_NO_SPACE: {
    meaning: 'The disk, the quota or the memory has no room for the growth asked for.',
    remedy: 'Free space and call again: nothing was changed.',
  },
  ERR_STRIDE_NOT_A_STORE: {
    meaning: 'The file does not begin with the magic bytes of a store.',
    remedy: 'Open foreign files with `openFlatFile`.',
  },
  ERR_STRIDE_NOT_FOUND: {
    meaning: 'The file, or the shared memory, does not exist, and the call does not create it.',
    remedy: 'Check the path or the name, or let the call create it.',
  },
  ERR_STRIDE_NOT_MAPPABLE: {
    meaning: 'This file, file system or runtime cannot be mapped into memory.',
    remedy: "Use `backend: 'file'`, or `backend: 'auto'`, which chooses it by itself.",
  },
  ERR_STRIDE_PARTIAL_RECORD: {
    meaning: 'The size of a flat file leaves a part of a record at its end.',
    remedy: "Check `offset` and the schema, say with `count` how many records there are, or `tail: 'ignore'`.",
  },
  ERR_STRIDE_PERMISSION: {
    meaning: 'The operating system does not permit this access to the file.',
    remedy: 'Open read-only, or change the permissions.',
  },
  ERR_STRIDE_POISONED: {
    meaning: 'An earlier write or sync failed, so what is on disk is not known.',
    remedy: 'Close and reopen the store: opening finds out.',
  },
  ERR_STRIDE_QUERY: {
    meaning: 'A query, aggregate or histogram cannot be asked: `field` and the message say what is wrong.',
    remedy: 'Mend the question. Nothing was read or changed.',
  },
  ERR_STRIDE_READ_ONLY: {
    meaning: 'A change was asked of something opened for reading only.',
    remedy: 'Open it for writing.',
  },
  ERR_STRIDE_RECORD: {
    meaning: 'The record does not fit its schema; `issues` says where and why.',
    remedy: 'Mend the record. Nothing of it, nor of its batch, was staged.',
  },
  ERR_STRIDE_REPLACED: {
    meaning:
      'Another file, or none, has the name of the store now: what is written would be lost, and a row or walk that is held cannot tell which record it was on.',
    remedy: 'Close the store and open the path again; begin the walk again, or `seek`. Nothing was changed.',
  },
  ERR_STRIDE_RESUME: {
    meaning:
      'An import cannot go on: the resume file belongs to another source, or the store was changed in a way that leaves open what was imported.',
    remedy: 'Compare the store with the source. Remove the resume file to import from the beginning.',
  },
  ERR_STRIDE_ROW_ENDED: {
    meaning:
      'The row of a walk was read after the walk had given its last record: it was one row at every step, which `[...store.scan()]` keeps many times.',
    remedy:
      'Keep `row.toObject()` or `row.number` at each step, or collect objects: `store.scan().toArray()`, `[...store]`.',
  },
  ERR_STRIDE_SCHEMA_MISMATCH: {
    meaning:
      'The store, or the shared memory, has another layout than the given schema, or than it had when it was opened.',
    remedy:
      'Open without a schema, or change the store with `migrateStore`. Give records in shared memory that have another schema another name.',
  },
  ERR_STRIDE_SNAPSHOT_GONE: {
    meaning:
      'What commits have replaced since a snapshot was taken is no longer kept, so the snapshot cannot be read any more.',
    remedy:
      'Take another snapshot and read again; take it with `keep: true`, or give the writer a larger `journalBytes` or `stagedBytesMax`.',
  },
  ERR_STRIDE_SOURCE: {
    meaning:
      'The source of an import contradicts its format, or a row does not fit the schema; `line` and `field` say where.',
    remedy:
      "Mend the source, say how it is written with the options of the import, or let bad rows be set aside with `onBad: 'reject'`.",
  },
  ERR_STRIDE_TRANSACTION: {
    meaning: 'The call is not allowed inside, or beside, a transaction.',
    remedy: 'Use the `tx` that the callback was given; commit or roll back before a transaction begins.',
  },
  ERR_STRIDE_TRUNCATED: {
    meaning: 'The file is shorter than what was committed or mapped.',
    remedy: 'Something outside shortened it: restore a backup.',
  },
})

/** A key of `ERROR_CODES`; docs/errors.md has one heading for each. */
export type ErrorCode = keyof typeof ERROR_CODES

/** The table with the type of its codes alone, not of its texts. */
function meanings<Code extends string>(
  table: Record<Code, ErrorMeaning>,
): Readonly<Record<Code, ErrorMeaning>> {
  return table
}

/** One reason why a value was refused. It has the shape of a Zod issue. */
export interface Issue {
  /** Names and positions that lead from the record to the value. */
  readonly path: readonly PropertyKey[]
  /** What is wrong with the value. */
  readonly message: string
  /** Zod's code of the issue, if it has one. */
  readonly code?: string | undefined
}

/** Facts that a StrideError may carry beside its code. */
export interface ErrorFacts {
  /** The file. */
  readonly path?: string
  /** Bytes from the start of the file. */
  readonly offset?: number
  /** The record, if the error is about one. */
  readonly recordNumber?: number
  /** Position in the batch given to appendMany, from 0. */
  readonly batchIndex?: number
  /** The line of a source, from 1; for a source without lines the position of the record. */
  readonly line?: number
  /** Dotted path of the field. */
  readonly field?: string
  /** Why Zod refused the value. */
  readonly issues?: readonly Issue[]
  /** The system call that failed. */
  readonly syscall?: string
  /** What the system said: errno, or on Windows the code of GetLastError. */
  readonly errno?: number
  /** The error that led to this one. */
  readonly cause?: unknown
}

/** Every copy of the library in a process knows this symbol, so their errors are instances of each other's class. */
const BRAND = Symbol.for('stridedb.StrideError')

/**
 * An operational failure: disk, other processes, bad files, refused records. `code` is stable between versions; `message` is for
 * people.
 *
 * `instanceof StrideError` also holds for errors of another copy of the library. An error that was cloned, as by `postMessage`,
 * is no instance any more and has lost its code.
 */
export class StrideError extends Error {
  /** Called by `instanceof`. True also for errors of another copy of the library. */
  static override [Symbol.hasInstance](value: unknown): value is StrideError {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one inherits the method
    const isOther = this !== StrideError && !Function.prototype[Symbol.hasInstance].call(this, value)
    return !isOther && typeof value === 'object' && value !== null && BRAND in value
  }

  /** Always 'StrideError'. */
  override readonly name = 'StrideError'
  /** Which failure it is; stable between versions. */
  readonly code: ErrorCode
  /** The file. */
  declare readonly path?: string
  /** Bytes from the start of the file. */
  declare readonly offset?: number
  /** The record, if the error is about one. */
  declare readonly recordNumber?: number
  /** Position in the batch given to `appendMany`, from 0. */
  declare readonly batchIndex?: number
  /** The line of a source, from 1; for a source without lines the position of the record. */
  declare readonly line?: number
  /** Dotted path of the field. */
  declare readonly field?: string
  /** Why Zod refused the value. */
  declare readonly issues?: readonly Issue[]
  /** The system call that failed. */
  declare readonly syscall?: string
  /** What the system said: errno, or on Windows the code of GetLastError. */
  declare readonly errno?: number

  /** `cause` of the facts becomes the error's cause, the others become properties. */
  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    const { cause, ...rest } = facts
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    Object.assign(this, rest)
  }
}
Object.defineProperty(StrideError.prototype, BRAND, { value: true })

/** A bug of this library. Please report it. It is no StrideError, so a `catch` for those does not swallow it. */
export class InvariantError extends Error {
  /** Always 'InvariantError'. */
  override readonly name = 'InvariantError'
}
