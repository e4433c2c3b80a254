/**
 * How does a schema carry its layout? In a mark, which every copy of the library can read.
 *
 * Two copies in one process (failed hoisting, Jest's module registry) share no WeakMap. The mark is therefore a property of the schema,
 * under a symbol of the global registry. Zod clones a schema when it is refined, and remembers the original; marks of the originals
 * count, too.
 *   MK1  a mark has a version. An unknown version is refused by name; guessing would silently change the layout.
 *   MK2  a mark is frozen, and contains no object of the caller.
 */

import type { z } from 'zod'
import { checkedMeant, checkedText } from './kind-parameters.ts'
import {
  type BytesKind,
  MEANT,
  type MeantKind,
  NUMBERS,
  type NumberKind,
  TEXTS,
  type TextKind,
} from './kinds.ts'
import { type FieldPlacement, PLACEMENT } from './options.ts'

/** A kind of field that Zod lacks. */
export type MarkedKind = NumberKind | TextKind | BytesKind | MeantKind

/** The content of a mark. Users write it through `field` and the field types. */
export interface FieldMetadata extends FieldPlacement {
  /** @internal */
  readonly kind?: MarkedKind
}

/** To be raised when an older copy of the library would misread the marks of a newer one. */
const MARK_VERSION = 1
const MARK = Symbol.for('stridedb.field')
const LAYOUT_CHECK = Symbol.for('stridedb.layoutCheck')

interface Mark {
  readonly version: number
  readonly metadata: FieldMetadata
}

/** Marks a new schema. */
export function mark(schema: z.ZodType, metadata: FieldMetadata): void {
  const kind = metadata.kind === undefined ? {} : { kind: Object.freeze({ ...metadata.kind }) }
  const value: Mark = { version: MARK_VERSION, metadata: Object.freeze({ ...metadata, ...kind }) }
  Object.defineProperty(schema, MARK, { value: Object.freeze(value) })
}

/** The marks of a schema and of its originals, merged; later ones win. @throws UnreadableMark */
export function markOf(schema: z.ZodType): FieldMetadata {
  let found: FieldMetadata = {}
  for (let at: z.ZodType | undefined = schema; at !== undefined; at = at._zod.parent as z.ZodType | undefined) {
    const own = Object.getOwnPropertyDescriptor(at, MARK)?.value as Mark | undefined
    if (own !== undefined) found = { ...read(own), ...found }
  }
  return found
}

/** A mark that this copy of the library cannot read. The caller adds the field's path. */
export class UnreadableMark extends Error {}

function read({ version, metadata }: Mark): FieldMetadata {
  if (version !== MARK_VERSION) {
    throw new UnreadableMark(
      `another copy of stridedb made it, whose marks have version ${String(version)} where this copy reads version ${MARK_VERSION}: install one copy`,
    )
  }
  const { kind, ...placement } = metadata
  const given = PLACEMENT.read(placement, 'field')
  if (kind === undefined) return given
  const isKnown = kind.type in NUMBERS || kind.type === 'bytes' || [...TEXTS, ...MEANT].includes(kind.type)
  if (!isKnown)
    throw new UnreadableMark(
      `another copy of stridedb made it, and this copy knows no type ${String(kind.type)}`,
    )
  try {
    return { ...given, kind: checkedKind(kind) }
  } catch (error) {
    throw new UnreadableMark(
      `another copy of stridedb made it, and this copy reads no such kind: ${(error as Error).message}`,
    )
  }
}

/** @throws TypeError, RangeError for parameters that this copy does not know */
function checkedKind(kind: MarkedKind): MarkedKind {
  if (MEANT.includes(kind.type)) return checkedMeant(kind as MeantKind)
  return TEXTS.includes(kind.type) ? checkedText(kind as TextKind) : kind
}

/** Marks a schema whose Zod checks are also made by the codec, so that they do not count as refinements. */
export function markChecks(schema: z.ZodType): void {
  for (const check of schema._zod.def.checks ?? []) Object.defineProperty(check, LAYOUT_CHECK, { value: true })
}

export function isLayoutCheck(check: object): boolean {
  return Object.hasOwn(check, LAYOUT_CHECK)
}
