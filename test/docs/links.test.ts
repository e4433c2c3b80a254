/**
 * What could go wrong: a page that leads nowhere. A link to a file or a heading that is not there, a file that a page names and
 * that was moved, an npm script that package.json does not have.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

const pages = [
  'README.md',
  'CHANGELOG.md',
  'test/README.md',
  ...readdirSync('docs')
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
]

/** A page without its blocks of code. */
function proseOf(page: string): string {
  return page.replaceAll(/^```[\s\S]*?^```$/gm, '')
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(match => match[1] as string)
  return new Set(
    headings.map(heading =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** What of a page's relative links leads nowhere. */
function deadLinks(path: string, page: string): string[] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1] as string)
  return targets.filter(target => {
    if (/^[a-z]+:/.test(target)) return false
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? path : normalize(join(dirname(path), file))
    if (!existsSync(to)) return true
    return anchor !== undefined && !anchorsOf(readFileSync(to, 'utf8')).has(anchor)
  })
}

/** Files of the repository that a page names by their path, and that are not there. */
function absentFiles(page: string): string[] {
  const named = [
    ...page.matchAll(/(?<![\w./-])(?:src|test|docs|examples|bench|scripts)\/[\w./-]+\.(?:ts|mjs|md)\b/g),
  ]
  return named.map(match => match[0]).filter(path => !existsSync(path))
}

/**
 * Sources and tests that a table of rules cites, and that are not there. Its last two cells name files below src/ and test/; a test may be
 * followed by a colon and a part of a title: `engine/rows: is pointed from record to record`.
 */
function absentRuleFiles(page: string): string[] {
  const rows = [...page.matchAll(/^\| (?:[A-Z]+\d+(?:, [A-Z]+\d+)*|–) \|.*\|([^|]*)\|([^|]*)\|$/gm)]
  return rows.flatMap(([, kept = '', shown = '']) => [
    ...kept
      .split(',')
      .map(path => join('src', path.trim()))
      .filter(path => path.includes('.') && !existsSync(path)),
    ...shown
      .split(/; |, (?=[\w-]+\/)/)
      .map(citation => citation.trim())
      .filter(citation => !isTest(citation)),
  ])
}

function isTest(citation: string): boolean {
  const [, path, title = ''] = /^([\w-]+(?:\/[\w-]+)+)(?:: (.*))?$/.exec(citation) ?? []
  if (path === undefined) return citation === 'untested'
  const file = join('test', `${path}.test.ts`)
  return existsSync(file) && readFileSync(file, 'utf8').replaceAll("\\'", "'").includes(title)
}

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }

/** npm scripts that a page tells to run, and that are not there. */
function absentScripts(page: string): string[] {
  const named = [...page.matchAll(/\bnpm run ([\w:-]+)/g)].map(match => match[1] as string)
  return named.filter(name => scripts[name] === undefined)
}

const benchmarks = new Set(
  readdirSync('bench')
    .filter(name => name.endsWith('.ts'))
    .flatMap(name => [...readFileSync(join('bench', name), 'utf8').matchAll(/^ {2}name: '([\w-]+)',$/gm)])
    .map(match => match[1] as string),
)

/** Benchmarks that a page tells to run, and that are not there: a figure has a program that can be run again. */
function absentBenchmarks(page: string): string[] {
  const runs = [...page.matchAll(/npm run bench -- ((?:[a-z][\w-]* ?)+)/g)].map(match => match[1] as string)
  return runs.flatMap(names => names.trim().split(' ')).filter(name => !benchmarks.has(name))
}

test.each(pages)('what %s names is there', path => {
  const page = readFileSync(path, 'utf8')
  expect({
    links: deadLinks(path, page),
    files: absentFiles(page),
    rules: absentRuleFiles(page),
    scripts: absentScripts(page),
    benchmarks: absentBenchmarks(page),
  }).toEqual({ links: [], files: [], rules: [], scripts: [], benchmarks: [] })
})

test('the README leads to every page', () => {
  const page = readFileSync('README.md', 'utf8')
  const missing = readdirSync('docs').filter(name => name.endsWith('.md') && !page.includes(`(docs/${name})`))
  expect(missing).toEqual([])
})

test('what is not there is noticed', () => {
  const page =
    '# One heading: `two`\n[a](absent.md) [b](#one-heading-two) [c](#other) [d](https://example.com)\n'
  expect(deadLinks('docs/architecture.md', '# One heading: `two`\n[c](#other) [a](absent.md)')).toEqual([
    '#other',
    'absent.md',
  ])
  expect([...anchorsOf(page)]).toEqual(['one-heading-two'])
  expect(absentFiles('see src/absent.ts and src/index.ts')).toEqual(['src/absent.ts'])
  const rule = (cells: string): string[] => absentRuleFiles(`| D1, S2 | what | ${cells} |`)
  expect(rule('engine/absent.ts | crash/power-cut, absent/absent; untested')).toEqual([
    'src/engine/absent.ts',
    'absent/absent',
  ])
  expect(rule('index.ts | engine/rows: is pointed from record; engine/rows: is not there')).toEqual([
    'engine/rows: is not there',
  ])
  expect(absentScripts('npm run absent, npm run demo')).toEqual(['absent'])
  expect(absentBenchmarks('`npm run bench -- scan absent gather`')).toEqual(['absent'])
})
