/**
 * Is a value a Date, bytes or an error, of whatever realm?
 *
 * A vm context, and so each test file of Jest, has classes of its own. `instanceof` refuses its values, and accepts an object that only
 * borrowed a prototype. These functions check the internal slots instead.
 *   RL1  no code of the value runs: neither a getter, nor a method, nor a trap of a proxy.
 *   RL2  the intrinsics are taken when this file is loaded; later changes of the prototypes do not matter.
 */

import { types } from 'node:util'

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const tagOf = getterOf(typedArray, Symbol.toStringTag)
const lengthOf = getterOf(typedArray, 'length')
const { getTime } = Date.prototype
const { set } = Uint8Array.prototype

/** Milliseconds of a Date; NaN for an invalid Date and for everything else. */
export function dateMs(value: unknown): number {
  try {
    return getTime.call(value as Date)
  } catch {
    return Number.NaN
  }
}

/** Whether the value is a Date, valid or not. */
export function isDate(value: unknown): value is Date {
  return types.isDate(value)
}

/** Length of a Uint8Array (0 if its buffer is detached); -1 for any other value. */
export function byteCount(value: unknown): number {
  return tagOf.call(value) === 'Uint8Array' ? (lengthOf.call(value) as number) : -1
}

/** Whether the value is a Uint8Array; a Buffer is one. */
export function isBytes(value: unknown): value is Uint8Array {
  return tagOf.call(value) === 'Uint8Array'
}

/** Copies all of a Uint8Array. @returns its length at that moment, since another thread may grow shared memory at any time */
export function copyBytes(source: Uint8Array, target: Uint8Array, at: number): number {
  set.call(target, source, at)
  return lengthOf.call(source) as number
}

/** Whether the value is an Error, subclasses included. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value)
}

/** Name of an object's class, as far as it can be read without running code of the object. */
export function className(value: object): string {
  if (types.isProxy(value)) return 'Proxy'
  for (let holder: object | null = value; holder !== null; holder = Object.getPrototypeOf(holder)) {
    if (types.isProxy(holder)) return 'no class'
    const made = Object.getOwnPropertyDescriptor(holder, 'constructor')?.value as unknown
    if (made === undefined) continue
    if (typeof made !== 'function' || types.isProxy(made)) return 'no class'
    const name = Object.getOwnPropertyDescriptor(made, 'name')?.value as unknown
    return typeof name === 'string' ? name : 'no class'
  }
  return 'no class'
}

type Getter = (this: unknown) => unknown

function getterOf(prototype: object, key: PropertyKey): Getter {
  return Object.getOwnPropertyDescriptor(prototype, key)?.get as Getter
}
