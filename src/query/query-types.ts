/**
 * Which TypeScript types do queries and aggregates have? They follow from the schema of the records.
 *
 * Types only; nothing here exists at run time. `undefined` is no condition: where a member of a condition may be left out, it may not be
 * undefined. Paths and values of fields: schema/infer.ts.
 */

import type { At, Bare, Defined, FieldValue, IsAny, ShapeOf, TypeOf } from '../schema/index.ts'

/**
 * Dotted paths of the fields that a query may name: those of FieldName, and elements of tuples and arrays: 'position.0',
 * 'levels.3.price'. Any string where the schema is not known.
 */
export type QueryField<S> = IsAny<S> extends true ? string : PathTo<S, unknown>
/** Paths of numbers and bigints, which have a sum. */
export type NumericField<S> = FieldOf<S, number | bigint>
/** Paths of numbers, bigints and dates, which have quantiles and a histogram. */
export type MeasuredField<S> = FieldOf<S, number | bigint | Date>
/** Paths of values that have an order: numbers, bigints, dates, text, enums and booleans. */
export type OrderedField<S> = FieldOf<S, number | bigint | Date | string | boolean>

/** Paths of fields whose values, null and undefined aside, are a V. */
type FieldOf<S, V> = IsAny<S> extends true ? string : PathTo<S, V | null | undefined>

/** Paths below an object's schema whose values are a V. */
type PathTo<S, V> = {
  [K in keyof ShapeOf<S> & string]: PathFrom<K, ShapeOf<S>[K], V>
}[keyof ShapeOf<S> & string]

/** A path, if its values are a V, and the paths below it. */
type PathFrom<K extends string, F, V> =
  | (F extends { readonly _zod: { readonly output: V } } ? K : never)
  | (TypeOf<Bare<F>> extends 'object' | 'tuple' | 'array' ? PathBelow<K, Bare<F>, V> : never)

/** The paths below a path: members of an object, elements of a tuple or an array. */
type PathBelow<K extends string, F, V> =
  F extends Defined<infer Def>
    ? Def extends { readonly type: 'array'; readonly element: infer E }
      ? PathFrom<`${K}.${number}`, E, V>
      : Def extends { readonly type: 'tuple'; readonly items: infer Items }
        ? { [I in keyof Items & `${number}`]: PathFrom<`${K}.${I}`, Items[I], V> }[keyof Items & `${number}`]
        : `${K}.${PathTo<F, V>}`
    : never

/** A value of a prepared query that is given when it runs: `param('name')`. */
export interface Param<Name extends string = string> {
  /** The name under which the value is given. */
  readonly '~param': Name
}
/** The values that a prepared query takes at each run, by the names of its parameters. They are checked at run time. */
export type ParamsOf<Name extends string> = { readonly [N in Name]: unknown }

/** A list of values, or a parameter for the whole list. */
type List<V, P> = readonly (V | P)[] | P

/** Operators for every value. A value without operators means `eq`. */
export interface Equality<V, P = never> {
  /** Equal. */
  readonly eq?: V | P
  /** Not equal. */
  readonly ne?: V | P
  /** Equal to one of these. */
  readonly in?: List<V, P>
  /** Equal to none of these. */
  readonly notIn?: List<V, P>
  /** Whether the value is null or absent. */
  readonly isNull?: boolean
  /** Whether there is a value. */
  readonly isNotNull?: boolean
  /** The condition does not hold. */
  readonly NOT?: Condition<V, P>
}
/** Operators for values that have an order. */
export interface Order<V, P = never> extends Equality<V, P> {
  /** Greater than. */
  readonly gt?: NonNullable<V> | P
  /** Greater than or equal. */
  readonly gte?: NonNullable<V> | P
  /** Less than. */
  readonly lt?: NonNullable<V> | P
  /** Less than or equal. */
  readonly lte?: NonNullable<V> | P
  /** From the first value to the second, both included. */
  readonly between?: readonly [low: NonNullable<V> | P, high: NonNullable<V> | P]
}
/** Operators for text. */
export interface TextConditions<V, P = never> extends Order<V, P> {
  /** Begins with this text. */
  readonly startsWith?: string | P
  /** Ends with this text. */
  readonly endsWith?: string | P
  /** Has this text in it. */
  readonly contains?: string | P
}
/** Operators for integers. */
export interface BitConditions<V, P = never> extends Order<V, P> {
  /** Has all bits of this mask. */
  readonly hasAll?: NonNullable<V> | P
  /** Has at least one bit of this mask. */
  readonly hasAny?: NonNullable<V> | P
}
/** Operators for bytes. */
export interface BytesConditions<V, P = never> extends Equality<V, P> {
  /** Has these bytes in it. */
  readonly contains?: Uint8Array | P
}
/** Operators for tuples and arrays, of elements E. Their elements have paths of their own. */
export interface ListConditions<V, E> {
  /** Equal: each element is. */
  readonly eq?: V
  /** Not equal. */
  readonly ne?: V
  /** Equal to one of these. */
  readonly in?: readonly V[]
  /** Equal to none of these. */
  readonly notIn?: readonly V[]
  /** Has all of these elements. */
  readonly hasAll?: readonly E[]
  /** Has at least one of these elements. */
  readonly hasAny?: readonly E[]
  /** Whether it is null or absent. */
  readonly isNull?: boolean
  /** Whether it is there. */
  readonly isNotNull?: boolean
  /** The condition does not hold. */
  readonly NOT?: ListConditions<V, E>
}

