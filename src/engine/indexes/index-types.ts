/**
 * Which types do indexes have? Key types follow from the schema and from what an index is on.
 *
 * Types only; nothing here exists at run time.
 */

import type { OptionsOf } from '../../option-table.ts'
import type { AnySchema, FieldName, FieldValue } from '../../schema/index.ts'
import type { INDEX_DECLARATION } from './index-options.ts'

/** An index as it is declared for a schema. */
export interface IndexDeclaration<S extends AnySchema = AnySchema>
  extends Omit<OptionsOf<typeof INDEX_DECLARATION>, 'on'> {
  /** A field by its dotted path, or several: then keys are arrays of their values. */
  readonly on: FieldName<S> | readonly FieldName<S>[]
}

/** Indexes by their names. */
export type IndexDeclarations<S extends AnySchema = AnySchema> = Readonly<Record<string, IndexDeclaration<S>>>

/** The keys of an index: a field's values, or arrays of several fields' values. */
export type KeyOf<S extends AnySchema, D> = D extends { readonly on: infer On }
  ? On extends string
    ? FieldValue<S, On>
    : On extends readonly string[]
      ? On extends readonly [infer Only extends string]
        ? FieldValue<S, Only>
        : { readonly [I in keyof On]: On[I] extends string ? FieldValue<S, On[I]> : never }
      : unknown
  : unknown

/** No index was declared. */
export type NoIndexes = Readonly<Record<never, never>>
