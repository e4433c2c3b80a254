/**
 * Which classes read a layout? Source of a row's getters, of a reader's `get` and `field`, and of a walk's
 * step.
 *
 * What rows, readers and walks are: row.ts, reader.ts, walk.ts. How one field is read: compiled-read.ts.
 */

import type { Codec, RowConstructor } from './codec.ts'
import { failure, guardedExpression } from './compiled-read.ts'
import type { FoundField } from './fields.ts'
import type { Layout } from './layout.ts'
import {
  HOT_AT,
  HOT_COUNT,
  HOT_FIRST,
  READER_BYTES,
  READER_GET,
  READER_LOCATE,
  READER_VIEW,
  type ReaderBaseConstructor,
} from './reader.ts'
import { ROW_AT, ROW_REFRESH, ROW_SOURCE, type RowBaseConstructor } from './row.ts'
import { literal, Source } from './source.ts'
import type { TextReaders } from './text-read.ts'
import type { WalkBaseConstructor } from './walk.ts'

/** A subclass with a getter a field. */
export function rowClass<B extends RowBaseConstructor>(
  layout: Layout,
  plain: Codec,
  texts: TextReaders,
  fields: ReadonlyMap<string, FoundField>,
  base: B,
): RowConstructor<B> {
  const source = new Source()
  const keys = {
    source: source.constant(ROW_SOURCE),
    at: source.constant(ROW_AT),
    refresh: source.constant(ROW_REFRESH),
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
    // After a refresh the row may stand on other memory: `at` and `b` are read behind `v`.
    return `get [${literal(name)}]() {
  let v = this[${keys.source}].view;
  if (v === null) v = this[${keys.refresh}]();
  const at = this[${keys.at}];
  ${/\bb\b/.test(read) ? `const b = this[${keys.source}].bytes;` : ''}
  return ${read};
}`
  })
  return source.run(
    `class Row extends ${source.constant(base)} {\n${getters.join('\n')}\n}`,
  ) as RowConstructor<B>
}

/** A subclass whose `get` and `field` are made for one layout, of records side by side, and of these functions. */
export function readerClass<B extends ReaderBaseConstructor>(
  recordSize: number,
  { decode, readField }: Pick<Codec, 'decode' | 'readField'>,
  base: B,
): B {
  const source = new Source()
  const key = {
    view: source.constant(READER_VIEW),
    bytes: source.constant(READER_BYTES),
    hotFirst: source.constant(HOT_FIRST),
    hotCount: source.constant(HOT_COUNT),
    hotAt: source.constant(HOT_AT),
    locate: source.constant(READER_LOCATE),
    get: source.constant(READER_GET),
  }
  // In 32 bits the compiler checks nothing, and nothing is a double. Short in bytecode, too: V8 inlines the methods of
  // two schemas into one loop only while both fit its budget.
  const hotAt = `this[${key.hotAt}] + d * ${recordSize} | 0`
  // Where the two paths of `field` meet there is a position, not a value: a value that may have come from a call is
  // boxed, and so is every hot one then.
  return source.run(`class Reader extends ${source.constant(base)} {
get(n) {
  const d = n - this[${key.hotFirst}];
  if (d >>> 0 === d && d < this[${key.hotCount}]) {
    return ${source.constant(decode)}(this[${key.view}], this[${key.bytes}], ${hotAt});
  }
  return this[${key.get}](n);
}
field(n, name) {
  const d = n - this[${key.hotFirst}];
  const at = d >>> 0 === d && d < this[${key.hotCount}] ? ${hotAt} : this[${key.locate}](n) | 0;
  return ${source.constant(readField)}(this[${key.view}], this[${key.bytes}], at, name);
}
}`) as B
}

/** A subclass whose `next` is made for records of this size, side by side. */
export function walkClass<B extends WalkBaseConstructor>(recordSize: number, base: B): B {
  const source = new Source()
  return source.run(`class Walk extends ${source.constant(base)} {
next() {
  const at = this.at + ${recordSize} | 0, row = this.value;
  if (at < this.stopAt && row[${source.constant(ROW_SOURCE)}].view !== null) row[${source.constant(ROW_AT)}] = this.at = at;
  else this.leap();
  return this;
}
}`) as B
}
