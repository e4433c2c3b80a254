/**
 * How is an options object read? A table has one row an option; types, checks and docs/options.md come from it.
 *
 *   OT1  own names alone are read, each once, and what is kept holds nothing of the caller's: a getter runs once, and a
 *        change made later changes nothing. Symbols are no names and are not looked at.
 *   OT2  an unknown name, a wrong type, a value out of bounds and what is no plain object are refused.
 *   OT3  undefined is as good as absent, except for a condition of a query: without it the query would answer with more.
 * What one option may hold: option-kinds.ts. The rows stand in each folder, in files whose names end in options.ts. The sentence
 * about an option is the comment above its row, so that editors show it too.
 */

import { nearestName } from './option-names.ts'
import { isPlainObject, shown } from './shown-value.ts'

/** What one option may hold. `Default` is what stands for an absent one, undefined where that is no constant. */
export class Option<T, Default extends T | undefined = undefined> {
  /** As messages and docs say it: 'true or false'. */
  readonly type: string
  /** @returns the value as it is kept @throws TypeError, RangeError */
  readonly read: (value: unknown, name: string) => T
  readonly default: Default
  /** What an absent one means, where that is no constant. */
  readonly otherwise: string | undefined
  /** Whether a query answers with more where it is absent. */
  readonly isCondition: boolean
  readonly isRequired: boolean

  constructor(
    type: string,
    read: (value: unknown, name: string) => T,
    facts: {
      readonly default?: Default
      readonly otherwise?: string
      readonly isCondition?: boolean
      readonly isRequired?: boolean
    } = {},
  ) {
    this.type = type
    this.read = read
    this.default = facts.default as Default
    this.otherwise = facts.otherwise
    this.isCondition = facts.isCondition ?? false
    this.isRequired = facts.isRequired ?? false
  }

  /** The same, with a value that stands for an absent one. */
  or(value: T): Option<T, T> {
    return new Option<T, T>(this.type, this.read, { default: value })
  }
  /** The same, with words for what an absent one means. */
  orElse(otherwise: string): Option<T> {
    return new Option<T>(this.type, this.read, { otherwise })
  }
  /** The same as a condition of a query. */
  asCondition(otherwise: string): Condition<T> {
    return new Option<T>(this.type, this.read, { otherwise, isCondition: true }) as Condition<T>
  }
  /** The same, never absent. */
  required(): Option<T, T> {
    return new Option<T>(this.type, this.read, { isRequired: true }) as Option<T, T>
  }
}

export type Condition<T> = Option<T> & { readonly isCondition: true }

export type OptionRows = Readonly<Record<string, Option<unknown, unknown>>>

/** Stands in rows for the type of an index's keys, which no table knows. */
export interface KeyType {
  readonly '~key': never
}

type ValueOf<O, Key> = O extends { readonly read: (value: unknown, name: string) => infer T }
  ? T extends KeyType
    ? Key
    : T
  : never
type GivenOf<O, Key> = ValueOf<O, Key> | (O extends { readonly isCondition: true } ? never : undefined)

/** The options of a table as a caller gives them. */
export type OptionsOf<Table, Key = unknown> = Table extends { readonly rows: infer Rows }
  ? { readonly [Name in keyof Rows]?: GivenOf<Rows[Name], Key> }
  : never

type SettledNames<Rows extends OptionRows> = {
  [Name in keyof Rows]: undefined extends Rows[Name]['default'] ? never : Name
}[keyof Rows]

/** The same as they are kept: with the defaults that are constants. */
export type Settled<Rows extends OptionRows> = {
  readonly [Name in Exclude<keyof Rows, SettledNames<Rows>>]?: ValueOf<Rows[Name], unknown>
} & { readonly [Name in SettledNames<Rows>]: ValueOf<Rows[Name], unknown> }

export type SettledOptions<Table> = Table extends { readonly rows: infer Rows extends OptionRows }
  ? Settled<Rows>
  : never

