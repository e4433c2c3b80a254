/**
 * What did the caller give? A value as a message shows it, and whether it is a plain object; none of its code runs.
 */

const SHOWN_LENGTH_MAX = 60

/** A value in a few words: 'abc' in quotes, 5n, an array, a Map. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${value.length > SHOWN_LENGTH_MAX ? `${value.slice(0, SHOWN_LENGTH_MAX)}…` : value}'`
    case 'bigint':
      return `${value}n`
    case 'function':
      return 'a function'
    case 'object':
      return value === null ? 'null' : shownObject(value)
    default:
      return String(value)
  }
}

function shownObject(value: object): string {
  if (Array.isArray(value)) return 'an array'
  const builtIn = BUILT_INS.find(([type]) => value instanceof type)
  return builtIn === undefined ? 'an object' : `a ${builtIn[1]}`
}

const BUILT_INS: readonly (readonly [abstract new (...args: never) => object, string])[] = [
  [Date, 'Date'],
  [Map, 'Map'],
  [Set, 'Set'],
  [Promise, 'Promise'],
  [RegExp, 'RegExp'],
  [DataView, 'DataView'],
  [Uint8Array, 'Uint8Array'],
]

/** @throws TypeError for what names no file */
export function checkPath(path: unknown, call: string): asserts path is string {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`${call} takes a path, a text that is not empty: ${shown(path)}`)
  }
}

/** Whether it is an object of no class, of this realm or another: `{}` or Object.create(null). */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  // Another realm's Object.prototype is the end of its chain, too.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'hasOwnProperty')
}
