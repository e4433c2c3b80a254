/**
 * Which classes are generated for a layout? Their source: the getters of a row, `get` and `field` of a reader, the step of a walk.
 *
 * Rows, readers and walks: row.ts, reader.ts, walk.ts. How one field is read: compiled-read.ts.
 */

import type { Codec, RowConstructor } from './codec.ts'
import { failure, guardedExpression } from './compiled-read.ts'
import type { FoundField } from './fields.ts'
import type { Layout } from './layout.ts'
import { type ReaderBaseConstructor, readerAccess } from './reader.ts'
import { type RowBaseConstructor, rowAccess } from './row.ts'
import { literal, Source } from './generated-source.ts'
import type { TextReaders } from './text-read.ts'
import type { WalkBaseConstructor } from './walk.ts'

/** A subclass with one getter for each field. */
export function rowClass<B extends RowBaseConstructor>(
  layout: Layout,
  plain: Codec,
  texts: TextReaders,
  fields: ReadonlyMap<string, FoundField>,
  base: B,
): RowConstructor<B> {
  const source = new Source()
  const call = {
    view: source.constant(rowAccess.view),
    bytes: source.constant(rowAccess.bytes),
    at: source.constant(rowAccess.at),
    refresh: source.constant(rowAccess.refresh),
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
    // A refresh may point the row at other memory, so `at` and `b` are read after `v`.
    return `get [${literal(name)}]() {
  let v = ${call.view}(this);
  if (v === null) v = ${call.refresh}(this);
  const at = ${call.at}(this);
  ${/\bb\b/.test(read) ? `const b = ${call.bytes}(this);` : ''}
  return ${read};
}`
  })
  return source.run(
    `class Row extends ${source.constant(base)} {\n${getters.join('\n')}\n}`,
  ) as RowConstructor<B>
}

/** A subclass whose `get` and `field` are generated for one layout. Records lie side by side. */
export function readerClass<B extends ReaderBaseConstructor>(
  recordSize: number,
  { decode, readField }: Pick<Codec, 'decode' | 'readField'>,
  base: B,
): B {
  const source = new Source()
  const call = {
    view: source.constant(readerAccess.view),
    bytes: source.constant(readerAccess.bytes),
    hotFirst: source.constant(readerAccess.hotFirst),
    hotCount: source.constant(readerAccess.hotCount),
    hotAt: source.constant(readerAccess.hotAt),
    locate: source.constant(readerAccess.locate),
    get: source.constant(readerAccess.get),
  }
  // 32-bit arithmetic needs no overflow checks and no doubles. The code must also be short: V8 inlines the methods of two schemas into
  // one loop only if both fit its budget.
  // A value that is no number is never hot. The slow path refuses it.
  const ahead = `typeof n === 'number' ? n - ${call.hotFirst}(this) : -1`
  const hotAt = `${call.hotAt}(this) + d * ${recordSize} | 0`
  // The two paths of `field` meet with a position, not with a value. A value that may come from a call is boxed, which would then box
  // the hot path's values, too.
  // Error stacks show the name that the class has in its source, whatever its property `name` is.
  const name = /^[A-Z][A-Za-z]*$/.test(base.name) ? base.name : 'Reader'
  return source.run(`class ${name} extends ${source.constant(base)} {
get(n) {
  const d = ${ahead};
  if (d >>> 0 === d && d < ${call.hotCount}(this)) {
    return ${source.constant(decode)}(${call.view}(this), ${call.bytes}(this), ${hotAt});
  }
  return ${call.get}(this, n);
}
field(n, name) {
  const d = ${ahead};
  const at = d >>> 0 === d && d < ${call.hotCount}(this) ? ${hotAt} : ${call.locate}(this, n) | 0;
  return ${source.constant(readField)}(${call.view}(this), ${call.bytes}(this), at, name);
}
}`) as B
}

/** A subclass whose `next` is generated for records of this size that lie side by side. */
export function walkClass<B extends WalkBaseConstructor>(recordSize: number, base: B): B {
  const source = new Source()
  return source.run(`class Walk extends ${source.constant(base)} {
next() {
  const at = this.at + ${recordSize} | 0, row = this.value;
  if (at < this.stopAt && ${source.constant(rowAccess.view)}(row) !== null) ${source.constant(rowAccess.move)}(row, this.at = at);
  else this.leap();
  return this;
}
}`) as B
}
