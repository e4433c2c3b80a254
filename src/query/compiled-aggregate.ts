/**
 * Which code is generated for an aggregate? One loop over the records of a block: the condition, the group, and the additions.
 *
 *   AG1  it adds up what accumulators.ts and groups.ts do, and stores it in their arrays.
 */

import { isText, position, RECORD } from '../schema/index.ts'
import { type Accumulator, type Aggregate, Counter, Extreme, Sum } from './accumulators.ts'
import {
  conditionSource,
  fieldSource,
  nullSource,
  operandVariables,
  type QueryContext,
  valueSource,
} from './compiled-condition.ts'
import type { Asked } from './condition.ts'
import type { Groups } from './groups.ts'
import { comparableSource } from './key-reader.ts'
import type { Operand } from './operand.ts'
import { canBeNull, type QueriedField } from './queried-field.ts'

/** Adds the records of a block. */
export type AggregateLoop = (
  view: DataView,
  bytes: Buffer,
  at: number,
  count: number,
  operands: readonly Operand[],
  groups: Groups,
  accumulators: readonly Accumulator[],
) => void

/** Longer texts become a number each. */
const WORD_BYTES_MAX = 64

export interface AggregateQuestion {
  readonly asked: Asked
  readonly groupBy: readonly QueriedField[]
  readonly aggregates: readonly Aggregate[]
}

/** Words that the key of a group takes. */
export function keyWidth(groupBy: readonly QueriedField[]): number {
  return groupBy.reduce((sum, field) => sum + (canBeNull(field) ? 1 : 0) + wordsOf(field), 0)
}

function wordsOf({ node }: QueriedField): number {
  if (node.type === 'bits') return 1
  return isText(node) && node.size > WORD_BYTES_MAX ? 1 : Math.ceil(node.size / 4)
}

export function aggregateSource(
  context: QueryContext,
  { asked, groupBy, aggregates }: AggregateQuestion,
  accumulators: readonly Accumulator[],
  recordSize: number,
): string {
  const { source } = context.read
  const inGroups = groupBy.length > 0
  const parts = aggregates.map((aggregate, i) =>
    additionOf(context, aggregate, accumulators[i] as Accumulator, i, inGroups),
  )
  const load = parts.map(({ load }) => load).join('\n')
  const skip = conditionSource(context, asked.condition)
  const width = keyWidth(groupBy)
  const body = `${operandVariables(asked.slots.length)}
${inGroups ? `let slots = G.slots, keys = G.keys, mask = G.mask;\nconst words = new Int32Array(${width});` : ''}
${parts.map(({ declare }) => declare).join('\n')}
${load}
for (let i = 0; i < count; i++, at += ${recordSize}) {
  ${skip === 'true' ? '' : `if (!${skip}) continue;`}
  ${inGroups ? `${groupSource(context, groupBy, width)}\n  if (g < 0) {\n    g = addGroup(G, words, hash, v, b, at);\n    slots = G.slots; keys = G.keys; mask = G.mask;\n    ${load}\n  }` : ''}
  ${parts.map(({ add }) => add).join('\n  ')}
}
${parts.map(({ store }) => store).join('\n')}`
  const add = source.constant(
    (groups: Groups, words: Int32Array, hash: number, v: DataView, b: Buffer, at: number) =>
      groups.add(hash, words, v, b, at),
  )
  return source.function('v, b, at, count, p, G, A', `const addGroup = ${add};\n${body}`)
}

interface Addition {
  readonly declare: string
  /** Run at the beginning, and once arrays have grown. */
  readonly load: string
  readonly add: string
  readonly store: string
}

