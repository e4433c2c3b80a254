/**
 * How does a transaction of `begin()` commit? Its changes become the next commit of the store, or there is a conflict.
 *
 *   MG1  a transaction commits as a whole, on top of the store's last commit, and only if no record that it read or wrote was changed
 *        since the commit that it sees.
 *   MG2  a refused commit leaves the store unchanged. The transaction ends if it can never commit; otherwise it is unchanged, too.
 */

import { StrideError } from '../../errors.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import type { WritingParts } from '../opening/writing-parts.ts'
import type { CommitView } from '../staging/commit-view.ts'
import type { Locator } from '../staging/locator.ts'
import type { ReadNumbers } from './read-numbers.ts'
import { SetAside } from './set-aside.ts'

/** The parts of the store that a commit needs. */
export interface MergeTarget {
  readonly path: string
  readonly parts: WritingParts
  readonly locator: Locator
  readonly indexes: IndexSet | undefined
  /** Drops the store's own staged changes. */
  readonly dropStaged: () => void
}

/** Commits the changes of the view. @throws ERR_STRIDE_CONFLICT, _DUPLICATE_KEY, _TRANSACTION, _NO_SPACE, _LIMIT, _POISONED */
export function merge<T>(target: MergeTarget, view: CommitView, reads: ReadNumbers, commit: () => T): T {
  const { parts, locator, indexes, dropStaged, path } = target
  const { staging } = locator
  assertUnchanged(target, view, reads)
  const aside = staging.isEmpty ? undefined : SetAside.copy(locator, path)
  if (aside !== undefined) assertApart(target, view, aside)
  if (aside !== undefined) dropStaged()
  try {
    place(target, view)
    return commit()
  } catch (error) {
    dropStaged()
    throw rivalSince(error, view, target)
  } finally {
    // A failed store or sync has dropped all staged changes.
    if (parts.committer.isUsable) aside?.stageAgain(parts.writer, indexes)
  }
}

function place({ parts: { writer }, indexes }: MergeTarget, view: CommitView): void {
  const numbers = Array.from(view.own.keys()).sort((a, b) => a - b)
  for (const n of numbers) writer.place(n, view.own.get(n))
  // Keys are compared after all records are staged, since two records may exchange their keys.
  for (const n of numbers) indexes?.assertUnrivalled(n)
}

/** @throws ERR_STRIDE_CONFLICT if a record that was read or written has changed since */
function assertUnchanged({ locator, path }: MergeTarget, view: CommitView, reads: ReadNumbers): void {
  const { staging } = locator
  const { versions } = staging
  const { commitNumber: from, own, baseSize } = view
  const assertSame = (n: number): void => {
    const changedBy = versions.changedAfter(n, from)
    if (changedBy > 0) throw lasting(path, n, view, `commit ${changedBy} changed it`)
  }
  if (reads.isLarge) {
    for (const n of versions.numbersAfter(from)) if (own.has(n) || reads.has(n)) assertSame(n)
  } else {
    for (const n of own.keys()) assertSame(n)
    for (const n of reads.between(0, Number.POSITIVE_INFINITY)) assertSame(n)
  }
  // Appended records have no versions.
  for (const n of reads.between(baseSize, staging.baseSize)) {
    if (!own.has(n) && locator.findSealed(n) !== undefined) throw lasting(path, n, view, 'it was appended')
  }
}

/** @throws ERR_STRIDE_CONFLICT if the store itself has staged a record, or a key, that the transaction writes */
function assertApart({ indexes, path }: MergeTarget, view: CommitView, aside: SetAside): void {
  for (const [n, image] of view.own) {
    if (aside.has(n)) throw conflict(path, n, view.commitNumber, 'the store itself has staged it')
    if (image === undefined) continue
    for (const other of indexes?.rivals(n, image.view, 0) ?? []) {
      if (aside.has(other)) {
        throw conflict(
          path,
          other,
          view.commitNumber,
          `the store itself has staged it with a key of record ${n}`,
        )
      }
    }
  }
}

/** Turns a duplicate key into a conflict, if the key was free at the commit that the transaction sees. */
function rivalSince(error: unknown, view: CommitView, { locator, path }: MergeTarget): unknown {
  if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_DUPLICATE_KEY') return error
  const { recordNumber: n = 0 } = error
  const isNew = n >= view.baseSize || locator.staging.versions.changedAfter(n, view.commitNumber) > 0
  return isNew ? lasting(path, n, view, 'it has a key of the transaction by now', error) : error
}

/** The error of a conflict after which the transaction can never commit. */
function lasting(path: string, n: number, view: CommitView, what: string, cause?: unknown): StrideError {
  view.ended = `record ${n}: ${what}`
  return conflict(path, n, view.commitNumber, what, cause)
}

function conflict(path: string, n: number, since: number, what: string, cause?: unknown): StrideError {
  const message = `Record ${n} of ${path} is not as the transaction saw it at commit ${since}: ${what}. Nothing was committed; begin again`
  return new StrideError('ERR_STRIDE_CONFLICT', message, {
    path,
    recordNumber: n,
    ...(cause === undefined ? {} : { cause }),
  })
}
