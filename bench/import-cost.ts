/**
 * What does importing cost? Each batch is a fresh Node process that times one import.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Benchmark, Context } from './context.ts'
import { alternate, type OwnTiming, type Side } from './measure.ts'
import type { Row } from './row.ts'
import { atMost, nsOf } from './targets.ts'

export const importCost: Benchmark = {
  name: 'import',
  question: 'importing, in fresh processes',
  needs: [],
  async *run(context) {
    yield await imports(context)
  },
}

const SPECIFIERS = ['zod', 'stridedb', 'stridedb/mmap', 'stridedb/schema', 'koffi']

async function imports(context: Context): Promise<Row> {
  const sides = SPECIFIERS.map(
    (specifier): Side => ({
      name: `import '${specifier}'`,
      operations: 1,
      run: () => timeImport(specifier),
    }),
  )
  const figures = await alternate(context, { sides, rounds: 21, warmups: 1, agree: false })
  const ms = (specifier: string): number => (nsOf(figures, `import '${specifier}'`) ?? Number.NaN) / 1e6
  return {
    what: 'import in a fresh process',
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, "25 ms above import 'zod'", ms('stridedb') - ms('zod'), 25, 'ms'),
      atMost(context, "30 ms for import 'stridedb/mmap'", ms('stridedb/mmap'), 30, 'ms'),
    ],
    notes: ['the start of Node itself is not counted'],
  }
}

function timeImport(specifier: string): OwnTiming {
  const code = `const start = performance.now(); await import('${specifier}')
    process.stdout.write(String(performance.now() - start))`
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: join(import.meta.dirname, '..'),
    encoding: 'utf8',
  })
  if (child.status !== 0) throw new Error(`import '${specifier}' failed: ${child.stderr}`)
  return { ns: Number(child.stdout) * 1e6 }
}
