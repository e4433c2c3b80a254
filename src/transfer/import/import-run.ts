/**
 * What happens to each record and each bad row of an import, and when is something committed?
 *
 *   IU1  a batch is committed whole; without `batch` all rows are one commit. If the import fails, what was staged since the last commit
 *        is dropped.
 *   IU2  at a commit the reject file holds exactly the bad rows before it.
 * Reading rows: one file a format. Staging beside other work of the store: engine/bulk-writing.ts.
 */

import type { BulkWriter } from '../../engine/bulk-writing.ts'
import { StrideError } from '../../errors.ts'
import type { SettledOptions } from '../../options/option-table.ts'
import type { RecordImage } from '../fields/cell.ts'
import type { IMPORT, ImportProgress } from '../import-options.ts'
import { RejectFile } from './reject-file.ts'
import { type Place, ResumeFile } from './resume-file.ts'

/** A bad row in a report. */
export interface BadRow {
  /** The line that it begins in, from 1; for a source without lines its position. */
  readonly line: number
  /** The field that does not fit; empty if the row as a whole is bad. */
  readonly field: string
  /** Why it is bad. */
  readonly reason: string
}

/** What an import did. Where it went on from a resume file, the counts are those of all its runs. */
export interface ImportReport {
  /** Rows read, the bad ones included. */
  readonly rows: number
  /** Rows that became new records. */
  readonly imported: number
  /** Rows that replaced the record with their key. */
  readonly updated: number
  /** Bad rows. */
  readonly rejected: number
  /** The first bad rows of this run, ten at most. */
  readonly firstRejected: readonly BadRow[]
  /** Bytes of the source. */
  readonly bytes: number
  /** The store's last commit. */
  readonly commitNumber: number
  /** Rows that were committed before this run. */
  readonly resumedRows: number
}

export type ImportSettings = SettledOptions<typeof IMPORT>

const FIRST_REJECTED = 10
const START: Place = {
  position: 0,
  lines: 0,
  rows: 0,
  imported: 0,
  updated: 0,
  rejected: 0,
  rejectBytes: 0,
  columns: undefined,
}

/** The part of a place that the reader of a format knows. */
export type ReaderPlace = Pick<Place, 'position' | 'lines' | 'columns'>

export class ImportRun {
  /** Where the reader begins. */
  readonly start: Place
  readonly #writer: BulkWriter
  readonly #settings: ImportSettings
  readonly #source: string | undefined
  readonly #rivalOf: ((view: DataView) => number) | undefined
  readonly #rejects: RejectFile | undefined
  readonly #resume: ResumeFile | undefined
  readonly #resumedRows: number
  readonly #firstRejected: BadRow[] = []
  #rows: number
  #imported: number
  #updated: number
  #rejected: number
  #committedRows: number
  #stagedRows = 0
  #rowsSinceCommit = 0
  #commitNumber: number

  /** @param source the path of the source, if it has one */
  static async begin(
    writer: BulkWriter,
    settings: ImportSettings,
    source: string | undefined,
  ): Promise<ImportRun> {
    const { resume, rejects, overwrite } = settings
    const { fingerprint } = writer.codec.layout
    const opened =
      resume === undefined
        ? undefined
        : await ResumeFile.open(resume, source, fingerprint, writer.commitNumber, START)
    const place = opened?.place ?? START
    const kept = opened?.goesOn ? place.rejectBytes : undefined
    const file = rejects === undefined ? undefined : new RejectFile(rejects, kept, overwrite)
    return new ImportRun(writer, settings, source, place, file, opened?.file)
  }

  private constructor(
    writer: BulkWriter,
    settings: ImportSettings,
    source: string | undefined,
    start: Place,
    rejects: RejectFile | undefined,
    resume: ResumeFile | undefined,
  ) {
    this.#writer = writer
    this.#settings = settings
    this.#source = source
    this.start = start
    this.#rejects = rejects
    this.#resume = resume
    this.#rows = this.#committedRows = this.#resumedRows = start.rows
    this.#imported = start.imported
    this.#updated = start.updated
    this.#rejected = start.rejected
    this.#commitNumber = writer.commitNumber
    this.#rivalOf = settings.upsert === undefined ? undefined : writer.keyFinder(settings.upsert)
  }

  /** Whether it is time for a commit. */
  get isBatchFull(): boolean {
    return this.#settings.batch !== undefined && this.#rowsSinceCommit >= this.#settings.batch
  }

  /** Stages the record of a row. @param row the row as it was, for the reject file */
  add(image: RecordImage, line: number, row: () => Uint8Array): void {
    let isNew: boolean
    try {
      isNew = this.#writer.stage(image, this.#rivalOf)
    } catch (error) {
      if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_DUPLICATE_KEY') throw error
      this.refuse(line, '', error.message, row, error)
      return
    }
    this.#count()
    this.#stagedRows++
    if (isNew) this.#imported++
    else this.#updated++
  }

  /** Sets a bad row aside. @throws {StrideError} ERR_STRIDE_SOURCE, or the code of `cause`, with `line`, if bad rows are not allowed */
  refuse(line: number, field: string, reason: string, row: () => Uint8Array, cause?: StrideError): void {
    const { onBad, rejectedMax } = this.#settings
    if (onBad === 'stop' || this.#rejected >= rejectedMax) {
      const what = field === '' ? reason : `the field '${field}' does not fit: ${reason}`
      const limit = onBad === 'stop' ? '' : ` (more than ${rejectedMax} rows are bad)`
      const facts = { line, ...(field === '' ? {} : { field }), ...(cause === undefined ? {} : { cause }) }
      const where = this.#source === undefined ? '' : `${this.#source}, `
      throw new StrideError(cause?.code ?? 'ERR_STRIDE_SOURCE', `${where}line ${line}: ${what}${limit}`, {
        ...facts,
        ...(this.#source === undefined ? {} : { path: this.#source }),
      })
    }
    this.#count()
    this.#rejected++
    if (this.#firstRejected.length < FIRST_REJECTED) this.#firstRejected.push({ line, field, reason })
    this.#rejects?.add(line, field, reason, row())
  }

  /** Commits what was staged. @param reader where the source goes on */
  async commit(reader: ReaderPlace): Promise<void> {
    const writer = this.#writer
    const rejectBytes = this.#rejects?.flush() ?? 0
    const place: Place = {
      ...reader,
      rows: this.#rows,
      imported: this.#imported,
      updated: this.#updated,
      rejected: this.#rejected,
      rejectBytes,
    }
    if (this.#resume !== undefined) {
      this.#rejects?.sync()
      if (this.#stagedRows > 0) await this.#resume.pend(place, writer.commitNumber)
    }
    if (this.#stagedRows > 0) this.#commitNumber = await writer.commit()
    await this.#resume?.settle(place, this.#commitNumber)
    this.#stagedRows = 0
    this.#rowsSinceCommit = 0
    this.#committedRows = this.#rows
  }

  progress(bytes: number, totalBytes: number | undefined): ImportProgress {
    return {
      rows: this.#rows,
      imported: this.#imported,
      updated: this.#updated,
      rejected: this.#rejected,
      committedRows: this.#committedRows,
      bytes,
      totalBytes,
    }
  }

  report(bytes: number): ImportReport {
    const { totalBytes: _, committedRows: __, ...counts } = this.progress(bytes, undefined)
    return {
      ...counts,
      firstRejected: this.#firstRejected,
      commitNumber: this.#commitNumber,
      resumedRows: this.#resumedRows,
    }
  }

  close(): void {
    this.#rejects?.close()
  }

  #count(): void {
    this.#rows++
    this.#rowsSinceCommit++
  }
}
