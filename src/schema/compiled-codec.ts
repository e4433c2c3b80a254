/**
 * How is a layout read and written at full speed? Generated functions with every offset in them as a constant.
 *
 *   CC1  it writes the same bytes and refuses the same values as the plain codec, and reads a record's values in the same order.
 *   CC2  if a stored code is unexpected, the plain codec reads the field again and throws.
 * The generated parts: compiled-read.ts, compiled-write.ts, compiled-column.ts, compiled-classes.ts.
 */

import { isError } from '../runtime/realms.ts'
import type { Codec, CopyingWriter } from './codec.ts'
import type { Column } from './column.ts'
import { readerClass, rowClass, walkClass } from './compiled-classes.ts'
import { compileColumn } from './compiled-column.ts'
import { failure, guardedExpression, type ReadContext, readExpression } from './compiled-read.ts'
import { encodeBody, patchBody } from './compiled-write.ts'
import { type FoundField, findFields, unknownField } from './fields.ts'
import { notChanges, refusal } from './fit.ts'
import { literal, RECORD, Source } from './generated-source.ts'
import { childrenOf, isContainer, isText, type Node } from './kinds.ts'
import type { Layout } from './layout.ts'
import { makeTextReaders, type TextReaders } from './text-read.ts'

/** With more nodes than this the functions would be too long for V8 to optimise, and slow to generate. */
const NODES_MAX = 5000

/** With more fields than this, readField compares the lengths of names first. */
const FLAT_SWITCH_MAX = 12

/** The compiled codec; null where code generation is forbidden or the layout is too large for it. */
export function compileCodec(layout: Layout, plain: Codec): Codec | null {
  if (countNodes(layout.root) > NODES_MAX) return null
  try {
    return compile(layout, plain)
  } catch (error) {
    // --disallow-code-generation-from-strings, or a content security policy in Electron. The error may come from another realm.
    if (isError(error) && error.name === 'EvalError') return null
    throw error
  }
}

interface Generated {
  readonly encode: Codec['encode']
  readonly patch: Codec['patch']
  readonly decode: Codec['decode']
  readonly readField: Codec['readField']
}

function compile(layout: Layout, plain: Codec): Codec {
  const { root, recordSize } = layout
  const bitmapOffset = layout.bitmap?.offset ?? 0
  const texts = makeTextReaders()
  const fields = new Map(findFields(root).map(field => [field.path, field]))
  const columns = new Map<string, Column>()
  const functions = generate(layout, plain, texts, fields)
  return {
    layout,
    compiled: true,
    refined: false,
    ...functions,
    copying: () => generateCopying(layout),
    hasField: name => fields.has(name),
    rowClass: (base, seeksHot = false) => rowClass(layout, plain, { texts, fields, seeksHot }, base),
    readerClass: (base, isShared = false) => readerClass(recordSize, functions, base, isShared),
    walkClass: base => walkClass(recordSize, base),
    column(name) {
      const known = columns.get(name)
      if (known !== undefined) return known
      const field = fields.get(name)
      if (field === undefined) throw unknownField(name, [...fields.keys()])
      const source = new Source()
      const column = compileColumn(
        { source, texts, bitmapOffset, fail: failure(source, plain, name) },
        field,
        recordSize,
      )
      columns.set(name, column)
      return column
    },
  }
}

function generate(
  layout: Layout,
  plain: Codec,
  texts: TextReaders,
  fields: ReadonlyMap<string, FoundField>,
): Generated {
  const { root, recordSize } = layout
  const bitmapOffset = layout.bitmap?.offset ?? 0
  const source = new Source()
  const write = { source, bitmapOffset, copies: false }
  const orRefuse = (body: string): string => {
    const run = source.function('r, v, b, at', body)
    const refuse = source.constant(refusal)
    return source.function('r, v, b, at', `const I = ${run}(r, v, b, at);\nif (I !== null) throw ${refuse}(I)`)
  }
  const encode = orRefuse(encodeBody(write, root, 'I'))
  const patch = orRefuse(`${noChange(source)}\n${patchBody(write, root, 'I')}`)
  const whole: ReadContext = { source, texts, bitmapOffset, fail: `${source.constant(plain.decode)}(v, b, at)` }
  const touch = hasText(root) ? touchLines(source, recordSize) : ''
  const decode = source.function('v, b, at', `${touch}\nreturn ${readExpression(whole, root, RECORD)}`)
  const readField = source.function('v, b, at, name', fieldSwitch(whole, plain, fields))
  return source.run(
    `{ encode: ${encode}, patch: ${patch}, decode: ${decode}, readField: ${readField} }`,
  ) as Generated
}