/** Operators for values of type V. */
type Operators<V, P> = [V] extends [string | null]
  ? TextConditions<V, P>
  : [V] extends [number | bigint | null]
    ? BitConditions<V, P>
    : [V] extends [number | bigint | string | Date | null]
      ? Order<V, P>
      : [V] extends [Uint8Array | null]
        ? BytesConditions<V, P>
        : Equality<V, P>

/** What a value of type V may be asked: a value, which means `eq`, or operators, all of which must hold. P: parameters. */
export type Condition<V, P = never> = unknown extends V
  ? unknown
  : [V] extends [readonly unknown[] | null | undefined]
    ? ListCondition<Exclude<V, undefined>>
    : Exclude<V, undefined> | P | Operators<Exclude<V, undefined>, P>

/** What a tuple or an array may be asked. */
type ListCondition<V> = V | (NonNullable<V> extends readonly (infer E)[] ? ListConditions<V, E> : never)

/** What the field at a path may be asked. */
type FieldCondition<S, Path extends string, P> = ConditionOn<Bare<At<S, Path>>, FieldValue<S, Path>, P>

/** What a field with this schema and these values may be asked. Floats have no bits. */
type ConditionOn<F, V, P> =
  F extends Defined<infer Def>
    ? Def extends { readonly type: 'object' }
      ? ObjectCondition<F, V, P>
      : Def extends { readonly type: 'union'; readonly discriminator: string }
        ? Presence<Presence<never>> | Extract<V, null>
        : Def extends { readonly format: 'float32' | 'float64' }
          ? Exclude<V, undefined> | P | Order<Exclude<V, undefined>, P>
          : Condition<V, P>
    : never

/** What may be asked of an object as a whole. */
interface Presence<Inner> {
  /** Whether it is null or absent. */
  readonly isNull?: boolean
  /** Whether it is there. */
  readonly isNotNull?: boolean
  /** The condition does not hold. */
  readonly NOT?: Inner
}

/** What an object may be asked: conditions on its fields, all of which must hold, and whether it is there. */
type ObjectCondition<F, V, P> = (FieldConditions<F, P> & Presence<ObjectCondition<F, V, P>>) | Extract<V, null>

/** Conditions on fields by their paths. */
type FieldConditions<S, P> = { readonly [Path in QueryField<S>]?: FieldCondition<S, Path, P> }

/** Conditions on records. */
type RecordConditions<S, P> = IsAny<S> extends true ? Readonly<Record<string, unknown>> : FieldConditions<S, P>

/** How conditions are joined. */
interface Joined<Each> {
  /** All of these hold. */
  readonly AND?: Each | readonly Each[]
  /** At least one of these holds. */
  readonly OR?: readonly Each[]
  /** None of these holds. */
  readonly NOT?: Each | readonly Each[]
}

/**
 * Which records: conditions by paths of fields, all of which must hold. Fields of an object may also be in an object: 'address.city', or
 * { address: { city } }. In a prepared query, P is Param: a value may be a parameter.
 */
export type Where<S, P = never> = RecordConditions<S, P> & Joined<Where<S, P>>

/** Which fields a result has, by their paths. */
export type Select<S> = readonly QueryField<S>[]

/** Whole records. Comparing the schema with Zod's class takes the compiler much longer. */
type OutputOf<S> = S extends { readonly _zod: { readonly output: infer O } } ? O : unknown

/** A result of a query: the selected fields under the paths that `select` gives, or whole records where F is never. */
export type Selected<S, F extends string = never> = [F] extends [never]
  ? OutputOf<S>
  : { [Path in F]: FieldValue<S, Path> }

/** 'asc': the lowest value first. 'desc': the highest. */
export type Direction = 'asc' | 'desc'
/** In which order, by names. Later ones decide between equals. */
type OrderOf<Name extends string> = { readonly [N in Name]?: Direction }
/** In which order: directions by the paths of fields, in one object or in several. Later ones decide between equals. */
export type OrderBy<S> = OrderOf<QueryField<S>> | readonly OrderOf<QueryField<S>>[]

/** What a query asks. F: the selected paths. */
export interface QueryOptions<S, F extends QueryField<S> = QueryField<S>, P = never> {
  /** Which records; all by default. */
  readonly where?: Where<S, P>
  /** Which fields; whole records by default. */
  readonly select?: readonly F[] | undefined
  /** In which order; by record number by default. */
  readonly orderBy?: OrderBy<S> | undefined
  /** At most so many results. */
  readonly limit?: number | undefined
  /** Leaves out so many results first. */
  readonly offset?: number | undefined
}

