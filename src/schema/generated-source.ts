/**
 * What does generated code consist of? Functions, constants from outside, and places in a record.
 *
 * Only numbers of this library and JSON.stringify'd names become source text. Every other value is passed in as a constant, so that no
 * schema can inject code.
 */

/** Code that is being generated. */
export class Source {
  readonly #functions: string[] = []
  readonly #constants: unknown[] = []
  readonly #known = new Map<unknown, string>()
  #names = 0

  /** A name for a value that the code gets from outside. */
  constant(value: unknown): string {
    let name = this.#known.get(value)
    if (name === undefined) {
      name = `k${this.#constants.push(value) - 1}`
      this.#known.set(value, name)
    }
    return name
  }

  /** A fresh variable name. */
  name(prefix: string): string {
    return `${prefix}${this.#names++}`
  }

  /** Adds a function and gives its name. */
  function(parameters: string, body: string): string {
    const name = this.name('f')
    this.#functions.push(`function ${name}(${parameters}) {\n${body}\n}`)
    return name
  }

  /** Runs the code. @returns the value of the expression `result` @throws EvalError where code generation is forbidden */
  run(result: string): unknown {
    const constants = this.#constants.map((_, i) => `const k${i} = k[${i}];`).join('\n')
    const source = `'use strict';\n${constants}\n${this.#functions.join('\n')}\nreturn ${result};`
    return new Function('k', source)(this.#constants)
  }
}

/**
 * A place in the record that is read or written: an expression for a base, plus a constant. In loops the base is a variable, and so
 * is the number of the first null bit.
 */
export interface Spot {
  readonly base: string
  readonly offset: number
  readonly bitBase: string | null
  readonly bit: number
}

/** The place of the whole record; generated functions call it `at` throughout. */
export const RECORD: Spot = { base: 'at', offset: 0, bitBase: null, bit: 0 }

export function within(spot: Spot, child: { readonly offset: number; readonly bit: number }): Spot {
  return { ...spot, offset: spot.offset + child.offset, bit: spot.bit + child.bit }
}

/** Source of a byte position. */
export function position(spot: Spot, extra = 0): string {
  const offset = spot.offset + extra
  return offset === 0 ? spot.base : `${spot.base} + ${offset}`
}

/** Source of the byte position and the mask of a null bit. */
export function bitPlace(spot: Spot, extra: number, bitmapOffset: number): { byte: string; mask: string } {
  const bit = spot.bit + extra
  if (spot.bitBase === null)
    return { byte: `b[at + ${bitmapOffset + (bit >> 3)}]`, mask: String(1 << (bit & 7)) }
  return {
    byte: `b[at + ${bitmapOffset} + ((${spot.bitBase} + ${bit}) >> 3)]`,
    mask: `(1 << ((${spot.bitBase} + ${bit}) & 7))`,
  }
}

/** Source of a null bit's number. */
export function bitNumber(spot: Spot, extra: number): string {
  return spot.bitBase === null ? String(spot.bit + extra) : `${spot.bitBase} + ${spot.bit + extra}`
}

/** Source of a string or property name. */
export function literal(name: string): string {
  return JSON.stringify(name)
}
