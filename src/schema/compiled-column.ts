/**
 * Which code is generated to read one field of many records? Two loops that contain the record's size as a constant.
 *
 * The shape of a column: column.ts. The reference: plain-column.ts.
 */

import { type Column, columnClass, columnShape, isFlattened } from './column.ts'
import {
  guardedExpression,
  type ReadContext,
  readElement,
  readExpression,
  UNROLLED_MAX,
} from './compiled-read.ts'
import type { FoundField } from './fields.ts'
import { position, RECORD, type Spot, within } from './generated-source.ts'
import { isNumber, type Node, ownBits } from './kinds.ts'
import { missingElement } from './missing-element.ts'

/** The loops of a column. */
export function compileColumn(context: ReadContext, field: FoundField, recordSize: number): Column {
  const { source } = context
  const shape = columnShape(field)
  const { array, width } = shape
  const store = storeStatements(context, field, width, array === 'Array')
  const span = source.function(
    'v, b, at, count, out, o',
    `for (let i = 0; i < count; i++, at += ${recordSize}) {\n${store}\n}`,
  )
  // NaN fails the comparison with 0. Measured in Node 24: 15.6 ns a record, 17.9 with (x >>> 0) === x instead.
  const isPlain =
    array !== 'Array' && field.guards.length === 0 && isNumber(field.node) && ownBits(field.node) === 0
  const run = source.function(
    'v, b, base, first, count, numbers, i, end, out',
    `${isPlain && recordSize <= UNROLLED_RECORD_MAX ? unrolledRun(context, field, recordSize) : ''}
let o = i * ${width};
for (; i < end; i++) {
  const ahead = numbers[i] - first;
  if (!(ahead >= 0 && ahead < count) || Math.floor(ahead) !== ahead) return i;
  const at = base + ahead * ${recordSize};
${store}
}
return i`,
  )
  // Generated too, so that each column calls one constructor, which V8 then inlines.
  const allocate = source.function(
    'length',
    `return new ${source.constant(columnClass(array))}(length * ${width});`,
  )
  type Loops = Pick<Column, 'allocate' | 'span' | 'run'>
  const loops = source.run(`{ allocate: ${allocate}, span: ${span}, run: ${run} }`) as Loops
  return { width, missing: value => missingElement(field, shape, value), ...loops }
}

const UNROLLED = 32
/** Windows of records up to this size are shorter than 2^31 bytes, so positions fit in 32 bits. */
const UNROLLED_RECORD_MAX = 2 ** 20

/**
 * Source of a loop over 32 numbers a turn, for a number field. Conditions that are the same for all records are checked once a turn.
 * The plain loop behind it takes the first number that is not in the window. Compared with a loop in C, Node 20: 3.2 times as long
 * with 16 numbers a turn, 2.6 with 32 (`npm run bench -- gather`). The first window of the file has a loop of its own, which does
 * not compare numbers with 0.
 */
function unrolledRun(context: ReadContext, field: FoundField, recordSize: number): string {
  const read = readElement(context, field.node, { ...RECORD, offset: 0 })
  const turns = (isOutside: string): string => {
    const steps = Array.from(
      { length: UNROLLED },
      (_, k) => `{ const n = numbers[i + ${k}];
if ((n >>> 0) !== n || ${isOutside}) { i = (i + ${k}) | 0; break; }
const at = (zero + Math.imul(n, ${recordSize})) | 0;
out[i + ${k}] = ${read}; }`,
    )
    return `for (const stop = (end - ${UNROLLED - 1}) | 0; i < stop; i = (i + ${UNROLLED}) | 0) {\n${steps.join('\n')}\n}`
  }
  // The place where record 0 would lie, in 32 bits. It may overflow; the sum for a record of this window is right again.
  return `const zero = (base + ${field.offset} - Math.imul(first, ${recordSize})) | 0, past = first + count;
i |= 0;
if (first === 0) {
${turns('n >= past')}
} else {
${turns('n < first || n >= past')}
}`
}

function storeStatements(context: ReadContext, field: FoundField, width: number, generic: boolean): string {
  if (field.guards.length > 0) return `out[o++] = ${guardedExpression(context, field)};`
  const read = generic ? readExpression : readElement
  const spot = { ...RECORD, offset: field.offset, bit: field.bit }
  const store = (node: Node, place: Spot): string => {
    if (!isFlattened(node)) return `out[o++] = ${read(context, node, place)};`
    if (node.type === 'tuple') return node.items.map(item => store(item, within(place, item))).join('\n')
    if (node.type !== 'array') return ''
    const { element, length } = node
    if (width <= UNROLLED_MAX) {
      const places = Array.from({ length }, (_, i) => ({ offset: i * element.width, bit: i * element.bits }))
      return places.map(one => store(element, within(place, one))).join('\n')
    }
    const p = context.source.name('p')
    const q = context.source.name('q')
    const n = context.source.name('n')
    const bits = place.bitBase === null ? place.bit : `${place.bitBase} + ${place.bit}`
    return `for (let ${n} = 0, ${p} = ${position(place)}, ${q} = ${bits}; ${n} < ${length}; ${n}++, ${p} += ${element.width}, ${q} += ${element.bits}) {
${store(element, { base: p, offset: 0, bitBase: q, bit: 0 })}
}`
  }
  return store(field.node, spot)
}
