/**
 * Which classes are generated for a layout? Their source: the getters of a row, `get` and `field` of a reader, the step of a walk.
 *
 * Rows, readers and walks: row.ts, reader.ts, walk.ts. How one field is read: compiled-read.ts.
 */

import type { Codec, RowConstructor } from './codec.ts'
import { failure, guardedExpression } from './compiled-read.ts'
import type { FoundField } from './fields.ts'
import { literal, Source } from './generated-source.ts'
import type { Layout } from './layout.ts'
import { type ReaderBaseConstructor, readerAccess } from './reader.ts'
import { type RowBaseConstructor, rowAccess } from './row.ts'
import type { TextReaders } from './text-read.ts'
import type { WalkBaseConstructor } from './walk.ts'

interface RowParts {
  readonly texts: TextReaders
  readonly fields: ReadonlyMap<string, FoundField>
  readonly seeksHot: boolean
}

/** A subclass with one getter for each field, and with `seek` where rows find hot records. */
export function rowClass<B extends RowBaseConstructor>(
  layout: Layout,
  plain: Codec,
  { texts, fields, seeksHot }: RowParts,
  base: B,
): RowConstructor<B> {
  const source = new Source()
  const call = {
    stands: source.constant(rowAccess.stands),
    find: source.constant(rowAccess.find),
    view: source.constant(rowAccess.view),
    bytes: source.constant(rowAccess.bytes),
    at: source.constant(rowAccess.at),
  }
  const getters = layout.root.members.map(({ name }) => {
    const field = fields.get(name) as FoundField
    const context = {
      source,
      texts,
      bitmapOffset: layout.bitmap?.offset ?? 0,
      fail: failure(source, plain, name),
    }
    const read = guardedExpression(context, field)
    return `get [${literal(name)}]() {
  if (${call.stands}(this) === 0) ${call.find}(this);
  const v = ${call.view}(this), at = ${call.at}(this);
  ${/\bb\b/.test(read) ? `const b = ${call.bytes}(this);` : ''}
  return ${read};
}`
  })
  const members = seeksHot ? [hotSeek(source, layout.recordSize), ...getters] : getters
  return source.run(
    `class Row extends ${source.constant(base)} {\n${members.join('\n')}\n}`,
  ) as RowConstructor<B>
}

/** Source of a row's `seek`. The getter of a field with this name comes later in the class and replaces it. */
function hotSeek(source: Source, recordSize: number): string {
  const { ahead, isHot, hotAt } = hotRecord(source, rowAccess, recordSize)
  return `seek(n) {
  const d = ${ahead};
  const at = ${isHot} ? ${hotAt} : ${source.constant(rowAccess.seek)}(this, n) | 0;
  ${source.constant(rowAccess.move)}(this, at);
  return this;
}`
}

interface HotRecord {
  /** The distance of record n from the first hot one. Generated code calls it `d`. */
  readonly ahead: string
  readonly isHot: string
  /** The byte position of record n if it is hot. */
  readonly hotAt: string
}

/** Source that finds record n if it is hot for a reader or row. */
function hotRecord(
  source: Source,
  access: { readonly hotFirst: unknown; readonly hotCount: unknown; readonly hotAt: unknown },
  recordSize: number,
): HotRecord {
  // 32-bit arithmetic needs no overflow checks and no doubles. The code must also be short: V8 inlines the methods of two schemas into
  // one loop only if both fit its budget.
  // A value that is no number is never hot. The slow path refuses it.
  return {
    ahead: `typeof n === 'number' ? n - ${source.constant(access.hotFirst)}(this) : -1`,
    isHot: `d >>> 0 === d && d < ${source.constant(access.hotCount)}(this)`,
    hotAt: `${source.constant(access.hotAt)}(this) + d * ${recordSize} | 0`,
  }
}

/** A subclass whose `get` and `field` are generated for one layout. Records lie side by side. */
export function readerClass<B extends ReaderBaseConstructor>(
  recordSize: number,
  { decode, readField }: Pick<Codec, 'decode' | 'readField'>,
  base: B,
  isShared: boolean,
): B {
  const source = new Source()
  const call = {
    view: source.constant(readerAccess.view),
    bytes: source.constant(readerAccess.bytes),
    locate: source.constant(readerAccess.locate),
    get: source.constant(readerAccess.get),
  }
  const { ahead, isHot, hotAt } = hotRecord(source, readerAccess, recordSize)
  const read = (at: string): string =>
    `${source.constant(readField)}(${call.view}(this), ${call.bytes}(this), ${at}, name)`
  const whole = `${source.constant(decode)}(${call.view}(this), ${call.bytes}(this), ${hotAt})`
  // The two paths of `field` meet with a position, not with a value. A value that may come from a call is boxed, which would then box
  // the hot path's values, too.
  // Error stacks show the name that the class has in its source, whatever its property `name` is.
  const name = /^[A-Z][A-Za-z]*$/.test(base.name) ? base.name : 'Reader'
  const methods = isShared
    ? sharedMethods(source, { ahead, isHot, hotAt, whole, read })
    : `get(n) {
  const d = ${ahead};
  if (${isHot}) {
    return ${whole};
  }
  return ${call.get}(this, n);
}
field(n, name) {
  const d = ${ahead};
  const at = ${isHot} ? ${hotAt} : ${call.locate}(this, n) | 0;
  return ${read('at')};
}`
  return source.run(`class ${name} extends ${source.constant(base)} {\n${methods}\n}`) as B
}

/** Source of the parts of reads that another process may disturb (RD5 of reader.ts). */
interface SharedParts extends HotRecord {
  /** Reads the hot record. */
  readonly whole: string
  /** Reads one field at a position. */
  readonly read: (at: string) => string
}

/** Source of `get` and `field` over memory that another process may change. Half of a change may also look like damage. */
function sharedMethods(source: Source, { ahead, isHot, hotAt, whole, read }: SharedParts): string {
  const isStill = `${source.constant(readerAccess.isStill)}(this)`
  return `get(n) {
  const d = ${ahead};
  if (${isHot}) {
    try {
      const value = ${whole};
      if (${isStill}) return value;
    } catch {}
  }
  return ${source.constant(readerAccess.get)}(this, n);
}
field(n, name) {
  const d = ${ahead};
  let at = ${isHot} ? ${hotAt} : ${source.constant(readerAccess.locate)}(this, n) | 0;
  for (;;) {
    try {
      const value = ${read('at')};
      if (${isStill}) return value;
    } catch (error) {
      if (${isStill}) throw error;
    }
    at = ${source.constant(readerAccess.settle)}(this, n) | 0;
  }
}`
}

/** A subclass whose `next` is generated for records of this size that lie side by side. */
export function walkClass<B extends WalkBaseConstructor>(recordSize: number, base: B): B {
  const source = new Source()
  return source.run(`class Walk extends ${source.constant(base)} {
next() {
  const at = this.at + ${recordSize} | 0, row = this.value;
  if (at < this.stopAt && ${source.constant(rowAccess.isHere)}(row)) ${source.constant(rowAccess.move)}(row, this.at = at);
  else this.leap();
  return this;
}
}`) as B
}
