/**
 * `--against` compares with a file of an earlier run: is the right side compared, the ratio the right way round, and
 * another file refused?
 */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { changesSince, type Report, readReport, renderAgainst } from '../../bench/against.ts'
import { describeMachine } from '../../bench/machine.ts'
import { figuresOf } from '../../bench/row.ts'
import { removeFolder } from '../remove-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'stridedb-against-'))
afterAll(() => removeFolder(folder))

function report(sides: Readonly<Record<string, number>>): Report {
  const figures = Object.entries(sides).map(([name, ns]) => figuresOf(name, [ns / 1e6]))
  const row = { what: 'a row', cache: 'warm', sides: figures, targets: [], notes: [] } as const
  return {
    machine: describeMachine(folder),
    seed: 1,
    isSmoke: false,
    rows: [{ benchmark: 'some', row }],
  }
}

function kept(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(content))
  return path
}

describe('readReport', () => {
  it('reads what was written', () => {
    const written = report({ mapped: 20, C: 10 })
    expect(readReport(kept('report.json', written))).toEqual(written)
  })

  it.each([
    ['another object', { name: 'stridedb' }],
    ['null', null],
    ['a row without sides', { rows: [{ benchmark: 'some', row: { what: 'a row' } }] }],
    [
      'a side without figures',
      { rows: [{ benchmark: 'some', row: { what: 'a row', sides: [{ name: 'C' }] } }] },
    ],
  ])('refuses %s', (_, content) => {
    expect(() => readReport(kept('other.json', content))).toThrow(TypeError)
  })
})

describe('changesSince', () => {
  it('answers the time now in times of then, by row and side', () => {
    const then = report({ mapped: 20, C: 10, gone: 5 })
    const now = report({ C: 10, mapped: 30, added: 7 })
    const changes = changesSince(then.rows, now.rows)
    expect(changes.map(({ side }) => side)).toEqual(['C', 'mapped'])
    expect(changes[1]?.thenNs).toBeCloseTo(20)
    expect(changes[1]?.nowNs).toBeCloseTo(30)
    expect(changes[1]?.ratio).toBeCloseTo(1.5)
  })

  it('does not compare rows of other headings or benchmarks', () => {
    const then = report({ mapped: 20 })
    const [{ row }] = then.rows as [Report['rows'][number]]
    expect(changesSince(then.rows, [{ benchmark: 'another', row }])).toEqual([])
    expect(changesSince(then.rows, [{ benchmark: 'some', row: { ...row, what: 'another' } }])).toEqual([])
  })
})

describe('renderAgainst', () => {
  it('prints a line a side under the heading of its row', () => {
    const text = renderAgainst('then.json', report({ mapped: 20, C: 10 }), report({ mapped: 30, C: 10 }).rows)
    expect(text).toContain('  some: a row\n')
    expect(text).toMatch(/mapped\s+x1\.50\s+20\.0 ns -> 30\.0 ns/)
    expect(text).toMatch(/C\s+x1\.00\s+10\.0 ns -> 10\.0 ns/)
  })

  it('says when nothing can be compared', () => {
    expect(renderAgainst('then.json', report({}), report({ C: 1 }).rows)).toContain('no side of this run')
  })
})
