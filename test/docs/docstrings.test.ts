/**
 * What could go wrong: a member of the public classes says nothing on hover in an editor, so that a program is written from guesses.
 *
 * Read from the declarations that are published (`npm run build`), in which nothing internal is left.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))
const ENTRIES = ['index.d.ts', 'mmap/index.d.ts', 'schema/index.d.ts']
/** Of these the functions are looked at, and what exported classes are made from. */
const CHUNKS = ['chunks/types.d.ts', 'chunks/types2.d.ts']

const DECLARATION = /^(?:declare )?(?:abstract )?(class|interface|function|const|type) ([\w$]+)/
const MEMBER = /^ {2}(?:(?:abstract|static|readonly|get|set) )*(\[[^\]]+\]|[\w$]+)/
/** What no program calls or reads. */
const HIDDEN = /^ {2}(?:#private|private |protected )/
const BASE = /^declare (?:abstract )?class .*? extends ([\w$]+)(?:<[^{]*>)?(?: implements [^{]*)? \{/gm

interface Described {
  readonly name: string
  readonly hasText: boolean
}

/** Those of the declarations of a text that `names` says, and the members of these classes and interfaces, in their order. */
function describedIn(text: string, names: ReadonlySet<string>): Described[] {
  const found: Described[] = []
  let owner: string | undefined
  let previous = ''
  let hasText = false
  let isComment = false
  for (const line of text.split('\n')) {
    if (isComment || /^ *\/\*\*/.test(line)) {
      isComment = !line.includes('*/')
      hasText = true
      continue
    }
    const declaration = DECLARATION.exec(line)
    const member = owner === undefined || HIDDEN.test(line) ? null : MEMBER.exec(line)
    let name: string | undefined
    if (declaration !== null) {
      const [, kind = '', declared = ''] = declaration
      name = names.has(declared) ? declared : undefined
      owner = /^(class|interface)$/.test(kind) && line.endsWith('{') ? name : undefined
    } else if (member !== null) {
      name = `${owner}.${member[1]}`
    }
    // A second signature stands below the first, which describes both.
    if (name !== undefined && name !== previous) found.push({ name, hasText })
    if (name !== undefined) previous = name
    hasText = false
  }
  return found
}

const textOf = (file: string): string => readFileSync(`${DIST}${file}`, 'utf8')
const namesIn = (text: string): string[] =>
  [...text.matchAll(/^export \{([^}]+)\}/gm)]
    .flatMap(([, list = '']) => list.split(','))
    .map(name => name.trim().replace(/^type /, ''))

const exported = new Set(ENTRIES.flatMap(file => namesIn(textOf(file))))
const bases = ENTRIES.flatMap(file => [...textOf(file).matchAll(BASE)])
  .map(([, base = '']) => base)
  // PointReader describes what ReaderBase leaves open.
  .filter(base => base !== 'Error' && base !== 'ReaderBase')
const functions = CHUNKS.flatMap(file => [...textOf(file).matchAll(/^declare (?:function|const) ([\w$]+)/gm)])
  .map(([, name = '']) => name)
  .filter(name => exported.has(name))
const described = [
  ...ENTRIES.flatMap(file => describedIn(textOf(file), new Set([...exported, ...bases]))),
  ...CHUNKS.flatMap(file => describedIn(textOf(file), new Set(functions))),
]

describe('what is exported', () => {
  test('is found in the declarations', () => {
    const names = described.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['Store', 'Store.update', 'RecordSet.getMany', 'Walk.map', 'StrideError.code']),
    )
    expect(names).toEqual(expect.arrayContaining([...functions, ...bases]))
  })

  test('has a docstring each, members too', () => {
    expect(described.filter(({ hasText }) => !hasText).map(({ name }) => name)).toEqual([])
  })

  test('is found wanting where a member or a function has none', () => {
    const text =
      'declare class A {\n  #private;\n  /** Says. */\n  b(): void;\n  b(n: number): void;\n  get c(): number;\n}\ndeclare function d(): void;'
    const holes = describedIn(text, new Set(['A', 'd'])).filter(({ hasText }) => !hasText)
    expect(holes.map(({ name }) => name)).toEqual(['A', 'A.c', 'd'])
  })
})
