/**
 * How much longer does the compiler take over a schema that is used with the library than over the schema alone? Three programs over
 * one schema of many fields: Zod alone, with a store, and with queries too. `npm run type-cost`, or
 * `npm run type-cost -- 200 5 path/to/tsc` for so many fields, so many rounds and another compiler. Prints the processor time of each,
 * the least of all rounds, and their ratios.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
const KINDS = [
  'z.uint32()',
  'z.float64()',
  'z.int32()',
  'z.boolean()',
  'z.date()',
  'z.float32()',
  'z.uint64()',
  'z.float64().nullable()',
  "z.enum(['a', 'b'])",
  'z.object({ x: z.float64(), y: z.float64() })',
]

/** What is done with the schema in all programs. */
const ALONE = `
type Item = z.infer<typeof Item>
const items: Item[] = [Item.parse({})]
export const one = items.map(item => [item.f0, item.f9.x, item.f7])
export const change: Partial<Item> = { f1: 5 }
`
const STORED = `
import { openStore } from 'stridedb'
const store = openStore('x.stride', Item, {
  indexes: { byId: { on: 'f0', unique: true }, byPair: { on: ['f1', 'f2'], kind: 'ordered' }, byX: { on: 'f9.x' } },
})
for (const item of items) store.append(item)
store.update(0, change)
export const read = [store.get(0)?.f0, store.field(0, 'f9.x'), store.gather('f5'), store.gather('f7')]
for (const row of store.scan()) use(row.f9.x + row.f0)
for (const row of store.index('byPair').range({ gte: [1], lt: [2, 3] })) use(row.f0)
export const found = [store.index('byId').get(5)?.f3, store.index('byX').numbers([0.5])]
void store.transaction(tx => tx.field(0, 'f1'))
function use(_: number): void {}
`
const QUERIED = `
const first = store.query({
  where: { f0: { gt: 100, lte: 200 }, f8: { in: ['a', 'b'] }, OR: [{ f2: { hasAny: 3 } }, { f7: null }], 'f9.x': { between: [1, 2] } },
  select: ['f0', 'f1', 'f9.x'], orderBy: { f4: 'desc', f0: 'asc' }, limit: 10,
}).first()
use(first === undefined ? 0 : first['f9.x'] + first.f0)
for (const whole of store.query({ where: { f0: { ne: 5 } } })) use(whole.f0)
const groups = store.aggregate({
  where: { f9: { y: 5 }, NOT: { f3: true } }, groupBy: ['f8'],
  select: { n: { count: true }, total: { sum: 'f1' }, high: { max: 'f4' }, p99: { quantile: ['f5', 0.99] } },
  having: { n: { gt: 10 } }, orderBy: { total: 'desc' },
})
for (const group of groups) use(group.n + group.total)
`

const OPTIONS = {
  noEmit: true,
  strict: true,
  module: 'nodenext',
  target: 'es2022',
  skipLibCheck: true,
  types: ['node'],
  extendedDiagnostics: true,
}

/** Writes the programs, each with a configuration. @returns the names of these */
export function writePrograms(
  folder: string,
  fieldCount: number,
): { readonly alone: string; readonly stored: string; readonly queried: string } {
  const fields = Array.from({ length: fieldCount }, (_, i) => `  f${i}: ${KINDS[i % KINDS.length]},\n`).join('')
  const schema = `import { z } from 'zod'\nconst Item = z.object({\n${fields}})\n${ALONE}`
  const sources = { alone: schema, stored: schema + STORED, queried: schema + STORED + QUERIED }
  const configured = (name: keyof typeof sources): string => {
    const path = join(folder, `${name}.json`)
    writeFileSync(join(folder, `${name}.ts`), sources[name])
    writeFileSync(path, JSON.stringify({ compilerOptions: OPTIONS, files: [`${name}.ts`] }))
    return path
  }
  return { alone: configured('alone'), stored: configured('stored'), queried: configured('queried') }
}

export interface TypeCost {
  /** Types that the compiler made, and type aliases and generics that it filled in: the same in each run. */
  readonly types: number
  readonly instantiations: number
  readonly processorMs: number
}

/** Checks one program. @throws Error with what the compiler says */
export function typeCost(program: string, tsc = TSC): TypeCost {
  const command = `TIMEFORMAT='%U'; time "$@" > "$0.out" 2>&1`
  const args = ['-c', command, program, process.execPath, tsc, '-p', program]
  const { stderr } = spawnSync('bash', args, { encoding: 'utf8' })
  const printed = readFileSync(`${program}.out`, 'utf8')
  const count = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(printed)?.[1])
  if (/error TS/.test(printed)) throw new Error(printed)
  return {
    types: count('Types'),
    instantiations: count('Instantiations'),
    processorMs: Number(stderr.trim()) * 1000,
  }
}

function main([fields = '200', rounds = '5', tsc = TSC]: readonly string[]): void {
  const scratch = join(ROOT, '.scratch')
  mkdirSync(scratch, { recursive: true })
  const folder = mkdtempSync(join(scratch, 'types-'))
  const programs = writePrograms(folder, Number(fields))
  const least = {
    alone: Number.POSITIVE_INFINITY,
    stored: Number.POSITIVE_INFINITY,
    queried: Number.POSITIVE_INFINITY,
  }
  for (let round = 0; round < Number(rounds); round++) {
    for (const name of ['alone', 'stored', 'queried'] as const) {
      const { processorMs, types, instantiations } = typeCost(programs[name], resolve(tsc))
      least[name] = Math.min(least[name], processorMs)
      if (round === 0) console.log(`${name}: ${types} types, ${instantiations} instantiations`)
    }
  }
  const ratio = (name: 'stored' | 'queried'): string => (least[name] / least.alone).toFixed(2)
  console.log(
    `${fields} fields: Zod alone ${least.alone} ms, with stridedb ${least.stored} ms, ratio ${ratio('stored')}; with queries ${least.queried} ms, ratio ${ratio('queried')}`,
  )
  rmSync(folder, { recursive: true })
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  main(process.argv.slice(2))
