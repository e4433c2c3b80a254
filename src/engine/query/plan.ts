/**
 * How is a query answered? By a scan, from the candidates of an index, or in the order of an index.
 *
 *   PQ1  the answer is the same in each case.
 */

import type { Asked, Slot } from '../../query/condition.ts'
import type { OrderKey } from '../../query/ordering.ts'
import { isLenient } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import { type Access, accesses, candidates, isWholeKey, type UsableIndexes } from './index-access.ts'

/** Where the records of a query come from. */
export type Source =
  | { readonly kind: 'scan' }
  /** Candidates, ascending. */
  | { readonly kind: 'index'; readonly name: string; readonly how: string; readonly numbers: Float64Array }
  /** The order of an index is that of the query. */
  | { readonly kind: 'order'; readonly name: string; readonly isReverse: boolean }

const SCAN: Source = { kind: 'scan' }
/** A walk in the order of an index looks at this part of the records at most, then a scan is faster. */
const WALKED_PART = 20

/** The records at which a query looks. */
export function planSource(
  asked: Asked,
  values: readonly unknown[],
  orderBy: readonly OrderKey[],
  most: number,
  size: number,
  indexes: UsableIndexes | undefined,
): Source {
  if (indexes === undefined) return SCAN
  const { definitions } = indexes
  if (definitions.length === 0) return SCAN
  const best = bestCandidates(asked.slots, accesses(asked, definitions), values, size, indexes)
  if (best !== undefined) return best
  const ordered = most * WALKED_PART < size ? orderingIndex(orderBy, definitions) : undefined
  if (ordered === undefined) return SCAN
  return { kind: 'order', name: ordered.name, isReverse: orderBy[0]?.isDescending === true }
}

function bestCandidates(
  slots: readonly Slot[],
  ways: readonly Access[],
  values: readonly unknown[],
  size: number,
  indexes: UsableIndexes,
): Source | undefined {
  let best: (Source & { readonly kind: 'index' }) | undefined
  for (const access of ways) {
    const { name } = access.definition
    const numbers = candidates(indexes.get(name), access, slots, values, size)
    if (numbers === undefined || (best !== undefined && best.numbers.length <= numbers.length)) continue
    best = { kind: 'index', name, how: howOf(access), numbers }
    // No other index gives fewer.
    if (isWholeKey(access) && access.definition.unique) break
  }
  return best
}

function howOf(access: Access): string {
  if (isWholeKey(access)) return 'by its key'
  return access.list === undefined ? 'by a range of its keys' : 'by several of its keys'
}

/** An ordered index over the fields of the order, all in one direction. */
function orderingIndex(
  orderBy: readonly OrderKey[],
  definitions: readonly IndexDefinition[],
): IndexDefinition | undefined {
  const [first] = orderBy
  if (first === undefined || orderBy.some(each => each.isDescending !== first.isDescending)) return undefined
  if (orderBy.some(({ field }) => isOrderedOtherwise(field))) return undefined
  return definitions.find(
    ({ kind, on }) =>
      kind === 'ordered' &&
      on.length >= orderBy.length &&
      orderBy.every(({ field }, i) => field.path === on[i]),
  )
}

/**
 * Whether an index has the field's values in another order than a query: undefined before null, a literal null by its code, and codes
 * of a time that are none.
 */
function isOrderedOtherwise({ node, guards }: OrderKey['field']): boolean {
  const holders = [...guards.map(guard => guard.node), node]
  const hasBoth = holders.some(each => each.nullable) && holders.some(each => each.optional)
  return hasBoth || isLenient(node) || (node.type === 'enum' && node.values.includes(null))
}

/** How many entries of an index are walked for so many results. */
export function walkedEntries(most: number, size: number): number {
  return Math.max(most * 4 + 1000, Math.floor(size / WALKED_PART))
}
