/**
 * What does a Zod schema declare? The only file that reads Zod's insides (schema._zod.def, Zod 4.6).
 *
 *   ZR1  a schema without a fixed size is refused with the field's path, and with a type to use instead.
 *   ZR2  a check that the layout does not make itself makes the schema refined. Zod then runs on each write, over the fields with such
 *        checks, or over the whole record if the record has one.
 *   ZR3  whatever changes a value (transform, trim, coerce, catch) is refused: the value that was given is stored, with or without
 *        validation.
 * Where the fields lie: layout.ts.
 */

import type { z } from 'zod'
import type { Issue } from '../errors.ts'
import { shown } from '../options/shown-value.ts'
import { className, isError } from '../runtime/realms.ts'
import type { Declared, DeclaredKind, DeclaredObject } from './declared.ts'
import { type FieldMetadata, isLayoutCheck, markOf, UnreadableMark } from './field-marks.ts'
import { BIGINTS, type EnumKind, type IntegerType, type Member, NUMBERS, type NumberType } from './kinds.ts'
import type { FieldPlacement } from './options.ts'
import { tagOf } from './unions.ts'
import { enumValues, readEnum } from './zod-enum.ts'
import { join, noLayout, refused } from './zod-refusals.ts'
import { isSchema, refuseOldSchema, whyUnreadable } from './zod-version.ts'

export interface ReadSchema {
  readonly declared: Declared & { readonly type: 'object' }
  /** Where the schema has checks that its layout does not make. */
  readonly refinements: Refinements
}

/** What Zod checks on a write: nothing, these top-level fields, or the whole record. */
export type Refinements = 'none' | 'whole' | readonly RefinedField[]

export interface RefinedField {
  readonly name: string
  readonly schema: z.ZodType
}

/** The part of a schema definition that is read here. */
interface Def {
  readonly type: string
  readonly check?: string
  readonly format?: string
  readonly coerce?: boolean
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDef } }[]
  readonly innerType?: z.ZodType
  readonly defaultValue?: unknown
  readonly entries?: Readonly<Record<string, string | number>>
  readonly values?: readonly unknown[]
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly catchall?: z.ZodType
  readonly items?: readonly z.ZodType[]
  readonly rest?: z.ZodType | null
  readonly element?: z.ZodType
  readonly options?: readonly z.ZodType[]
  readonly discriminator?: string
}

interface CheckDef {
  readonly check: string
  readonly format?: string
  readonly length?: number
}

interface Reading {
  /** Dotted paths of the fields with checks that the layout does not make; '' is the record itself. */
  readonly refined: Set<string>
  /** Definitions of the objects around, to find one that contains itself. */
  readonly around: Set<Def>
  /** Levels of nesting. */
  depth: number
}

/** A schema with more levels than this is refused, as one that contains itself is. */
const DEPTH_MAX = 64

interface Wrapping {
  nullable: boolean
  optional: boolean
  fallback: (() => unknown) | null
  metadata: FieldMetadata
}

const NUMBER_FORMATS: Readonly<Record<string, NumberType>> = {
  uint32: 'u32',
  int32: 'i32',
  float32: 'f32',
  float64: 'f64',
  safeint: 'safeint',
}

/** Names that the row itself has. */
const ROW_NAMES = ['number', 'seek', 'toObject']

/** @throws ERR_STRIDE_LAYOUT with the field and a type to use instead */
export function readSchema(schema: z.ZodType): ReadSchema {
  refuseOldSchema(schema, 'The schema')
  if (!isSchema(schema)) {
    throw new TypeError(`The schema of a record must be a Zod object, z.object({ … }): ${shown(schema)}`)
  }
  const reading: Reading = { refined: new Set(), around: new Set(), depth: 0 }
  const declared = readNode(schema, '', reading)
  if (declared.type !== 'object') throw refused('', `a record is a z.object({ … }), not ${nameOf(schema)}`)
  if (declared.nullable || declared.optional)
    throw refused('', 'a record itself cannot be nullable or optional')
  if (declared.members.length === 0) throw refused('', 'a record needs at least one field')
  for (const { name } of declared.members) {
    if (ROW_NAMES.includes(name)) {
      throw refused(name, `the name is the row's own (${ROW_NAMES.join(', ')}): choose another`)
    }
  }
  return { declared, refinements: refinementsOf(schema, reading.refined) }
}

