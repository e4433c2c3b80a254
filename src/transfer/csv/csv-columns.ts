/**
 * Which field does each column of a CSV file belong to?
 *
 *   TC1  a column without a field, two columns of one field, and a field that needs a value and has no column are refused before any row
 *        is read. The message names the nearest right name.
 */

import { StrideError } from '../../errors.ts'
import { nearestName } from '../../options/option-names.ts'
import { type Layout, ownBits } from '../../schema/index.ts'
import { type Leaf, leavesOf } from '../fields/leaves.ts'
import type { ColumnNames } from '../import-options.ts'

/** The fields that can be columns. @throws ERR_STRIDE_SOURCE for a schema that has fields without a column */
export function columnLeaves(layout: Layout, format: string): readonly Leaf[] {
  const { leaves, unions } = leavesOf(layout)
  const [union] = unions
  if (union === undefined) return leaves
  const message = `${format} has no columns for the union '${union}', whose variants have different fields`
  throw new StrideError('ERR_STRIDE_SOURCE', message, { field: union })
}

/** The names of columns, from the header if there is one. */
export function namesOfColumns(
  header: readonly string[] | undefined,
  given: ColumnNames | undefined,
  leaves: readonly Leaf[],
): readonly (string | null)[] {
  if (isList(given)) return given
  if (header === undefined) return leaves.map(({ path }) => path)
  if (given === undefined) return header
  const renamed = new Map(Object.entries(given))
  const missing = [...renamed.keys()].find(name => !header.includes(name))
  if (missing !== undefined) throw badColumns(`no column is called '${missing}'${near(missing, header)}`)
  return header.map(name => (renamed.has(name) ? (renamed.get(name) as string | null) : name))
}

/** For each column its field's position among the leaves; -1 for a column that is left out. @throws ERR_STRIDE_SOURCE */
export function targetsOf(
  names: readonly (string | null)[],
  leaves: readonly Leaf[],
  extra: 'refuse' | 'ignore',
): Int32Array {
  const positions = new Map(leaves.map(({ path }, i) => [path, i]))
  const paths = [...positions.keys()]
  const taken = new Set<number>()
  const targets = Int32Array.from(names, name => {
    if (name === null) return -1
    const at = positions.get(name)
    if (at === undefined && extra === 'ignore') return -1
    if (at === undefined) throw badColumns(`no field is called '${name}'${near(name, paths)}`, name)
    if (taken.has(at)) throw badColumns(`two columns are called '${name}'`, name)
    taken.add(at)
    return at
  })
  for (const [i, { path, node, guards }] of leaves.entries()) {
    const needsValue = ownBits(node) === 0 && node.fallback === null && guards.length === 0
    if (needsValue && !taken.has(i)) throw badColumns(`there is no column for the field '${path}'`, path)
  }
  return targets
}

function isList(given: ColumnNames | undefined): given is readonly (string | null)[] {
  return Array.isArray(given)
}

function near(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? `: known are ${known.slice(0, 20).join(', ')}` : `: did you mean '${nearest}'?`
}

function badColumns(message: string, field?: string): StrideError {
  const advice = '`columns` says which column belongs to which field'
  return new StrideError('ERR_STRIDE_SOURCE', `The columns do not fit the schema: ${message} (${advice})`, {
    line: 1,
    ...(field === undefined ? {} : { field }),
  })
}
