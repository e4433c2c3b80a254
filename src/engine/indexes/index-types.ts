/**
 * Which types do indexes have? Key types follow from the schema and from what an index is on.
 *
 * Types only; nothing here exists at run time.
 */

import type { OptionsOf } from '../../options/option-table.ts'
import type { AnySchema, FieldName, FieldValue } from '../../schema/index.ts'
import type { INDEX_DECLARATION } from './keys/index-options.ts'
import type { StoreIndex } from './lookup/store-index.ts'

/** An index as it is declared over fields of these names. */
interface DeclarationOver<Name extends string> extends Omit<OptionsOf<typeof INDEX_DECLARATION>, 'on'> {
  /** A field by its dotted path, or several: then keys are arrays of their values. */
  readonly on: Name | readonly Name[]
}

/** An index as it is declared for a schema. */
export type IndexDeclaration<S extends AnySchema = AnySchema> = DeclarationOver<FieldName<S>>

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

/** Joins the type of a declaration: a name that no declaration has, a misspelt one, does not compile. */
export type OnlyKnownOptions<D> = { readonly [Option in Exclude<keyof D, keyof IndexDeclaration>]: never }
/** Joins the type of options: the same of each declared index. Apart from them, so that the indexes are inferred from what was given. */
export interface OnlyKnownIndexes<I> {
  readonly indexes?: { readonly [Name in keyof I]: OnlyKnownOptions<I[Name]> } | undefined
}

/** A name that is not one of declared indexes: any where none was declared, otherwise one that is known at run time alone. */
export type OtherName<I, Name extends string> = [keyof I] extends [never]
  ? Name
  : string extends Name
    ? Name
    : never

/** The index of a declaration. */
export type IndexOn<S extends AnySchema, D> = D extends {
  readonly on: unknown
  readonly kind?: 'hash' | undefined
}
  ? HashStoreIndex<S, KeyOf<S, D>>
  : StoreIndex<S, KeyOf<S, D>>
/** An index without order, of kind 'hash': it finds keys, and a call that needs an order does not compile. */
export type HashStoreIndex<S extends AnySchema = AnySchema, Key = unknown> = StoreIndex<S, Key> & {
  readonly range: never
  readonly first: never
  readonly last: never
  readonly count: never
}

/** No index was declared. */
export type NoIndexes = Readonly<Record<never, never>>