/** A statement that refuses a patch that is no object. */
function noChange(source: Source): string {
  return `if (typeof r !== 'object' || r === null || Array.isArray(r)) return ${source.constant(notChanges)}();`
}

/** The writing functions that copy what they read. The caller has checked that a patch is an object. */
function generateCopying({ root, bitmap }: Layout): CopyingWriter {
  const source = new Source()
  const write = { source, bitmapOffset: bitmap?.offset ?? 0, copies: true }
  const encode = source.function('r, v, b, at', encodeBody(write, root, '{ value: r, issues: I }'))
  const patch = source.function('r, v, b, at', patchBody(write, root, '{ value: c, issues: I }'))
  return source.run(`{ encode: ${encode}, patch: ${patch} }`) as CopyingWriter
}

/**
 * A statement that loads a word of each cache line of the record at once.
 *
 * The search for the end of a text branches on its bytes. After a misprediction the processor starts no later load, so it would wait
 * for the cache lines of a cold record one after the other. Random records of 125 bytes with three texts, Node 20: 314 ns instead of
 * 323 on a quiet machine, 349 instead of 430 on a busy one. The sum is compared so that the loads are not optimised away.
 */
function touchLines(source: Source, recordSize: number): string {
  const offsets: number[] = []
  for (let offset = CACHE_LINE; offset < recordSize - 4 && offsets.length < TOUCHES_MAX; offset += CACHE_LINE) {
    offsets.push(offset - 4)
  }
  if (offsets.length === 0) return ''
  const loads = [...offsets, recordSize - 4].map(offset => `v.getInt32(at + ${offset}, true)`)
  return `if ((${loads.join(' ^ ')}) === 0x5bd1e995) ${source.constant(touched)}.count++;`
}

/** Changed once in 2^32 records. It only exists to be a side effect. */
const touched = { count: 0 }
const CACHE_LINE = 64
/** The processor prefetches later lines by itself. */
const TOUCHES_MAX = 6

function hasText(node: Node): boolean {
  if (node.type === 'object') return node.members.some(member => hasText(member.node))
  if (node.type === 'tuple' || node.type === 'union') return childrenOf(node).some(hasText)
  return node.type === 'array' ? hasText(node.element) : isText(node)
}

/** Body of readField: one case for each path. */
function fieldSwitch(context: ReadContext, plain: Codec, fields: ReadonlyMap<string, FoundField>): string {
  const { source } = context
  // A switch over strings compares one after the other, so many fields are first divided by the lengths of their paths.
  const byLength = fields.size > FLAT_SWITCH_MAX
  const groups = new Map<number, string[]>()
  for (const field of fields.values()) {
    let read = guardedExpression({ ...context, fail: failure(source, plain, field.path) }, field)
    // Kept out of the switch, which is inlined into its callers only if it is short.
    if (isContainer(field.node)) read = `${source.function('v, b, at', `return ${read}`)}(v, b, at)`
    const group = byLength ? field.path.length : 0
    groups.set(group, [...(groups.get(group) ?? []), `case ${literal(field.path)}: return ${read};`])
  }
  const switches = [...groups].map(([length, cases]) => {
    const choice = `switch (name) {\n${cases.join('\n')}\n}`
    return byLength ? `case ${length}: ${choice} break;` : choice
  })
  const body = byLength ? `switch (name.length) {\n${switches.join('\n')}\n}` : switches.join('\n')
  return `${body}\nreturn ${source.constant(plain.readField)}(v, b, at, name)`
}

function countNodes(node: Node): number {
  if (node.type === 'object') return node.members.reduce((sum, member) => sum + countNodes(member.node), 1)
  if (node.type === 'tuple' || node.type === 'union')
    return childrenOf(node).reduce((sum, item) => sum + countNodes(item), 1)
  return node.type === 'array' ? 1 + countNodes(node.element) : 1
}