/** Statements of one aggregate. Without groups the sums stay in variables during the loop. */
function additionOf(
  context: QueryContext,
  { field, kind }: Aggregate,
  accumulator: Accumulator,
  i: number,
  inGroups: boolean,
): Addition {
  const x = `x${i}`
  const arrays = (names: readonly string[]): Pick<Addition, 'declare' | 'load' | 'store'> => {
    const own = names.map(name => `${name[0]}${i}`)
    if (inGroups) {
      return {
        declare: `let ${own.map(name => `${name}a`).join(', ')};`,
        load: names.map((name, k) => `${own[k]}a = A[${i}].${name};`).join(' '),
        store: '',
      }
    }
    return {
      declare: names.map((name, k) => `let ${own[k]} = A[${i}].${name}[0];`).join(' '),
      load: '',
      store: names.map((name, k) => `A[${i}].${name}[0] = ${own[k]};`).join(' '),
    }
  }
  const ref = (name: string): string => (inGroups ? `${name[0]}${i}a[g]` : `${name[0]}${i}`)
  const present = (statements: string): string => {
    const isNull = field === undefined ? 'false' : nullSource(context, field)
    return isNull === 'false' ? `{ ${statements} }` : `if (!${isNull}) { ${statements} }`
  }
  if (accumulator instanceof Counter) {
    const parts = arrays(['counts'])
    return { ...parts, add: present(`${ref('counts')}++;`) }
  }
  if (accumulator instanceof Sum && field !== undefined) {
    const parts = arrays(['counts', 'sums', 'errors'])
    const [sum, error] = [ref('sums'), ref('errors')]
    const add = `const ${x} = ${valueSource(context, field)}, t${i} = ${sum} + ${x}, q${i} = t${i} - ${sum};
    ${error} += ${sum} - (t${i} - q${i}) + (${x} - q${i}); ${sum} = t${i}; ${ref('counts')}++;`
    return { ...parts, add: present(add) }
  }
  if (accumulator instanceof Extreme && field !== undefined) {
    const parts = arrays(['counts', 'values'])
    const most = ref('values')
    const isBetter =
      kind === 'max' ? `${x} > ${most} || ${x} !== ${x}` : `${x} < ${most} || ${most} !== ${most}`
    const value = comparableSource(context, field)
    return {
      ...parts,
      add: `{ const ${x} = ${value}; if (${x} !== null) { ${ref('counts')}++; if (${isBetter}) ${most} = ${x}; } }`,
    }
  }
  const own = `k${i}o`
  return {
    declare: `const ${own} = A[${i}];`,
    load: '',
    add: `${own}.add(${inGroups ? 'g' : '0'}, v, b, at);`,
    store: '',
  }
}

/** Statements that make the words of the key, and look for its group: `g`, below 0 for a new one. */
function groupSource(context: QueryContext, groupBy: readonly QueriedField[], width: number): string {
  const words: string[] = []
  for (const field of groupBy) {
    const isNull = canBeNull(field) ? nullSource(context, field) : undefined
    const own = fieldWords(context, field)
    if (isNull === undefined) words.push(...own)
    else words.push(`${isNull} ? 1 : 0`, ...own.map(word => `(${isNull} ? 0 : ${word})`))
  }
  const names = words.map((_, k) => `w${k}`)
  const mixed = names.map(
    (name, k) =>
      `hash = Math.imul(hash ^ ${name}, ${MULTIPLIERS[k % MULTIPLIERS.length]}); hash ^= hash >>> 15;`,
  )
  return `const ${names.map((name, k) => `${name} = (${words[k]}) | 0`).join(', ')};
  let hash = ${width};
  ${mixed.join(' ')}
  let slot = hash & mask, g;
  while ((g = slots[slot]) >= 0) {
    const k = g * ${width};
    if (${names.map((name, k) => `keys[k + ${k}] === ${name}`).join(' && ')}) break;
    slot = (slot + 1) & mask;
  }
  if (g < 0) { ${names.map((name, k) => `words[${k}] = ${name};`).join(' ')} }`
}

/** Odd numbers of well mixed bits. */
const MULTIPLIERS = [0x2c1b3c6d, 0x297a2d39, 0x5bd1e995, 0x1b873593]

/** Sources of the words of one field's bytes. */
function fieldWords(context: QueryContext, field: QueriedField): string[] {
  const { node } = field
  if (node.type === 'bits') return [valueSource(context, field)]
  if (isText(node) && node.size > WORD_BYTES_MAX) return [`G.wordOf(${fieldSource(context, field)} ?? '')`]
  const spot = { ...RECORD, offset: field.offset, bit: field.bit }
  const words: string[] = []
  let done = 0
  for (; done + 4 <= node.size; done += 4) words.push(`v.getInt32(${position(spot, done)}, true)`)
  const rest = node.size - done
  if (rest === 1) words.push(`b[${position(spot, done)}]`)
  if (rest === 2) words.push(`v.getUint16(${position(spot, done)}, true)`)
  if (rest === 3)
    words.push(`v.getUint16(${position(spot, done)}, true) | (b[${position(spot, done + 2)}] << 16)`)
  return words
}
