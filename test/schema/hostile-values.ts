/**
 * How can a record lie? Records that give a value once and another one afterwards, that change while they are read, and
 * that tell which of their code ran.
 *
 * `disguise` builds a record from a tame one and a plan of numbers, so that the same record can be built again for another
 * codec: whatever is read of it once is what the tame record says, unless `isChanged` says otherwise.
 */

import vm from 'node:vm'

/** What a disguise is made of, and what it did. */
export interface Disguise {
  readonly value: unknown
  /** Which code of the value ran, in order. */
  readonly trace: string[]
  /** Whether even the first reading differs from the tame record: something threw, or changed something else. */
  isChanged(): boolean
}

/** Values of another realm. */
const foreign = vm.createContext({})
const foreignDate = vm.runInContext('ms => new Date(ms)', foreign) as (ms: number) => Date
const foreignBytes = vm.runInContext('list => Uint8Array.from(list)', foreign) as (
  list: readonly number[],
) => Uint8Array

const AFTERWARDS: readonly unknown[] = [
  300,
  -1,
  'another text, much longer',
  null,
  undefined,
  Number.NaN,
  {},
  [],
]

export function disguise(record: unknown, plan: readonly number[]): Disguise {
  const trace: string[] = []
  let step = 0
  let isChanged = false
  const pick = (count: number): number => (plan[step++ % plan.length] as number) % count
  const changeable: (() => void)[] = []

  /** The value the first time, then others. */
  const once = (path: string, value: unknown): (() => unknown) => {
    const later = pick(AFTERWARDS.length)
    let reads = 0
    return () => {
      trace.push(path)
      return reads++ === 0 ? value : AFTERWARDS[(later + reads) % AFTERWARDS.length]
    }
  }

  const dressed = (value: unknown, path: string): unknown => {
    if (value instanceof Date) return dressedDate(value, path)
    if (value instanceof Uint8Array) return dressedBytes(value, path)
    if (Array.isArray(value)) return dressedList(value, path)
    if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      return dressedObject(value as Record<string, unknown>, path)
    }
    return value
  }

  const dressedDate = (date: Date, path: string): Date => {
    const own = [() => new Date(date), () => foreignDate(date.getTime())][pick(2)] as () => Date
    const copy = own()
    const lie = (): number => {
      trace.push(`${path}.lie`)
      return 1
    }
    // Not valueOf: where a Date stands for a record, a field may have that name.
    if (pick(2) === 0)
      for (const name of ['getTime', 'getUTCDate', Symbol.toPrimitive])
        Object.defineProperty(copy, name, { value: lie })
    changeable.push(() => Date.prototype.setTime.call(copy, Number.NaN))
    return copy
  }

  const dressedBytes = (bytes: Uint8Array, path: string): Uint8Array => {
    // As a record, bytes have the methods of their class for fields.
    if (path === '') return bytes
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    const resizable = new ArrayBuffer(bytes.length, { maxByteLength: bytes.length + 8 } as object)
    const choices = [
      () => Buffer.from(bytes),
      () => foreignBytes([...bytes]),
      () => shared,
      () => new Uint8Array(resizable),
      () => Object.defineProperty(new Uint8Array(bytes), 'length', { value: bytes.length + 1 }),
      () => Object.setPrototypeOf(new Uint8Array(bytes), null) as Uint8Array,
    ]
    const copy = (choices[pick(choices.length)] as () => Uint8Array)()
    Uint8Array.prototype.set.call(copy, bytes)
    const change = [
      () => Uint8Array.prototype.fill.call(copy, 0xee),
      () => (resizable as { resize?: (length: number) => void }).resize?.(0),
      () => {
        if (copy.buffer instanceof ArrayBuffer && copy.byteLength === copy.buffer.byteLength)
          structuredClone(copy.buffer, { transfer: [copy.buffer] })
      },
    ]
    const chosen = change[pick(change.length)] as () => void
    changeable.push(chosen)
    return copy
  }

  const dressedList = (list: readonly unknown[], path: string): unknown[] => {
    const copy = list.map((item, i) => dressed(item, `${path}.${i}`))
    const i = pick(copy.length + 1)
    const { length } = copy
    switch (pick(5)) {
      case 0: {
        const lengths = once(`${path}.length`, length)
        return new Proxy(copy, {
          get: (target, key) => {
            if (key === 'length') return lengths()
            trace.push(`${path}.${String(key)}`)
            return Reflect.get(target, key) as unknown
          },
        })
      }
      case 1:
        if (i < length) Object.defineProperty(copy, i, { get: once(`${path}.${i}`, copy[i]), enumerable: true })
        return copy
      case 2:
        // Whoever reads an element makes the list longer or shorter.
        if (i < length) {
          const value = copy[i]
          const isShorter = pick(2) === 0
          if (isShorter && i < length - 1) isChanged = true
          const get = (): unknown => {
            trace.push(`${path}.${i}`)
            copy.length = isShorter ? i + 1 : length + 5
            return value
          }
          Object.defineProperty(copy, i, { get, enumerable: true })
        }
        return copy
      case 3:
        return Object.freeze(copy) as unknown[]
      default:
        return copy
    }
  }

  const dressedObject = (given: Readonly<Record<string, unknown>>, path: string): object => {
    const copy = Object.create([Object.prototype, null][pick(2)] as object | null) as Record<string, unknown>
    const names = Object.keys(given)
    const chosen = names[pick(names.length + 1)]
    for (const name of names) copy[name] = dressed(given[name], `${path}.${name}`)
    const define = (name: string, get: () => unknown): void => {
      Object.defineProperty(copy, name, { get, enumerable: true, configurable: true })
    }
    switch (pick(9)) {
      case 0:
      case 1:
        if (chosen !== undefined) define(chosen, once(`${path}.${chosen}`, copy[chosen]))
        return copy
      case 2:
        for (const name of names) define(name, once(`${path}.${name}`, copy[name]))
        return copy
      case 3:
        return tracing(copy, path)
      case 4:
        if (chosen === undefined) return copy
        isChanged = true
        define(chosen, () => {
          trace.push(`${path}.${chosen}`)
          throw new Error(`no ${chosen} today`)
        })
        return copy
      case 5: {
        // Whoever reads this field changes dates and bytes, those that were read before included.
        if (chosen === undefined) return copy
        isChanged = true
        const value = copy[chosen]
        define(chosen, () => {
          trace.push(`${path}.${chosen}`)
          for (const change of changeable) change()
          return value
        })
        return copy
      }
      case 6:
        isChanged = true
        Object.defineProperty(copy, '__proto__', { value: { a: 1 }, enumerable: true })
        return copy
      case 7:
        return Object.freeze(copy)
      default:
        return copy
    }
  }

  const tracing = (target: object, path: string): object => {
    const seen = new Set<PropertyKey>()
    return new Proxy(target, {
      get(_, key) {
        trace.push(`${path} get ${String(key)}`)
        if (seen.has(key)) return 'changed'
        seen.add(key)
        return Reflect.get(target, key) as unknown
      },
      has: (_, key) => {
        trace.push(`${path} has ${String(key)}`)
        return Reflect.has(target, key)
      },
      ownKeys: () => {
        trace.push(`${path} keys`)
        return Reflect.ownKeys(target)
      },
      getOwnPropertyDescriptor: (_, key) => {
        trace.push(`${path} own ${String(key)}`)
        return Reflect.getOwnPropertyDescriptor(target, key)
      },
      getPrototypeOf: () => {
        trace.push(`${path} prototype`)
        return Reflect.getPrototypeOf(target)
      },
    })
  }

  const value = dressed(record, '')
  return { value, trace, isChanged: () => isChanged }
}
