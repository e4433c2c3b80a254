/**
 * Which values may an option hold? One kind for each sort of value: its name in messages and docs, its check, and its copy.
 *
 * A wrong type is a TypeError. A number that is out of bounds, or not whole, is a RangeError. The tables: option-table.ts.
 */

import { types } from 'node:util'
import { type KeyType, Option, type OptionRows, type OptionTable, type Settled } from './option-table.ts'
import { isPlainObject, shown } from './shown-value.ts'

/** true or false, and no other truthy or falsy value. */
export const flag = new Option<boolean>('true or false', (value, name) => {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false: ${shown(value)}`)
  return value
})

/** One of a few texts. */
export function oneOf<const Choice extends string>(...choices: readonly Choice[]): Option<Choice> {
  return new Option<Choice>(`one of ${choices.map(choice => `'${choice}'`).join(', ')}`, (value, name) => {
    if (choices.includes(value as Choice)) return value as Choice
    throw new TypeError(`${name} must be one of ${choices.join(', ')}: ${shown(value)}`)
  })
}

export interface WholeBounds {
  /** 0 by default. */
  readonly min?: number
  /** The largest safe integer by default. */
  readonly max?: number
  readonly unit?: 'bytes' | 'records' | 'entries' | 'milliseconds'
  /** Whether Infinity is allowed, as no bound. */
  readonly orInfinity?: boolean
  readonly isPowerOfTwo?: boolean
  /** Whether the negative of an allowed number is allowed, too. */
  readonly orNegative?: boolean
  /** Whether docs and messages write it in octal digits, as permission bits are. */
  readonly isOctal?: boolean
}

/** A whole number within bounds. */
export function whole(bounds: WholeBounds = {}): Option<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, orInfinity = false, isPowerOfTwo = false } = bounds
  const type = wholeType(bounds)
  return new Option<number>(bounds.unit === undefined ? type : `${type} (${bounds.unit})`, (value, name) => {
    if (typeof value !== 'number') throw new TypeError(`${name} must be ${type}: ${shown(value)}`)
    if (orInfinity && value === Number.POSITIVE_INFINITY) return value
    const size = bounds.orNegative ? Math.abs(value) : value
    const fits = Number.isSafeInteger(value) && size >= min && size <= max
    if (fits && (!isPowerOfTwo || Number.isInteger(Math.log2(value)))) return value
    throw new RangeError(`${name} must be ${type}: ${value}`)
  })
}

/** A whole number from 0, or one of some words. */
export function wholeOr<const Word extends string>(...words: readonly Word[]): Option<number | Word> {
  const number = whole()
  const type = `${wholeType({})}, ${words.map(word => `'${word}'`).join(' or ')}`
  return new Option<number | Word>(type, (value, name) => {
    if (words.includes(value as Word)) return value as Word
    if (typeof value === 'number') return number.read(value, name)
    throw new TypeError(`${name} must be ${type}: ${shown(value)}`)
  })
}

function wholeType({ min = 0, max, orInfinity, isPowerOfTwo, isOctal, orNegative }: WholeBounds): string {
  const digits = (value: number): string => (isOctal ? `0o${value.toString(8)}` : String(value))
  const what = isPowerOfTwo ? 'a power of two' : 'a whole number'
  const to = max === undefined ? '' : ` to ${digits(max)}`
  return `${what} from ${digits(min)}${to}${orInfinity ? ', or Infinity' : ''}${orNegative ? ', or negative' : ''}`
}

/** A Zod schema. Code that reads its layout checks the rest. */
/** A name of at most 64 letters, digits, dots, dashes and underscores. */
export const consumerName = new Option<string>('a name of 1 to 64 letters, digits, . _ -', (value, name) => {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a text: ${shown(value)}`)
  if (/^[A-Za-z0-9._-]{1,64}$/.test(value)) return value
  throw new RangeError(
    `${name} must have 1 to 64 letters, digits, dots, dashes and underscores: ${shown(value)}`,
  )
})

