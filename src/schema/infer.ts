/**
 * Which TypeScript types follow from a schema? Records, field paths, field values, gathered arrays, rows.
 *
 * Types only; nothing here exists at run time.
 */

import type { z } from 'zod'
import type { TypedColumn } from './column.ts'
import type { ColumnOf } from './field-schemas.ts'

/** Any schema that may describe a record. */
export type AnySchema = z.ZodType

/** A record as reading gives it. */
export type Output<S extends z.ZodType> = z.output<S>
/** A record as writing takes it: fields with a default may be left out. */
export type Input<S extends z.ZodType> = z.input<S>
/** The same as Output. */
export type Infer<S extends z.ZodType> = z.output<S>

// A schema is recognised by its definition, as in zod-reader.ts. Comparing it with Zod's classes, member by member, takes the compiler
// ten times as long (docs/performance.md, "Types").
/** A schema with this definition. */
export interface Defined<Def> {
  /** Zod's own. */
  readonly _zod: { readonly def: Def }
}
/** Schemas around another one. */
type WrapperType = 'nullable' | 'optional' | 'default' | 'prefault' | 'readonly'

/** A schema without nullable, optional, default and readonly. */
export type Bare<S> =
  S extends Defined<{ readonly type: WrapperType; readonly innerType: infer I }> ? Bare<I> : S

/** Zod's name for the type of a schema. */
export type TypeOf<S> = S extends Defined<{ readonly type: infer T }> ? T : unknown
/** Whether nothing is known of a schema: it may be of any type. */
export type IsAny<S> = 'object' | 'string' extends TypeOf<S> ? true : false

/** null and undefined, as far as a field's wrappers allow them. */
type Missing<S> = S extends z.core.SomeType ? Extract<z.output<S>, null | undefined> : never

/** The fields of an object's schema. */
export type ShapeOf<S> =
  Bare<S> extends Defined<{ readonly type: 'object'; readonly shape: infer Shape }> ? Shape : never

/** Dotted paths of a schema's fields: 'price' | 'position' | 'position.x'. Any string where the schema is not known. */
export type FieldName<S> =
  IsAny<S> extends true
    ? string
    : { [K in keyof ShapeOf<S> & string]: K | Inner<K, ShapeOf<S>[K]> }[keyof ShapeOf<S> & string]

/** Paths of the fields inside field K. */
type Inner<K extends string, S> = TypeOf<Bare<S>> extends 'object' ? `${K}.${FieldName<Bare<S>>}` : never

/** The schema of a member: a field of an object, an element of a tuple or an array. */
type MemberAt<S, Name extends string> =
  Bare<S> extends Defined<infer Def>
    ? Def extends { readonly type: 'object'; readonly shape: infer Members }
      ? Name extends keyof Members
        ? Members[Name]
        : never
      : Def extends { readonly type: 'tuple'; readonly items: infer Members }
        ? Name extends keyof Members & `${number}`
          ? Members[Name]
          : never
        : Def extends { readonly type: 'array'; readonly element: infer Element }
          ? Name extends `${number}`
            ? Element
            : never
          : never
    : never

/** The schema at a path. */
export type At<S, Path extends string> = Path extends `${infer Head}.${infer Rest}`
  ? At<MemberAt<S, Head>, Rest>
  : MemberAt<S, Path>

/** null and undefined that objects, tuples and arrays around a field may add to it. */
type Around<S, Path extends string> = Path extends `${infer Head}.${infer Rest}`
  ? Missing<MemberAt<S, Head>> | Around<MemberAt<S, Head>, Rest>
  : never

/** The value of the field at a path; null or undefined too where an object around it may be. */
export type FieldValue<S, Path extends string> =
  IsAny<S> extends true
    ? unknown
    : (At<S, Path> extends infer F extends z.core.SomeType ? z.output<F> : never) | Around<S, Path>

/** The array that gathering the field at a path gives. */
export type GatherResult<S, Path extends string> =
  IsAny<S> extends true
    ? TypedColumn | unknown[]
    : [Around<S, Path>] extends [never]
      ? ColumnArrayOf<At<S, Path>>
      : FieldValue<S, Path>[]

/** The gathered array of a field; a plain one where it may be null. */
type ColumnArrayOf<F> = F extends z.core.SomeType
  ? [Missing<F>] extends [never]
    ? BareColumn<Bare<F>>
    : z.output<F>[]
  : never

/** The gathered array of a schema that cannot be null. */
type BareColumn<F> =
  F extends ColumnOf<infer A extends TypedColumn>
    ? unknown extends F['~column']
      ? SchemaColumn<F>
      : A
    : SchemaColumn<F>

/** The gathered array of each of Zod's number formats. */
interface FormatColumns {
  uint32: Uint32Array
  int32: Int32Array
  float32: Float32Array
  float64: Float64Array
  safeint: Float64Array
  int64: BigInt64Array
  uint64: BigUint64Array
}

/** The gathered array that follows from a schema's definition. */
type SchemaColumn<F> = F extends Defined<infer Def> ? DefinedColumn<Def, F> : never

/** The gathered array of a definition. */
type DefinedColumn<Def, F> = Def extends { readonly format: infer N extends keyof FormatColumns }
  ? FormatColumns[N]
  : Def extends { readonly type: 'number' | 'date' }
    ? Float64Array
    : Def extends { readonly type: 'boolean' }
      ? Uint8Array
      : Def extends { readonly type: 'array'; readonly element: infer E }
        ? ColumnArrayOf<E>
        : Def extends { readonly type: 'tuple'; readonly items: infer Items extends readonly unknown[] }
          ? TupleColumn<ColumnArrayOf<Items[number]>, Items[number]>
          : F extends z.core.SomeType
            ? z.output<F>[]
            : never

/** The gathered array of a tuple: that of its elements, or doubles or a plain array where they differ. */
type TupleColumn<C, E> = [C] extends
  | [Uint8Array]
  | [Int8Array]
  | [Uint16Array]
  | [Int16Array]
  | [Uint32Array]
  | [Int32Array]
  | [Float32Array]
  | [Float64Array]
  | [BigInt64Array]
  | [BigUint64Array]
  ? C
  : [C] extends [Exclude<TypedColumn, BigInt64Array | BigUint64Array>]
    ? Float64Array
    : E extends z.core.SomeType
      ? z.output<E>[]
      : never

/** The getters of a row. */
export type RowFields<S> =
  IsAny<S> extends true
    ? Readonly<Record<string, unknown>>
    : {
        readonly [K in keyof ShapeOf<S> & string]: ShapeOf<S>[K] extends infer F extends z.core.SomeType
          ? z.output<F>
          : never
      }

/** The same as RowFields. */
export type Row<S> = RowFields<S>
