/**
 * Which TypeScript types do indexes have? Key types follow from the schema and from the fields of the index.
 *
 * Types only; nothing here exists at run time.
 */

import type { OptionsOf } from '../../options/option-table.ts'
import type { AnySchema, FieldName, FieldValue } from '../../schema/index.ts'
import type { INDEX_DECLARATION } from './keys/index-options.ts'
import type { StoreIndex } from './lookup/store-index.ts'

/** An index as it is declared over fields of these names. */
interface DeclarationOver<Name extends string> extends Omit<OptionsOf<typeof INDEX_DECLARATION>, 'on'> {
  /** A field by its dotted path, or several fields. A key of several fields is an array of their values. */
  readonly on: Name | readonly Name[]
}

/** An index as it is declared for a schema. */
export type IndexDeclaration<S extends AnySchema = AnySchema> = DeclarationOver<FieldName<S>>

/** Indexes by their names. */
export type IndexDeclarations<S extends AnySchema = AnySchema> = Readonly<Record<string, IndexDeclaration<S>>>

/** The type of an index's keys: a value of its field, or an array of values of its fields. */
export type KeyOf<S extends AnySchema, D> = D extends { readonly on: infer On }
  ? On extends string
    ? FieldValue<S, On>
    : On extends readonly string[]
      ? On extends readonly [infer Only extends string]
        ? FieldValue<S, Only>
        : { readonly [I in keyof On]: On[I] extends string ? FieldValue<S, On[I]> : never }
      : unknown
  : unknown

/** Intersected with the type of a declaration: an option that does not exist does not compile. */
export type OnlyKnownOptions<D> = { readonly [Option in Exclude<keyof D, keyof IndexDeclaration>]: never }
/** Intersected with the options of a store, likewise. It is a type of its own, so that the indexes are inferred from the argument. */
export interface OnlyKnownIndexes<I> {
  /** The declared indexes, without options that do not exist. */
  readonly indexes?: { readonly [Name in keyof I]: OnlyKnownOptions<I[Name]> } | undefined
}

/** A name that is not among the declared indexes: any name if none was declared, otherwise one known only at run time. */
export type OtherName<I, Name extends string> = [keyof I] extends [never]
  ? Name
  : string extends Name
    ? Name
    : never

/** The type of the index that a declaration gives. */
export type IndexOn<S extends AnySchema, D> = D extends {
  readonly on: unknown
  readonly kind?: 'hash' | undefined
}
  ? HashStoreIndex<S, KeyOf<S, D>>
  : StoreIndex<S, KeyOf<S, D>>
/** An index of kind 'hash': it finds single keys, and calls that need an order do not compile. */
export type HashStoreIndex<S extends AnySchema = AnySchema, Key = unknown> = StoreIndex<S, Key> & {
  /** Needs an index of kind 'ordered'. */
  readonly range: never
  /** Needs an index of kind 'ordered'. */
  readonly first: never
  /** Needs an index of kind 'ordered'. */
  readonly last: never
  /** Needs an index of kind 'ordered'. */
  readonly count: never
}

/** The type of a store's indexes if none was declared. */
export type NoIndexes = Readonly<Record<never, never>>
