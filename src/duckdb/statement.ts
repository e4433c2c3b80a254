/**
 * Which records does a statement read, and until when are they kept for it?
 *
 *   QH1  all scans of a store in one statement read one snapshot, which is taken at the first of them.
 *   QH2  DuckDB says when a statement is planned and when a scan begins, but not when a statement ends. A snapshot is therefore released
 *        when the connection plans its next statement, when the table is detached, or some seconds after every scan is over.
 *   QH3  a scan is over when it has given its last record, or when DuckDB has dropped its state and that was collected. A statement may
 *        begin a scan again, as in a recursive query. If the snapshot is gone and the store has changed, it fails.
 * Planning and scanning: table-function.ts.
 */

import type { RecordSet } from '../engine/read/record-set.ts'
import type { Snapshot } from '../engine/snapshots/snapshot.ts'
import { StrideError } from '../errors.ts'
import type { AnySchema } from '../schema/index.ts'

/** Something with records: a store, a snapshot or a flat file. */
export type Records = RecordSet<AnySchema>

/** How long a snapshot is kept after the last scan, if the connection plans no other statement. */
const KEPT_MS = 10_000

interface Read {
  readonly snapshot: Snapshot<AnySchema>
  isClosed: boolean
}

/** A running scan. */
export interface RunningScan {
  /** Called when the scan is over. Idempotent. */
  over(): void
}

const dropped = new FinalizationRegistry<RunningScan>(scan => scan.over())

/** One execution of a statement on one connection. */
export class Statement {
  /** The transaction in which it was planned. */
  readonly transaction: string
  readonly #reads = new Map<Records, Read>()
  #running = 0
  #hasBegun = false
  #release: NodeJS.Timeout | undefined

  constructor(transaction: string) {
    this.transaction = transaction
  }

  /** Whether a scan has begun. Planning is over then. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** The records that scans of this source read. @throws ERR_STRIDE_SNAPSHOT_GONE, and as `snapshot` */
  recordsOf(source: Records): Records {
    this.#hasBegun = true
    if (!isStore(source)) return source
    const before = this.#reads.get(source)
    if (before?.isClosed === false) return before.snapshot
    const snapshot = source.snapshot()
    if (before !== undefined && before.snapshot.commitNumber !== snapshot.commitNumber) {
      snapshot.close()
      throw new StrideError(
        'ERR_STRIDE_SNAPSHOT_GONE',
        `The statement read ${source.path} as of commit ${before.snapshot.commitNumber}, which was released ${KEPT_MS} ms after its last scan: attach a snapshot`,
        { path: source.path },
      )
    }
    this.#reads.set(source, { snapshot, isClosed: false })
    return snapshot
  }

  /** Counts a scan. @param state the object that DuckDB holds as long as it scans */
  begin(state: object): RunningScan {
    clearTimeout(this.#release)
    this.#running++
    let isOver = false
    const scan: RunningScan = {
      over: () => {
        if (isOver) return
        isOver = true
        this.#running--
        if (this.#running === 0 && this.#reads.size > 0) this.#releaseLater()
      },
    }
    dropped.register(state, scan)
    return scan
  }

  /** Releases the snapshots. Idempotent. */
  end(): void {
    clearTimeout(this.#release)
    for (const read of this.#reads.values()) {
      read.snapshot.close()
      read.isClosed = true
    }
  }

  #releaseLater(): void {
    clearTimeout(this.#release)
    this.#release = setTimeout(() => this.end(), KEPT_MS).unref()
  }
}

/** Whether the records can change, and snapshots can be taken of them. */
function isStore(source: Records): source is Records & { snapshot(): Snapshot<AnySchema> } {
  return 'snapshot' in source
}

/** The statements of the connections of one DuckDB instance. */
export class Statements {
  readonly #latest = new Map<number, Statement>()

  /** The statement that a connection plans. Its earlier one has ended: a connection runs one statement at a time. */
  planning(connectionId: number, transaction: string): Statement {
    const latest = this.#latest.get(connectionId)
    if (latest !== undefined && !latest.hasBegun && latest.transaction === transaction) return latest
    latest?.end()
    const statement = new Statement(transaction)
    this.#latest.set(connectionId, statement)
    return statement
  }

  /** Releases what all statements hold. */
  end(): void {
    for (const statement of this.#latest.values()) statement.end()
  }
}