/**
 * The integer type of a schema, and the place that was fixed for it.
 * @param call for the message
 * @throws TypeError if the schema is anything but an integer
 */
export function integerOf(
  schema: z.ZodType,
  call: string,
): { readonly type: IntegerType; readonly placement: FieldPlacement } {
  const refuse = (): TypeError =>
    new TypeError(`${call} takes the integer type it is stored as, u8() to i64(): ${shown(schema)}`)
  refuseOldSchema(schema, `The integer type given to ${call}`)
  if (!isSchema(schema)) throw refuse()
  const reading: Reading = { refined: new Set(), around: new Set(), depth: 0 }
  const { type, nullable, optional, fallback, fixed } = readNode(schema, call, reading)
  const isInteger =
    type in BIGINTS || (type in NUMBERS && type !== 'safeint' && NUMBERS[type as NumberType].integer)
  const isPlain = !nullable && !optional && fallback === null && reading.refined.size === 0
  if (!isInteger || !isPlain) throw refuse()
  return { type: type as IntegerType, placement: fixed }
}

function refinementsOf(schema: z.ZodType, paths: ReadonlySet<string>): Refinements {
  if (paths.size === 0) return 'none'
  if (paths.has('')) return 'whole'
  let def = defOf(schema)
  while (def.innerType !== undefined) def = defOf(def.innerType)
  const shape = def.shape ?? {}
  const names = new Set(Array.from(paths, path => path.split('.', 1)[0] as string))
  return Array.from(names, name => ({ name, schema: shape[name] as z.ZodType }))
}

/**
 * Runs Zod over a value.
 * @param what names the value in the message
 * @returns null if it passes, otherwise Zod's issues
 * @throws TypeError if a refinement returns a promise, since a write must be done when its call returns
 */
export function zodIssues(schema: z.ZodType, value: unknown, what: string): readonly Issue[] | null {
  try {
    const result = schema.safeParse(value)
    return result.success ? null : (result.error.issues as readonly Issue[])
  } catch (error) {
    if (!isPromiseInParse(error)) throw error
    const message = `Refinements must be synchronous, and one of ${what} answers a promise: check it before writing`
    throw new TypeError(message, { cause: error })
  }
}

/** Whether this is Zod's error for a promise. Its message is checked, too, since minifiers rename classes. */
function isPromiseInParse(error: unknown): error is Error {
  if (!isError(error)) return false
  return (
    className(error) === '$ZodAsyncError' ||
    error.message.startsWith('Encountered Promise during synchronous parse')
  )
}

function readNode(schema: z.ZodType, path: string, reading: Reading): Declared {
  if (reading.depth >= DEPTH_MAX) throw refused(path, `fields lie at most ${DEPTH_MAX} levels deep`)
  reading.depth++
  const wrapping: Wrapping = { nullable: false, optional: false, fallback: null, metadata: {} }
  const inner = unwrap(schema, path, reading, wrapping)
  const { nullable, optional, fallback, metadata } = wrapping
  const kind = readKind(inner, defOf(inner), path, reading, metadata)
  reading.depth--
  const { offset, width, endian } = metadata
  return {
    ...kind,
    nullable,
    optional,
    fallback,
    fixed: {
      ...(offset === undefined ? {} : { offset }),
      ...(width === undefined ? {} : { width }),
      ...(endian === undefined ? {} : { endian }),
    },
  }
}