export class OptionTable<Rows extends OptionRows> {
  /** Of the type, as it is exported. */
  readonly name: string
  readonly rows: Rows
  readonly #byName: ReadonlyMap<string, Option<unknown, unknown>>
  readonly #required: readonly string[]
  readonly #defaults: Readonly<Record<string, unknown>>

  constructor(name: string, rows: Rows) {
    this.name = name
    this.rows = rows
    const entries = Object.entries(rows)
    this.#byName = new Map(entries)
    this.#required = entries.filter(([, row]) => row.isRequired).map(([option]) => option)
    this.#defaults = Object.freeze(
      Object.fromEntries(
        entries.filter(([, row]) => row.default !== undefined).map(([option, row]) => [option, row.default]),
      ),
    )
  }

  get names(): readonly string[] {
    return Object.keys(this.rows)
  }

  /**
   * What a caller gave, checked and copied, with the defaults that are constants.
   * @param call names the function in messages
   * @throws TypeError, RangeError
   */
  read(given: unknown, call: string): Settled<Rows>
  read(given: unknown, call: string): unknown {
    if (given === undefined && this.#required.length === 0) return this.#defaults
    if (!isPlainObject(given)) this.#refuseNoOptions(given, call)
    const kept: Record<string, unknown> = { ...this.#defaults }
    // Reflect.ownKeys, which has the symbols too, takes ten times as long.
    for (const name of Object.getOwnPropertyNames(given)) {
      const row = this.#byName.get(name)
      if (row === undefined) throw this.#unknown(name, call)
      const value = given[name]
      if (value !== undefined) kept[name] = readValue(row, value, name, call)
      else if (row.isCondition) throw lostCondition(name, call)
    }
    for (const name of this.#required) {
      if (kept[name] === undefined) {
        throw new TypeError(`${call} needs ${name}, ${(this.#byName.get(name) as Option<unknown>).type}`)
      }
    }
    return kept
  }

  /** An instance of a class may bring own properties; what it inherits is never read. */
  #refuseNoOptions(given: unknown, call: string): asserts given is Readonly<Record<string, unknown>> {
    const isInstance = typeof given === 'object' && given !== null && tagOf(given) === '[object Object]'
    if (!isInstance) {
      const takes = this.#byName.size === 0 ? 'no options' : `options as an object, { ${this.#namesShown()} }`
      throw new TypeError(`${call} takes ${takes}: ${shown(given)}`)
    }
    for (const name of this.#byName.keys()) {
      if (name in given && !Object.hasOwn(given, name)) {
        throw new TypeError(`${call} reads the own properties of its options, and '${name}' is inherited`)
      }
    }
  }

  #unknown(name: string, call: string): TypeError {
    const what = `${call} has no option '${name}'`
    const near = nearestName(name, this.names)
    if (near !== undefined) return new TypeError(`${what}: did you mean '${near}'?`)
    return new TypeError(
      `${what}: ${this.#byName.size === 0 ? 'it takes none' : `known are ${this.#namesShown()}`}`,
    )
  }

  #namesShown(): string {
    return this.names.join(', ')
  }
}

/** Rows of calls that take no options: whoever gives some hears of it. */
export const NO_OPTIONS = new OptionTable('NoOptions', {})
export type NoOptions = Readonly<Record<string, never>>

/**
 * For calls that programs hand to `map`, which adds a position and the list: nothing but a plain object is meant as options.
 * @throws TypeError
 */
export function refuseOptions(given: unknown, call: string): void {
  if (isPlainObject(given)) NO_OPTIONS.read(given, call)
}

/** A public function, as docs/options.md names it, and the options that it takes. */
export interface CallWithOptions {
  readonly call: string
  readonly table: { readonly name: string; readonly rows: OptionRows }
}

function readValue(row: Option<unknown, unknown>, value: unknown, name: string, call: string): unknown {
  try {
    return row.read(value, name)
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(`${call}: ${error.message}`)
    if (error instanceof RangeError) throw new RangeError(`${call}: ${error.message}`)
    throw error
  }
}

function lostCondition(name: string, call: string): TypeError {
  return new TypeError(`${call}: ${name} is undefined: leave it out where there is no such bound`)
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value)
}
