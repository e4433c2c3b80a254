/**
 * What could go wrong when the house is changed: a folder imports one above it, two files import each other, a comment names a file
 * or a rule that is not there, one label stands for two rules, or a file grows until nobody reads it.
 *
 * The layers come from the tables of docs/architecture.md, the rules that hold everywhere from the tables of docs/durability.md
 * and docs/concurrency.md.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COMMENT_WIDTH = 140
const FILE_LINES_MAX = 400
const FLAT_FILES_MAX = 20

const filesBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))

const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const sources = filesBelow('src')

/** The files that a file imports, types included. */
function importsOf(file: string): string[] {
  const paths = textOf(file).matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)|^import '(\.[^']+)'/gm)
  return [...paths].map(([, a, b, c]) => join(dirname(file), (a ?? b ?? c) as string).replaceAll('\\', '/'))
}

/** Rows of the table under a heading, as cells. */
function tableUnder(heading: string): string[][] {
  const [, section = ''] = textOf('docs/architecture.md').split(`${heading}\n`)
  const [before = ''] = section.split(/^#/m)
  const rows = before.split('\n').filter(line => line.startsWith('|'))
  return rows.slice(2).map(row =>
    row
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}

const folderIn = (cell: string): string => /`([^`]+)\/`/.exec(cell)?.[1] ?? ''

/** Folders of the engine from the lowest up; the engine's own files are above them all. */
const engineLayers = [
  ...tableUnder('### The engine').map(([folder = '']) => `src/engine/${folderIn(folder)}`),
  'src/engine',
]
/** For each folder of src those that it may import. */
const houseRows = new Map(
  tableUnder('## Folders').map(([folder = '', , may = '']) => [
    folderIn(folder),
    may.split(',').map(name => name.trim()),
  ]),
)

/** Comments of a file with the line that each stands on. */
function commentsOf(file: string): { readonly at: string; readonly text: string }[] {
  return textOf(file)
    .split('\n')
    .map((line, i) => ({ at: `${file}:${i + 1}`, text: line }))
    .filter(({ text }) => /^\s*(\/\*|\*|\/\/)/.test(text))
}

describe('imports', () => {
  test('of the engine go down its layers', () => {
    const layerOf = (file: string): number => engineLayers.indexOf(dirname(file))
    const upward: string[] = []
    for (const file of sources) {
      if (!file.startsWith('src/engine/')) continue
      expect(
        layerOf(file),
        `${file} lies in a folder that docs/architecture.md does not list`,
      ).toBeGreaterThanOrEqual(0)
      for (const target of importsOf(file)) {
        if (target.startsWith('src/engine/') && layerOf(target) > layerOf(file))
          upward.push(`${file} -> ${target}`)
      }
    }
    expect(upward).toEqual([])
  })

  test('of the folders of src are those that docs/architecture.md allows', () => {
    const folderOf = (file: string): string => /^src\/([^/]+)\//.exec(file)?.[1] ?? ''
    const forbidden: string[] = []
    for (const file of sources) {
      const from = folderOf(file)
      if (from === '') continue
      const allowed = houseRows.get(`src/${from}`)
      expect(allowed, `docs/architecture.md does not list src/${from}`).toBeDefined()
      for (const target of importsOf(file)) {
        const to = folderOf(target)
        const isAllowed = to === from || target === 'src/errors.ts' || allowed?.includes(to)
        if (!isAllowed) forbidden.push(`${file} -> ${target}`)
      }
    }
    expect(forbidden).toEqual([])
  })

  test('make no circle, types included', () => {
    const state = new Map<string, 'open' | 'done'>()
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'open') circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (state.has(file)) return
      state.set(file, 'open')
      for (const target of importsOf(file)) visit(target, [...path, file])
      state.set(file, 'done')
    }
    for (const file of sources) visit(file, [])
    expect(circles).toEqual([])
  })

  test('reach koffi from src/mmap alone', () => {
    const importing = sources.filter(file => /(from |\()'koffi'/.test(textOf(file)))
    expect(importing.filter(file => !file.startsWith('src/mmap/'))).toEqual([])
    expect(importing).not.toEqual([])
  })
})

describe('folders', () => {
  test('that docs/architecture.md lists are there', () => {
    const listed = engineLayers.filter(folder => folder !== 'src/engine')
    const there = new Set(sources.map(file => dirname(file)).filter(folder => folder.startsWith('src/engine/')))
    expect(listed.toSorted()).toEqual([...there].toSorted())
  })

  test('and files stay small enough to be read', () => {
    const flat = sources.filter(file => dirname(file) === 'src/engine')
    expect(flat.length).toBeLessThanOrEqual(FLAT_FILES_MAX)
    const long = sources
      .map(file => [file, textOf(file).split('\n').length] as const)
      .filter(([, lines]) => lines > FILE_LINES_MAX)
    expect(long).toEqual([])
  })
})

/** Rules that hold everywhere, and may be repeated where a file keeps them. */
const everywhere = new Set(
  [
    ...textOf('docs/durability.md').matchAll(/^\| ([A-Z]+\d+) \|/gm),
    ...textOf('docs/concurrency.md').matchAll(/^\| (S\d+) \|/gm),
  ].map(([, label = '']) => label),
)

describe('numbers on disk', () => {
  test('stand in the tables of format/ alone, offsets in errors too', () => {
    const literal = /\b(?:offset: [1-9]\d*\b|corrupt\([^,()]+, [1-9]\d*,)/
    const written = sources
      .filter(file => file.startsWith('src/engine/') && !/-format\.ts$/.test(file))
      .flatMap(file =>
        textOf(file)
          .split('\n')
          .map(line => [file, line] as const),
      )
      .filter(([, line]) => literal.test(line))
    expect(written).toEqual([])
  })
})

describe('comments', () => {
  test('name each rule once', () => {
    const owners = new Map<string, string[]>()
    for (const file of sources) {
      for (const { text } of commentsOf(file)) {
        const label = /^ \* {3}([A-Z]{1,2}\d+) {1,2}\S/.exec(text)?.[1]
        if (label !== undefined && !everywhere.has(label))
          owners.set(label, [...(owners.get(label) ?? []), file])
      }
    }
    expect([...owners].filter(([, files]) => files.length > 1)).toEqual([])
    expect(owners.size).toBeGreaterThan(50)
  })

  test('cite rules that are there', () => {
    const labels = new Set(everywhere)
    const placed = new Set<string>()
    for (const file of sources) {
      for (const [, label = ''] of textOf(file).matchAll(/^ \* {3}([A-Z]{1,2}\d+) {2}\S/gm)) {
        labels.add(label)
        placed.add(`${label} of ${basename(file)}`)
      }
    }
    const wrong: string[] = []
    for (const { at, text } of sources.flatMap(commentsOf)) {
      for (const [label] of text.replace(/\b(?:C11|V8)\b/g, '').matchAll(/\b[A-Z]{1,2}[1-9]\d?\b/g))
        if (!labels.has(label)) wrong.push(`${at}: ${label}`)
      for (const [citation] of text.matchAll(/\b[A-Z]{1,2}\d+ of [\w-]+\.ts/g))
        if (!placed.has(citation)) wrong.push(`${at}: ${citation}`)
    }
    expect(wrong).toEqual([])
  })

  test('and documents name files that are there', () => {
    const all = [
      ...sources,
      ...filesBelow('test'),
      ...filesBelow('bench'),
      ...filesBelow('examples'),
      ...filesBelow('scripts'),
    ]
    const missing: string[] = []
    const check = (at: string, text: string, from: string): void => {
      for (const [, path = ''] of text.matchAll(/(?<![\w/.*<-])((?:[\w.-]+\/)*[\w-]+(?:\.test)?\.ts)\b/g)) {
        const beside = join(from, path).replaceAll('\\', '/')
        if (!all.some(file => file === path || file === beside || file.endsWith(`/${path}`)))
          missing.push(`${at}: ${path}`)
      }
    }
    for (const file of all) for (const { at, text } of commentsOf(file)) check(at, text, dirname(file))
    for (const page of readdirSync(join(ROOT, 'docs'))) {
      for (const line of textOf(`docs/${page}`).split('\n')) check(`docs/${page}`, line, 'docs')
    }
    expect(missing).toEqual([])
  })

  test('and programs that tests write import sources that are there', () => {
    const absent = filesBelow('test').flatMap(file =>
      [...textOf(file).matchAll(/from '(src\/[\w/-]+\.ts)'/g)]
        .map(([, path = '']) => path)
        .filter(path => !sources.includes(path))
        .map(path => `${file}: ${path}`),
    )
    expect(absent).toEqual([])
  })

  test('are no wider than an editor', () => {
    const wide = sources.flatMap(commentsOf).filter(({ text }) => text.length > COMMENT_WIDTH)
    expect(wide.map(({ at }) => at)).toEqual([])
  })
})