export const zodObject = new Option<object>('a Zod object', (value, name) => {
  if (typeof value === 'object' && value !== null && '_zod' in value) return value
  throw new TypeError(`${name} must be a Zod object, z.object({ … }): ${shown(value)}`)
})

/** Options of another table. */
export function nested<Rows extends OptionRows>(table: OptionTable<Rows>): Option<Settled<Rows>> {
  return new Option(`an object: ${table.name}`, (value, name) => table.read(value, name))
}

/** Permission bits of a file that is created. */
export const permissionBits = whole({ max: 0o777, isOctal: true })

/** A function that the library calls. */
export function callback<F extends (...args: never) => unknown>(parameters: string): Option<F> {
  return new Option<F>(`a function (${parameters})`, (value, name) => {
    if (typeof value !== 'function')
      throw new TypeError(`${name} must be a function (${parameters}): ${shown(value)}`)
    return value as F
  })
}

/** An AbortSignal of any realm, recognised by its tag and its methods. */
export const abortSignal = new Option<AbortSignal>('an AbortSignal', (value, name) => {
  if (isAbortSignal(value)) return value
  throw new TypeError(`${name} must be an AbortSignal: ${shown(value)}`)
})

function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false
  if (Object.prototype.toString.call(value) !== '[object AbortSignal]') return false
  const { aborted, throwIfAborted } = value as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof throwIfAborted === 'function'
}

/** A key of the index, or its first values. The index checks it. */
export const indexKey = new Option<KeyType>('a key of the index, or its first values', (value, name) => {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`${name} must be a key of the index: ${shown(value)}`)
  }
  return keptCopy(value) as KeyType
})

/** The beginning of keys. The index checks it. */
export const keyPrefix = new Option<KeyType>('a text, or the first values of a key', (value, name) =>
  indexKey.read(value, name),
)

/** A value of a field. The field checks it. */
export const fieldValue = new Option<unknown>('a value of the field', value => keptCopy(value))

/** A text, or an array of at least one text. */
export const textOrTexts = new Option<string | readonly string[]>(
  'a text, or an array of texts',
  (value, name) => {
    if (typeof value === 'string') return value
    const texts = Array.isArray(value) ? Array.from(value as readonly unknown[]) : []
    if (texts.length > 0 && texts.every(text => typeof text === 'string')) return Object.freeze(texts)
    throw new TypeError(`${name} must be a text, or an array of texts: ${shown(value)}`)
  },
)

/** An array of whole numbers from 0. */
export const wholes = new Option<readonly number[]>('an array of whole numbers from 0', (value, name) => {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of whole numbers: ${shown(value)}`)
  const numbers: unknown[] = Array.from(value as readonly unknown[])
  const element = whole()
  return Object.freeze(numbers.map((number, i) => element.read(number, `${name}[${i}]`)))
})

/** An object of names, each with options of one table. */
export function named<Rows extends OptionRows>(
  table: OptionTable<Rows>,
  what: string,
  checkName: (name: string) => void,
): Option<Readonly<Record<string, Settled<Rows>>>> {
  return new Option(`an object: a name and ${table.name} for each ${what}`, (value, name) => {
    if (!isPlainObject(value))
      throw new TypeError(
        `${name} must be an object of names and declarations, { byId: { on: 'id' } }: ${shown(value)}`,
      )
    // Without a prototype, so that no name is inherited.
    const kept: Record<string, Settled<Rows>> = Object.create(null)
    for (const key of Object.getOwnPropertyNames(value)) {
      checkName(key)
      kept[key] = table.read(value[key], `${what} '${key}'`)
    }
    return kept
  })
}

const DEPTH_MAX = 64

/** A copy that later changes of the original do not reach, and that runs no code of the caller when it is read. */
export function keptCopy(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === DEPTH_MAX) throw new TypeError(`A value nests at most ${DEPTH_MAX} deep`)
  if (types.isDate(value)) return new Date(Date.prototype.getTime.call(value))
  if (types.isUint8Array(value)) return new Uint8Array(value)
  if (Array.isArray(value)) return Array.from(value as readonly unknown[], item => keptCopy(item, depth + 1))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, keptCopy(inner, depth + 1)]))
}
