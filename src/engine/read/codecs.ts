/**
 * Which codec and which generated classes does a schema have? One of each, however often stores of it are opened.
 *
 * Each compiled codec has functions of its own. Without sharing, a program that opens the same schema several times would call
 * different functions at the same place, which makes optimized code two to five times as slow.
 */

import { StrideError } from '../../errors.ts'
import {
  type AnySchema,
  type Codec,
  type CodecOptions,
  codecFromCanonical,
  codecOf,
  layoutOf,
  type ReaderBaseConstructor,
} from '../../schema/index.ts'
import { EngineRow, type RowOwner } from './row.ts'
import { RowScan } from './scan.ts'

export type RowClass = new (owner: RowOwner) => EngineRow

/** How many codecs of files that were opened without a schema are kept. The oldest is dropped. */
const CANONICAL_MAX = 64

const bySchema = new WeakMap<AnySchema, Map<string, Codec<unknown>>>()
const byCanonical = new Map<string, Codec<unknown>>()
const readerClasses = new WeakMap<Codec<unknown>, Map<unknown, ReaderBaseConstructor>>()
const sharedReaderClasses = new WeakMap<Codec<unknown>, Map<unknown, ReaderBaseConstructor>>()
const walkClasses = new WeakMap<Codec<unknown>, typeof RowScan>()
const rowClasses = new WeakMap<Codec<unknown>, RowClass>()
const seekingRowClasses = new WeakMap<Codec<unknown>, RowClass>()

/** The codec of a schema. @throws ERR_STRIDE_LAYOUT */
export function sharedCodec(
  schema: AnySchema,
  { align, endian, validate }: Pick<CodecOptions, 'align' | 'endian' | 'validate'>,
): Codec<unknown> {
  const key = `${align} ${endian} ${validate}`
  let codecs = bySchema.get(schema)
  if (codecs === undefined) bySchema.set(schema, (codecs = new Map()))
  let codec = codecs.get(key)
  if (codec === undefined) codecs.set(key, (codec = codecOf(schema, { align, endian, validate })))
  return codec
}

/** How a schema is laid out. */
export interface LayoutRules {
  readonly align: 'packed' | 'natural'
  readonly endian: 'little' | 'big'
}

const RULES: readonly LayoutRules[] = [
  { align: 'packed', endian: 'little' },
  { align: 'natural', endian: 'little' },
  { align: 'packed', endian: 'big' },
  { align: 'natural', endian: 'big' },
]

/** The rules by which a schema has the layout of this fingerprint, since a file does not contain them; undefined if none fit. */
export function rulesOf(schema: AnySchema, fingerprint: string): LayoutRules | undefined {
  return RULES.find(rules => {
    try {
      return layoutOf(schema, rules).fingerprint === fingerprint
    } catch (error) {
      // Fixed offsets may be possible with one of the rules only.
      if (error instanceof StrideError && error.code === 'ERR_STRIDE_LAYOUT') return false
      throw error
    }
  })
}

/** The codec of a layout in a file's header. @throws ERR_STRIDE_CORRUPT */
export function sharedCodecOf(canonicalLayout: string): Codec<unknown> {
  let codec = byCanonical.get(canonicalLayout)
  if (codec === undefined) {
    codec = codecFromCanonical(canonicalLayout) as Codec<unknown>
    if (byCanonical.size >= CANONICAL_MAX) byCanonical.delete(byCanonical.keys().next().value as string)
    byCanonical.set(canonicalLayout, codec)
  }
  return codec
}

/**
 * The class of stores that read records of this codec, side by side: `base`, with `get` and `field` generated where
 * they can be.
 * @param isShared whether another process writes meanwhile
 */
export function readerClassOf<C>(base: C, codec: Codec<unknown>, isShared = false): C {
  const all = isShared ? sharedReaderClasses : readerClasses
  let classes = all.get(codec)
  if (classes === undefined) all.set(codec, (classes = new Map()))
  let readerClass = classes.get(base)
  if (readerClass === undefined) {
    readerClass = codec.readerClass(base as ReaderBaseConstructor, isShared)
    Object.defineProperty(readerClass, 'name', { value: (base as ReaderBaseConstructor).name })
    classes.set(base, readerClass)
  }
  return readerClass as C
}

/** The class of walks over records of this codec, which lie side by side. */
export function walkClassOf(codec: Codec<unknown>): typeof RowScan {
  let walkClass = walkClasses.get(codec)
  if (walkClass === undefined) walkClasses.set(codec, (walkClass = codec.walkClass(RowScan)))
  return walkClass
}

/**
 * The class of rows that read records of this codec.
 * @param seeksHot whether the hot records of their reader lie side by side, and rows may stand on them
 */
export function rowClassOf(codec: Codec<unknown>, seeksHot: boolean): RowClass {
  const classes = seeksHot ? seekingRowClasses : rowClasses
  let rowClass = classes.get(codec)
  if (rowClass === undefined) {
    rowClass = codec.rowClass(EngineRow, seeksHot) as unknown as RowClass
    if (codec.hasField('toJSON')) rowClass = enumerableRowClass(rowClass, codec)
    classes.set(codec, rowClass)
  }
  return rowClass
}

/** The class with its fields as own properties, which JSON.stringify needs if a field is named toJSON. */
function enumerableRowClass(rowClass: RowClass, codec: Codec<unknown>): RowClass {
  const members = Object.entries(Object.getOwnPropertyDescriptors(rowClass.prototype))
  const fields = members.filter(([name, { get }]) => get !== undefined && codec.hasField(name))
  return class extends rowClass {
    constructor(owner: RowOwner) {
      super(owner)
      for (const [name, field] of fields) {
        Object.defineProperty(this, name, { ...field, enumerable: true })
      }
    }
  }
}