/** Removes nullable, optional, default and readonly from a schema. */
function unwrap(schema: z.ZodType, path: string, reading: Reading, wrapping: Wrapping): z.ZodType {
  let next = schema
  for (;;) {
    const at = next
    const obstacle = whyUnreadable(at)
    if (obstacle !== undefined) throw refused(path, obstacle)
    const def = defOf(at)
    wrapping.metadata = { ...readMark(at, path), ...wrapping.metadata }
    switch (def.type) {
      case 'nullable':
        wrapping.nullable = true
        break
      case 'optional':
        if (at._zod.traits.has('$ZodExactOptional')) throw noLayout('exactOptional', path)
        wrapping.optional = true
        break
      case 'default':
      case 'prefault':
        // The definition's defaultValue is a getter, so a default that is a function runs at each write.
        wrapping.fallback ??= () => def.defaultValue
        break
      case 'readonly':
        break
      default: {
        // field() turns a lenient schema into a union: the schema itself, or a number.
        const inner = def.type === 'union' && wrapping.metadata.lenient ? def.options?.[0] : undefined
        if (inner === undefined) return at
        next = inner
      }
    }
    if (def.checks?.length) reading.refined.add(path)
    if (def.innerType !== undefined) next = def.innerType
  }
}

function readMark(schema: z.ZodType, path: string): FieldMetadata {
  try {
    return markOf(schema)
  } catch (error) {
    if (!(error instanceof UnreadableMark)) throw error
    throw refused(path, error.message)
  }
}

function readKind(
  schema: z.ZodType,
  def: Def,
  path: string,
  reading: Reading,
  metadata: FieldMetadata,
): DeclaredKind {
  if (def.coerce) throw refused(path, `z.coerce.${def.type}() has no layout: convert before writing`)
  const checks = readChecks(def, path, reading)
  const { lenient = false, kind } = metadata
  const isDos = kind?.type === 'dosdatetime' || kind?.type === 'dosdate'
  if (lenient && !isDos && !['boolean', 'enum', 'literal'].includes(def.type)) {
    throw refused(path, 'lenient is for booleans, enums, literals and times of DOS')
  }
  if (isDos) return { ...kind, lenient: lenient || kind.lenient }
  if (kind !== undefined) return kind
  switch (def.type) {
    case 'number': {
      const format = def.format ?? checks.format
      const type = format === undefined ? 'f64' : NUMBER_FORMATS[format]
      if (type === undefined) throw refused(path, `the number format ${format} has no layout`)
      return { type, nonFinite: false }
    }
    case 'bigint':
      if (def.format === 'int64') return { type: 'i64' }
      if (def.format === 'uint64') return { type: 'u64' }
      throw noLayout('bigint', path)
    case 'boolean':
      return { type: 'boolean', lenient }
    case 'date':
      return { type: 'date' }
    case 'enum':
      return readEnum(enumValues(def.entries ?? {}), path, metadata)
    case 'literal':
      return readEnum(def.values ?? [], path, metadata)
    case 'object':
      return readObject(def, path, reading)
    case 'tuple': {
      if (def.rest) throw refused(path, 'a tuple with a rest has no fixed size: use z.tuple([…]) without one')
      const items = def.items ?? []
      if (items.length === 0) throw refused(path, 'an empty tuple has no layout: leave the field out')
      return { type: 'tuple', items: items.map((item, i) => readNode(item, join(path, i), reading)) }
    }
    case 'array': {
      const { length } = checks
      if (length === undefined) throw noLayout('array', path)
      if (length < 1) throw refused(path, 'an empty array has no layout: leave the field out')
      return { type: 'array', element: readNode(def.element as z.ZodType, join(path, 0), reading), length }
    }
    case 'union':
      if (def.discriminator === undefined) throw noLayout('union', path)
      return readUnion(def, def.discriminator, path, reading)
    default:
      throw noLayout(schema._zod.traits.has('$ZodPreprocess') ? 'preprocess' : pipeName(def), path)
  }
}