/** The operand of each aggregate. */
interface Operands<S> {
  /** Records, or values of a field that are not null. */
  readonly count: true | QueryField<S>
  /** The sum of the values that are not null. */
  readonly sum: NumericField<S>
  /** The lowest value that is not null. */
  readonly min: OrderedField<S>
  /** The highest value that is not null. */
  readonly max: OrderedField<S>
  /** The mean of the values that are not null. */
  readonly avg: NumericField<S>
  /** How many different values that are not null. */
  readonly distinct: QueryField<S>
  /** The value that so great a part of the values, 0 to 1, does not exceed. */
  readonly quantile: readonly [field: MeasuredField<S>, part: number]
  /** The value in the first record. */
  readonly first: QueryField<S>
  /** The value in the last record. */
  readonly last: QueryField<S>
}

/** One aggregate: { count: true }, { sum: 'qty' }, { quantile: ['price', 0.99] }. */
export type Aggregate<S> = { [Op in keyof Operands<S>]: Only<S, Op> }[keyof Operands<S>]
/** One operand and no other. */
type Only<S, Op extends keyof Operands<S>> = Pick<Operands<S>, Op> & {
  readonly [Other in Exclude<keyof Operands<S>, Op>]?: never
}
/** Aggregates by the names that they have in the result. */
export type Aggregates<S> = Readonly<Record<string, Aggregate<S>>>

/** The value of an aggregate. */
export type AggregateValue<S, A> = A extends { readonly count: unknown } | { readonly distinct: unknown }
  ? number
  : A extends { readonly sum: infer Path extends string }
    ? Summed<FieldValue<S, Path>>
    : A extends { readonly avg: unknown }
      ? number | null
      : A extends { readonly quantile: readonly [infer Path extends string, number] }
        ? Measured<FieldValue<S, Path>> | null
        : A extends { readonly min: infer Path extends string } | { readonly max: infer Path extends string }
          ? Present<FieldValue<S, Path>> | null
          : A extends
                | { readonly first: infer Path extends string }
                | { readonly last: infer Path extends string }
            ? FieldValue<S, Path> | null
            : never

/** A sum of values of type V. */
type Summed<V> = unknown extends V ? number | bigint : [V] extends [bigint | null | undefined] ? bigint : number
/** A value that is there. */
type Present<V> = unknown extends V ? unknown : NonNullable<V>
/** A quantile of values of type V: a date of dates, otherwise a number. */
type Measured<V> = unknown extends V ? number | Date : [V] extends [Date | null | undefined] ? Date : number

/** One result of an aggregate query: the group's fields by their paths, then the aggregates. */
export type AggregateRow<S, G extends string, A> = {
  [Name in G | (keyof A & string)]: Name extends keyof A ? AggregateValue<S, A[Name]> : FieldValue<S, Name>
}

/** What an aggregate query gives: one object, or an array of one for each group. */
export type AggregateResult<S, G extends string, A> = [G] extends [never]
  ? AggregateRow<S, never, A>
  : AggregateRow<S, G, A>[]

/** A value of a result. */
type ResultValue = number | bigint | string | boolean | Date | null
/** Conditions on aggregates by their names. */
export type Having<A, P = never> = {
  readonly [Name in keyof A & string]?: ResultValue | P | Order<ResultValue, P>
} & Joined<Having<A, P>>

/** What an aggregate query asks. G: the grouped paths, A: the aggregates. */
export interface AggregateOptions<S, G extends QueryField<S>, A extends Aggregates<S>, P = never> {
  /** Which records; all by default. */
  readonly where?: Where<S, P>
  /** One result for each combination of values of these fields; one for all records by default. */
  readonly groupBy?: readonly G[] | undefined
  /** What each result has. */
  readonly select: A
  /** Which results. */
  readonly having?: Having<NoInfer<A>, P>
  /** In which order. */
  readonly orderBy?: ResultOrder<NoInfer<G> | (keyof NoInfer<A> & string)> | undefined
  /** At most so many results. */
  readonly limit?: number | undefined
  /** Leaves out so many results first. */
  readonly offset?: number | undefined
  /** More groups than this are refused. */
  readonly maxGroups?: number | undefined
}
/** In which order, by names of the result. */
type ResultOrder<Name extends string> = OrderOf<Name> | readonly OrderOf<Name>[]

/** How a histogram is made. */
export interface HistogramOptions<S> {
  /** How many bins. */
  readonly bins?: number | undefined
  /** Where the first bin begins; the lowest value by default. Of a date in milliseconds. */
  readonly min?: number | undefined
  /** Where the last bin ends; the highest value by default. */
  readonly max?: number | undefined
  /** Which records; all by default. */
  readonly where?: Where<S>
}
/** How many values lie between which edges. */
export interface Histogram {
  /** Where bins begin and end: one more than there are bins. Of dates in milliseconds. */
  readonly edges: Float64Array
  /** How many values each bin has. */
  readonly counts: Float64Array
  /** How many records have no value. */
  readonly nulls: number
  /** How many values are below the first bin. */
  readonly below: number
  /** How many values are above the last bin. */
  readonly above: number
}
