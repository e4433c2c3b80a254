/**
 * What an index is: its name, its fields, its kind; and how the store's root and the index file hold that.
 *
 *   DF1  a definition is a frozen copy of what was given: nothing that a caller changes later reaches a file, nor a lookup.
 * Which definitions a store has is said by its root (root.ts); the index file repeats them beside the pages.
 */

import { StrideError } from '../../errors.ts'
import { checkOptionNames } from '../../option-names.ts'

export type IndexKind = 'hash' | 'ordered'

/** An index as it is declared. */
export interface IndexOptions {
  /** A field by its dotted path, or several: then keys are arrays of their values. */
  readonly on: string | readonly string[]
  /** 'hash', the default, finds keys; 'ordered' finds keys and ranges of them. */
  readonly kind?: IndexKind
  /**
   * Whether no two live records may have the same key, looked at with each call that changes one; a key with a null in it, or
   * inside an object or array in it, may be had by many, as in SQL.
   */
  readonly unique?: boolean
}

/** The same with its defaults filled in; what the index file holds as JSON. */
export interface IndexDefinition {
  readonly name: string
  readonly on: readonly string[]
  readonly kind: IndexKind
  readonly unique: boolean
}

const NAME_LENGTH_MAX = 200

/** @throws TypeError for what cannot be meant */
export function defineIndex(name: string, options: IndexOptions): IndexDefinition {
  if (name === '' || name.length > NAME_LENGTH_MAX) {
    throw new TypeError(`An index has a name of 1 to ${NAME_LENGTH_MAX} characters: '${name}'`)
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The index '${name}' takes { on, kind, unique }: ${String(options)}`)
  }
  checkOptionNames(options, ['on', 'kind', 'unique'], `index '${name}'`)
  const { on, kind = 'hash', unique = false } = options
  // Copied before it is checked, so that nothing else is checked than what is kept.
  const fields: readonly unknown[] = Object.freeze(
    typeof on === 'string' ? [on] : Array.isArray(on) ? [...on] : [],
  )
  if (fields.length === 0 || !fields.every(field => typeof field === 'string')) {
    throw new TypeError(`The index '${name}' is on a field, or on an array of them: ${String(on)}`)
  }
  if (kind !== 'hash' && kind !== 'ordered') {
    throw new TypeError(`The kind of index '${name}' is 'hash' or 'ordered': ${String(kind)}`)
  }
  if (typeof unique !== 'boolean')
    throw new TypeError(`unique of index '${name}' is true or false: ${String(unique)}`)
  return Object.freeze({ name, on: fields as readonly string[], kind, unique })
}

/** Whether both are the same index. */
export function isSameDefinition(a: IndexDefinition, b: IndexDefinition): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b))
}

/** As the index file holds it. */
export function definitionText(definition: IndexDefinition): string {
  return JSON.stringify(canonical(definition))
}

/** All of a store, as its root holds them. */
export function definitionsText(definitions: readonly IndexDefinition[]): string {
  return definitions.length === 0 ? '' : JSON.stringify(definitions.map(canonical))
}

/** What a root holds. @throws ERR_STRIDE_CORRUPT naming the store where these are no definitions */
export function definitionsFrom(text: string, path: string): readonly IndexDefinition[] {
  if (text === '') return []
  try {
    const list = JSON.parse(text) as readonly IndexDefinition[]
    return list.map(({ name, ...options }) => defineIndex(name, options))
  } catch (cause) {
    const message = `${path} is damaged: its root holds no index definitions: ${text.slice(0, 200)}`
    throw new StrideError('ERR_STRIDE_CORRUPT', message, { path, cause })
  }
}

/** What a file holds, if that is a definition. */
export function definitionFrom(text: string): IndexDefinition | undefined {
  try {
    const { name, ...options } = JSON.parse(text) as IndexDefinition
    return defineIndex(name, options)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof StrideError)
      return undefined
    throw error
  }
}

function canonical({ name, on, kind, unique }: IndexDefinition): IndexDefinition {
  return { name, on, kind, unique }
}