function readObject(def: Def, path: string, reading: Reading): DeclaredKind {
  const catchall = def.catchall === undefined ? 'never' : defOf(def.catchall).type
  if (catchall !== 'never' && catchall !== 'unknown') {
    throw refused(
      path,
      'an object with .catchall(…) has no fixed size: spell the fields out, or use z.looseObject',
    )
  }
  if (reading.around.has(def)) {
    throw refused(path, "a record cannot contain itself: keep the other record's number, as z.uint32()")
  }
  reading.around.add(def)
  const members: Member<Declared>[] = []
  for (const [name, child] of Object.entries(def.shape ?? {})) {
    if (name === '') throw refused(path, 'a field needs a name')
    const childPath = join(path, name)
    if (name.includes('.')) throw refused(childPath, 'a field name cannot contain a dot, which separates paths')
    // Reading a record would need Object.defineProperty for it, and many tools do not handle such a property.
    if (name === '__proto__') throw refused(childPath, 'the name __proto__ is not allowed: choose another')
    members.push({ name, node: readNode(child, childPath, reading) })
  }
  reading.around.delete(def)
  if (members.length === 0) throw refused(path, 'an object without fields has no layout')
  return { type: 'object', members, loose: catchall === 'unknown' }
}

function readUnion(def: Def, tag: string, path: string, reading: Reading): DeclaredKind {
  const options = def.options ?? []
  const given = options.map(option => {
    const schema = defOf(option).shape?.[tag]
    return schema === undefined ? undefined : readMark(schema, path).codes
  })
  const isCounted = given.every(codes => codes === undefined)
  let next = 0
  const variants = options.map((option): DeclaredObject => {
    const variant = readNode(option, path, reading)
    if (variant.type !== 'object' || variant.nullable || variant.optional)
      throw refused(path, 'each variant of a union is a plain z.object({ … })')
    const node = tagOf(variant, tag)
    if (node === undefined) throw refused(join(path, tag), 'the tag of a union is a z.literal(…) or z.enum(…)')
    // Codes that are not given are counted across all variants.
    const codes = isCounted ? node.values.map(() => next++) : node.codes
    return withTag(variant, tag, { ...node, codes })
  })
  const most = variants.flatMap(variant => tagOf(variant, tag)?.codes ?? []).reduce((a, b) => Math.max(a, b), 0)
  const width = most < 0x100 ? 1 : 2
  return {
    type: 'union',
    tag,
    variants: variants.map(variant => {
      const node = tagOf(variant, tag) as Declared & EnumKind
      return withTag(variant, tag, { ...node, fixed: { width, ...node.fixed } })
    }),
  }
}

function withTag(variant: DeclaredObject, tag: string, node: Declared): DeclaredObject {
  return { ...variant, members: variant.members.map(each => (each.name === tag ? { name: tag, node } : each)) }
}

function readChecks(def: Def, path: string, reading: Reading): { format?: string; length?: number } {
  const found: { format?: string; length?: number } = {}
  for (const check of def.checks ?? []) {
    const checkDef = check._zod.def
    if (isLayoutCheck(check)) continue
    if (checkDef.check === 'overwrite') {
      throw refused(
        path,
        'a check that changes the text (trim, toLowerCase, normalize …): convert before writing',
      )
    }
    if (def.type === 'array' && checkDef.check === 'length_equals' && found.length === undefined) {
      found.length = checkDef.length as number
    } else if (def.type === 'number' && checkDef.check === 'number_format' && checkDef.format === 'safeint') {
      found.format = 'safeint'
    } else {
      reading.refined.add(path)
    }
  }
  return found
}

function defOf(schema: z.ZodType): Def {
  return schema._zod.def as unknown as Def
}

function pipeName(def: Def): string {
  if (def.type !== 'pipe') return def.type
  const out = (def as unknown as { out: z.ZodType }).out
  return defOf(out).type === 'transform' ? 'transform' : 'pipe'
}

function nameOf(schema: z.ZodType): string {
  return `z.${defOf(schema).type}`
}
