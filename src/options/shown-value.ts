/**
 * How does a message show a value that a caller gave, and is it a plain object? No code of the value runs.
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

/** @throws TypeError for a value that is no path */
export function checkPath(path: unknown, call: string): asserts path is string {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`${call} takes a path, a text that is not empty: ${shown(path)}`)
  }
}

/** Whether it is an object without a class, of any realm: `{}` or Object.create(null). */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  // The Object.prototype of another realm has no prototype, either.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'hasOwnProperty')
}
