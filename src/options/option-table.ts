/**
 * How is an options object read? A table has one row an option; types, checks and docs/options.md come from it.
 *
 *   OT1  only own properties are read, each once, and copied. A getter runs once, and later changes of the object change nothing.
 *        Symbols are ignored.
 *   OT2  an unknown name, a wrong type, a value out of bounds and an object of a class are refused.
 *   OT3  undefined counts as absent, except for a condition of a query: without the condition a query would return more.
 * The kinds of values: option-kinds.ts. The rows stand in each folder, in files whose names end in options.ts. The sentence about an
 * option is the comment above its row, so that editors show it too.
 */

import { nearestName } from './option-names.ts'
import { isPlainObject, shown } from './shown-value.ts'

/** What one option may hold. `Default` is the type of its default value, undefined where the default is no constant. */
export class Option<T, Default extends T | undefined = undefined> {
  /** In words, for messages and docs: 'true or false'. */
  readonly type: string
  /** Checks and copies a value. @throws TypeError, RangeError */
  readonly read: (value: unknown, name: string) => T
  /** The value of an absent option. */
  readonly default: Default
  /** What an absent option means, where that is no constant. */
  readonly otherwise: string | undefined
  /** Whether a query returns more without it. */
  readonly isCondition: boolean
  /** Whether it must be given. */
  readonly isRequired: boolean

  /** @param type in words @param read checks and copies a value */
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

  /** The same option with a default value. */
  or(value: T): Option<T, T> {
    return new Option<T, T>(this.type, this.read, { default: value })
  }
  /** The same option, with words for what an absent one means. */
  orElse(otherwise: string): Option<T> {
    return new Option<T>(this.type, this.read, { otherwise })
  }
  /** The same option as a condition of a query. */
  asCondition(otherwise: string): Condition<T> {
    return new Option<T>(this.type, this.read, { otherwise, isCondition: true }) as Condition<T>
  }
  /** The same option, which must be given. */
  required(): Option<T, T> {
    return new Option<T>(this.type, this.read, { isRequired: true }) as Option<T, T>
  }
}

/** An option without which a query returns more: undefined is refused. */
export type Condition<T> = Option<T> & {
  /** Always true. */
  readonly isCondition: true
}

/** Options by their names. */
export type OptionRows = Readonly<Record<string, Option<unknown, unknown>>>

/** A placeholder in rows for the type of an index's keys. */
export interface KeyType {
  /** Never present at run time. */
  readonly '~key': never
}

/** The type of an option's value. */
type ValueOf<O, Key> = O extends { readonly read: (value: unknown, name: string) => infer T }
  ? T extends KeyType
    ? Key
    : T
  : never
/** The type of what a caller may give for an option. */
type GivenOf<O, Key> = ValueOf<O, Key> | (O extends { readonly isCondition: true } ? never : undefined)

/** The options of a table as a caller gives them, all optional. */
export type OptionsOf<Table, Key = unknown> = Table extends { readonly rows: infer Rows }
  ? { readonly [Name in keyof Rows]?: GivenOf<Rows[Name], Key> }
  : never

/** Names of the options that have a default value. */
type SettledNames<Rows extends OptionRows> = {
  [Name in keyof Rows]: undefined extends Rows[Name]['default'] ? never : Name
}[keyof Rows]

/** The options of a table after reading: with default values. */
export type Settled<Rows extends OptionRows> = {
  readonly [Name in Exclude<keyof Rows, SettledNames<Rows>>]?: ValueOf<Rows[Name], unknown>
} & { readonly [Name in SettledNames<Rows>]: ValueOf<Rows[Name], unknown> }

export type SettledOptions<Table> = Table extends { readonly rows: infer Rows extends OptionRows }
  ? Settled<Rows>
  : never

/** The options of a call, one row an option. */
export class OptionTable<Rows extends OptionRows> {
  /** Name of the exported type. */
  readonly name: string
  /** The options by their names. */
  readonly rows: Rows
  readonly #byName: ReadonlyMap<string, Option<unknown, unknown>>
  readonly #required: readonly string[]
  readonly #defaults: Readonly<Record<string, unknown>>

  /** @param name name of the exported type */
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

  /** Names of the options. */
  get names(): readonly string[] {
    return Object.keys(this.rows)
  }

  /**
   * Checks and copies the options that a caller gave, and fills in default values.
   * @param call name of the function, for messages
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

  /** An instance of a class may have options as own properties; inherited ones are refused. */
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

/** The table of calls that take no options: any option is refused. */
export const NO_OPTIONS = new OptionTable('NoOptions', {})
/** The options of a call that takes none. */
export type NoOptions = Readonly<Record<string, never>>

/**
 * For calls that programs hand to `map`, which adds a position and the list. Only a plain object counts as options, and is refused.
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
