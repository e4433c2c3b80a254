/**
 * What could go wrong: a member of the public classes says nothing on hover in an editor, so that a program is written from guesses.
 *
 * Read from the declarations that are published (`npm run build`), in which nothing internal is left. An exported name counts, and
 * every type that an exported one is made of.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))
const ENTRIES = [
  'index.d.ts',
  'mmap/index.d.ts',
  'schema/index.d.ts',
  'duckdb/index.d.ts',
  'transfer/index.d.ts',
]
/** Declarations that several entries share. */
const CHUNKS = readdirSync(`${DIST}chunks`)
  .filter(name => name.endsWith('.d.ts'))
  .map(name => `chunks/${name}`)

const DECLARATION = /^(?:declare )?(?:abstract )?(class|interface|function|const|type) ([\w$]+)/
const MEMBER = /^ {2}(?:(?:abstract|static|readonly|get|set) )*(\[[^\]]+\]|'[^']+'|[\w$]+)/
/** What no program calls or reads. */
const HIDDEN = /^ {2}(?:#private|private |protected )/
/** Types with members. In a conditional type the lines with braces are patterns, not members. */
const HAS_MEMBERS = /^(?:class|interface)$/
const MEMBERS_OF_TYPE = /(?:OptionTable<| & )\{$/
/** PointReader describes the methods that ReaderBase leaves open, and a member of FormatColumns is named after what it stands for. */
const WITHOUT_MEMBERS = ['ReaderBase', 'FormatColumns']

interface Declared {
  readonly name: string
  readonly hasText: boolean
  readonly members: { readonly name: string; readonly hasText: boolean }[]
  /** Names that stand in it. */
  readonly words: Set<string>
}

/** The declarations of a text. Of several signatures the first describes all. */
function declaredIn(text: string): Declared[] {
  const found: Declared[] = []
  let withMembers = false
  let hasText = false
  let isComment = false
  for (const line of text.split('\n')) {
    if (isComment || /^ *\/\*\*/.test(line)) {
      isComment = !line.includes('*/')
      hasText = true
      continue
    }
    const declaration = DECLARATION.exec(line)
    let owner = found.at(-1)
    if (declaration !== null) {
      const [, kind = '', name = ''] = declaration
      if (owner?.name !== name) {
        owner = { name, hasText, members: [], words: new Set() }
        found.push(owner)
      }
      withMembers = !WITHOUT_MEMBERS.includes(name) && (HAS_MEMBERS.test(kind) || MEMBERS_OF_TYPE.test(line))
    } else if (withMembers && owner !== undefined && !HIDDEN.test(line)) {
      const name = MEMBER.exec(line)?.[1]
      if (name !== undefined && owner.members.at(-1)?.name !== name) owner.members.push({ name, hasText })
    }
    if (owner !== undefined) for (const [word] of line.matchAll(/[\w$]+/g)) owner.words.add(word)
    if (/^}/.test(line)) withMembers = false
    hasText = false
  }
  return found
}

/** Names without a docstring among those that are exported, and those that these are made of. */
function holesIn(declared: readonly Declared[], exported: Iterable<string>): string[] {
  const byName = new Map(declared.map(declaration => [declaration.name, declaration]))
  const reached = new Set(exported)
  for (const name of reached) for (const word of byName.get(name)?.words ?? []) reached.add(word)
  return declared
    .filter(({ name }) => reached.has(name))
    .flatMap(({ name, hasText, members }) => [
      ...(hasText ? [] : [name]),
      ...members.filter(member => !member.hasText).map(member => `${name}.${member.name}`),
    ])
}

const textOf = (file: string): string => readFileSync(`${DIST}${file}`, 'utf8')
const exported = ENTRIES.flatMap(file => [...textOf(file).matchAll(/^export \{([^}]+)\}/gm)])
  .flatMap(([, list = '']) => list.split(','))
  .map(name => name.trim().replace(/^type /, ''))
const declared = [...ENTRIES, ...CHUNKS].flatMap(file => declaredIn(textOf(file)))

describe('what is exported', () => {
  test('is found in the declarations', () => {
    const names = declared.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(exported))
    const members = declared.flatMap(({ name, members }) => members.map(member => `${name}.${member.name}`))
    expect(members).toEqual(
      expect.arrayContaining([
        'Store.update',
        'RecordSet.getMany',
        'Walk.map',
        'StrideError.code',
        'FieldInfo.nullBit',
        'Codec.hasField',
        'HashStoreIndex.range',
        'STORE.durability',
        'MappedView.bytes',
      ]),
    )
  })

  test('has a docstring each, members too', () => {
    expect(holesIn(declared, exported)).toEqual([])
  })

  test('is found wanting where a declaration or a member has none', () => {
    const text = [
      'declare class A {\n  #private;\n  /** Says. */\n  b(): B;\n  b(n: number): void;\n  get c(): number;\n}',
      'declare function d(): void;',
      'interface B {\n  readonly e: number;\n}',
      "/** Says. */\ntype F = B & {\n  readonly '~g': number;\n};",
      '/** Says. */\ndeclare const H: OptionTable<{\n  i: number;\n}>;',
      'type Unreached = number;',
    ].join('\n')
    expect(holesIn(declaredIn(text), ['A', 'd', 'F', 'H'])).toEqual([
      'A',
      'A.c',
      'd',
      'B',
      'B.e',
      "F.'~g'",
      'H.i',
    ])
  })
})
