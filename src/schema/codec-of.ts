/**
 * Which codec does a schema get: generated code, or the reference that walks the layout?
 *
 *   CO1  both codecs write the same bytes for a value that fits, and refuse the same values.
 *   CO2  Zod runs only if a schema says more than its layout does, only on writes, and only with `validate`.
 *   CO3  where code generation is forbidden, the plain codec is used; `compiled` says which one it is.
 * The reference: plain-codec.ts. The generated one: compiled-codec.ts.
 */

import type { z } from 'zod'
import { parseCanonical } from './canonical.ts'
import type { Codec, RowConstructor } from './codec.ts'
import type { Column } from './column.ts'
import { compileCodec } from './compiled-codec.ts'
import { unknownField } from './fields.ts'
import { isRecord, notChanges, refusal } from './fit.ts'
import { type Layout, makeLayout, placeRecord } from './layout.ts'
import { CODEC, COMPILING, type CodecOptions } from './options.ts'
import {
  fieldsByPath,
  imageAt,
  plainCopying,
  plainCopyingPatch,
  plainDecode,
  plainEncode,
  plainField,
  plainPatch,
} from './plain-codec.ts'
import { plainColumn } from './plain-column.ts'
import { type RowBase, type RowBaseConstructor, rowAccess } from './row.ts'
import { type RefinedField, readSchema, zodIssues } from './zod-reader.ts'

/**
 * The codec of a Zod object.
 * @throws {StrideError} ERR_STRIDE_LAYOUT for a schema without a layout
 * @throws TypeError, RangeError for invalid arguments
 */
export function codecOf<S extends z.ZodType>(schema: S, options?: CodecOptions): Codec<z.output<S>> {
  const given = CODEC.read(options, 'codecOf')
  const { declared, refinements } = readSchema(schema)
  const codec = codecOfLayout(placeRecord(declared, given), given.compile)
  const isRefined = refinements !== 'none' && given.validate
  return (isRefined ? refinedCodec(codec, schema, refinements) : codec) as Codec<z.output<S>>
}

/** The layout that a canonical text describes. @throws {StrideError} ERR_STRIDE_CORRUPT, _FORMAT_NEWER */
export function layoutFromCanonical(text: string): Layout {
  const { root, bitmap } = parseCanonical(text)
  return makeLayout(root, bitmap)
}

/** The codec of a canonical text, without defaults and refinements. @throws as `layoutFromCanonical` */
export function codecFromCanonical(
  text: string,
  options?: Pick<CodecOptions, 'compile'>,
): Codec<Record<string, unknown>> {
  const { compile } = COMPILING.read(options, 'codecFromCanonical')
  return codecOfLayout(layoutFromCanonical(text), compile) as Codec<Record<string, unknown>>
}

function codecOfLayout(layout: Layout, compile: boolean): Codec {
  const plain = plainCodec(layout)
  return compile ? (compileCodec(layout, plain) ?? plain) : plain
}

/** The reference codec. */
export function plainCodec(layout: Layout): Codec {
  const fields = fieldsByPath(layout)
  const columns = new Map<string, Column>()
  const find = (name: string) => {
    const field = fields.get(name)
    if (field === undefined) throw unknownField(name, [...fields.keys()])
    return field
  }
  return {
    layout,
    compiled: false,
    refined: false,
    encode: (value, view, bytes, at) => plainEncode(layout, value, imageAt(layout, view, bytes, at)),
    patch: (change, view, bytes, at) => plainPatch(layout, change, imageAt(layout, view, bytes, at)),
    decode: (view, bytes, at) => plainDecode(layout, imageAt(layout, view, bytes, at)),
    readField: (view, bytes, at, name) => plainField(find(name), imageAt(layout, view, bytes, at)),
    copying: () => ({
      encode: (value, view, bytes, at) => plainCopying(layout, value, imageAt(layout, view, bytes, at)),
      patch: (change, view, bytes, at) => plainCopyingPatch(layout, change, imageAt(layout, view, bytes, at)),
    }),
    hasField: name => fields.has(name),
    rowClass<B extends RowBaseConstructor>(base: B): RowConstructor<B> {
      class Row extends (base as unknown as new () => object) {}
      for (const { name } of layout.root.members) {
        const field = find(name)
        Object.defineProperty(Row.prototype, name, {
          get(this: RowBase) {
            if (rowAccess.stands(this) === 0) rowAccess.find(this)
            const image = imageAt(layout, rowAccess.view(this), rowAccess.bytes(this), rowAccess.at(this))
            return plainField(field, image)
          },
          configurable: true,
        })
      }
      return Row as unknown as RowConstructor<B>
    },
    readerClass: base => base,
    walkClass: base => base,
    column(name) {
      let column = columns.get(name)
      if (column === undefined) {
        column = plainColumn(layout, find(name))
        columns.set(name, column)
      }
      return column
    },
  }
}

/**
 * Runs Zod on every write of a codec. Zod gets a copy of the record, and the bytes are written before a refinement can change that
 * copy. So the stored record is the one that was checked and given. Where Zod refuses a patch, the old bytes are restored.
 */
function refinedCodec(codec: Codec, schema: z.ZodType, refinements: 'whole' | readonly RefinedField[]): Codec {
  const write = codec.copying()
  const checkWhole = (record: unknown): void => {
    const issues = zodIssues(schema, record, 'the record')
    if (issues !== null) throw refusal(issues)
  }
  // Checking a record takes Zod several times as long as checking one field.
  const checkFields = (record: Readonly<Record<string, unknown>>, fields: readonly RefinedField[]): void => {
    for (const { name, schema: field } of fields) {
      const issues = zodIssues(field, record[name], `the field '${name}'`)
      if (issues !== null) throw refusal(issues.map(issue => ({ ...issue, path: [name, ...issue.path] })))
    }
  }
  return {
    ...codec,
    refined: true,
    encode(value, view, bytes, at) {
      const { value: record, issues } = write.encode(value, view, bytes, at)
      if (refinements === 'whole') checkWhole(record)
      else if (isRecord(record)) checkFields(record, refinements)
      if (issues !== null) throw refusal(issues)
    },
    patch(change, view, bytes, at) {
      if (!isRecord(change)) throw refusal(notChanges())
      const before = Buffer.from(bytes.subarray(at, at + codec.layout.recordSize))
      try {
        const record = refinements === 'whole' ? (codec.decode(view, bytes, at) as object) : undefined
        const { value: fields, issues } = write.patch(change, view, bytes, at)
        if (refinements === 'whole') checkWhole({ ...record, ...fields })
        else
          checkFields(
            fields,
            refinements.filter(({ name }) => Object.hasOwn(fields, name)),
          )
        if (issues !== null) throw refusal(issues)
      } catch (error) {
        bytes.set(before, at)
        throw error
      }
    },
  }
}
