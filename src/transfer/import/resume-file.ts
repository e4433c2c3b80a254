/**
 * What of an import is committed, for a process that goes on after another one ended?
 *
 *   RZ1  before a commit the file says which commit it will be, and where the source goes on behind it. After a kill the store's commit
 *        number decides whether that commit took place. Nothing is imported twice, and nothing is left out.
 *   RZ2  if the store was changed between that commit and the kill by others, the number does not decide: ERR_STRIDE_RESUME.
 *   RZ3  the file is replaced whole. It stays when the import has ended: the same import again takes only what the source got since.
 */

import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StrideError } from '../../errors.ts'
import { readFailure } from '../source/byte-source.ts'

/** Where an import is. */
export interface Place {
  /** Bytes of the source that were read. */
  readonly position: number
  /** Lines that were read. */
  readonly lines: number
  readonly rows: number
  readonly imported: number
  readonly updated: number
  readonly rejected: number
  /** Bytes of the reject file. */
  readonly rejectBytes: number
  /** The columns of the source, if it has a header. */
  readonly columns: readonly string[] | undefined
}

interface Settled {
  readonly place: Place
  readonly commitNumber: number
}

interface State {
  readonly version: 1
  /** The path of the source, or null. */
  readonly source: string | null
  /** Of the layout of the store's records. */
  readonly fingerprint: string
  /** What is certainly committed. */
  readonly settled: Settled
  /** What a commit makes, whose number is one more than `after`. */
  readonly pending: { readonly place: Place; readonly after: number } | null
}

export class ResumeFile {
  readonly #path: string
  readonly #facts: Pick<State, 'version' | 'source' | 'fingerprint'>
  #settled: Settled

  private constructor(
    path: string,
    facts: Pick<State, 'version' | 'source' | 'fingerprint'>,
    settled: Settled,
  ) {
    this.#path = path
    this.#facts = facts
    this.#settled = settled
  }

  /** @returns the file, and where to go on @throws {StrideError} ERR_STRIDE_RESUME, _IO, _PERMISSION */
  static async open(
    path: string,
    source: string | undefined,
    fingerprint: string,
    commitNumber: number,
    start: Place,
  ): Promise<{ readonly file: ResumeFile; readonly place: Place; readonly goesOn: boolean }> {
    const facts = { version: 1, source: source ?? null, fingerprint } as const
    const state = await read(path)
    if (state === undefined) {
      const file = new ResumeFile(path, facts, { place: start, commitNumber })
      return { file, place: start, goesOn: false }
    }
    if (state.source !== facts.source || state.fingerprint !== fingerprint) {
      const other = state.source !== facts.source ? `the source ${state.source}` : 'records of another layout'
      throw cannotResume(path, `it belongs to ${other}`)
    }
    const place = placeOf(path, state, commitNumber)
    return { file: new ResumeFile(path, facts, { place, commitNumber }), place, goesOn: true }
  }

  /** Called before a commit. @param after the number of the last commit */
  async pend(place: Place, after: number): Promise<void> {
    await this.#write({ ...this.#facts, settled: this.#settled, pending: { place, after } })
  }

  /** Called after the commit. */
  async settle(place: Place, commitNumber: number): Promise<void> {
    this.#settled = { place, commitNumber }
    await this.#write({ ...this.#facts, settled: this.#settled, pending: null })
  }

  async #write(state: State): Promise<void> {
    const beside = `${this.#path}-next`
    try {
      const handle = await open(beside, 'w', 0o600)
      try {
        await handle.writeFile(`${JSON.stringify(state)}\n`)
        await handle.datasync()
      } finally {
        await handle.close()
      }
      await rename(beside, this.#path)
      await syncFolder(dirname(this.#path))
    } catch (error) {
      throw readFailure(error, this.#path)
    }
  }
}

function placeOf(path: string, { settled, pending }: State, commitNumber: number): Place {
  if (commitNumber < settled.commitNumber) {
    throw cannotResume(path, `the store is at commit ${commitNumber}, and ${settled.commitNumber} was imported`)
  }
  if (pending === null || commitNumber === pending.after) return settled.place
  if (commitNumber === pending.after + 1) return pending.place
  throw cannotResume(
    path,
    `the store was changed by others: it is at commit ${commitNumber}, and the import was in commit ${pending.after + 1}`,
  )
}

async function read(path: string): Promise<State | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw readFailure(error, path)
  }
  try {
    const state = JSON.parse(text) as State
    if (state.version === 1 && typeof state.settled.place.position === 'number') return state
  } catch {
    // It is no JSON.
  }
  throw cannotResume(path, 'it is no resume file of this version')
}

function cannotResume(path: string, why: string): StrideError {
  return new StrideError('ERR_STRIDE_RESUME', `The import cannot go on from ${path}: ${why}`, { path })
}

/** Makes a renamed name durable, where the system offers that. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Windows opens no folders, and some file systems do not sync them.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EISDIR' && code !== 'EPERM' && code !== 'EINVAL' && code !== 'ENOTSUP') throw error
  }
}
