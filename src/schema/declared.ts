/**
 * What does a schema say of a field, before its place in the record is known?
 *
 * zod-reader.ts makes these trees, layout.ts turns them into Nodes (kinds.ts).
 */

import type { ArrayKind, Endian, LeafKind, ObjectKind, Presence, TupleKind, UnionKind } from './kinds.ts'

/** What metadata says about a field's place. */
interface FixedPlace {
  readonly offset?: number
  readonly width?: number
  readonly endian?: Endian
}

interface Fixed extends Presence {
  readonly fixed: FixedPlace
}
export interface DeclaredObject extends ObjectKind<Declared>, Fixed {}
interface DeclaredTuple extends TupleKind<Declared>, Fixed {}
interface DeclaredArray extends ArrayKind<Declared>, Fixed {}
interface DeclaredUnion extends UnionKind<DeclaredObject>, Fixed {}

/** A field as its schema declares it. */
export type Declared = (LeafKind & Fixed) | DeclaredObject | DeclaredTuple | DeclaredArray | DeclaredUnion

/** What a schema declares, without its wrappers and metadata. */
export type DeclaredKind =
  | LeafKind
  | ObjectKind<Declared>
  | TupleKind<Declared>
  | ArrayKind<Declared>
  | UnionKind<DeclaredObject>
