/**
 * What does the schema layer export to the engine? The public exports of `stridedb/schema` are in entry.ts.
 */

export type { Codec, RowConstructor } from './codec.ts'
export { codecFromCanonical, codecOf, layoutFromCanonical } from './codec-of.ts'
export { type Column, isFlattened } from './column.ts'
export { guardedExpression, type ReadContext, readElement } from './compiled-read.ts'
export { type FoundField, findFields, unknownField } from './fields.ts'
export { isRawCode, reasonAgainst } from './fit.ts'
export { bitPlace, literal, position, RECORD, Source } from './generated-source.ts'
export type { At, Bare, Defined, IsAny, Row, ShapeOf, TypeOf } from './infer.ts'
export {
  BIGINTS,
  DATE_MS_MAX,
  type EnumNode,
  type EnumValue,
  isContainer,
  isLenient,
  isMeant,
  isNumber,
  isText,
  isTime,
  isWide,
  type LeafNode,
  type MeantNode,
  type Node,
  NUMBERS,
  type NumberNode,
  type ObjectNode,
  ownBits,
  type TextNode,
} from './kinds.ts'
export { layoutOf } from './layout.ts'
export { diffLayouts } from './layout-diff.ts'
export { meaningOf } from './meanings-by-kind.ts'
export { fromHalf, ODD_NUMBERS, toHalf } from './numbers-without-dataview.ts'
export { type Image, readNode, writeLeaf } from './plain-codec.ts'
export * from './public.ts'
export { ReaderBase, type ReaderBaseConstructor, readerAccess } from './reader.ts'
export { memberValue } from './record-copy.ts'
export { type RecordBytes, RowBase, type RowBaseConstructor, rowAccess } from './row.ts'
export { schemaOf } from './schema-of.ts'
export { type StoredInteger, storedInteger } from './stored-integers.ts'
export { textEnd, textRoom, textStart } from './text-field.ts'
export { makeTextReaders } from './text-read.ts'
export type { WalkBase, WalkBaseConstructor } from './walk.ts'
export { isOldSchema, isSchema, refuseOldSchema } from './zod-version.ts'
