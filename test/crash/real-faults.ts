/**
 * System calls that fail in earnest: strace answers in the kernel's place, in a process that lives a store's whole life.
 *
 *   K1  the process ends by itself, and all that it was refused with is a coded error.
 *   K2  after a failed sync of the store or its journal every write is ERR_STRIDE_POISONED, and reads show what was
 *       acknowledged last; the process looks itself.
 *   K3  reopened, each acknowledged commit is there, and a refused one whole or not at all.
 * strace counts the calls of each thread for itself: with one thread in Node's pool, N means its N-th call and the main
 * thread's N-th. Only calls on the store's files and their folder are counted.
 */

import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { goOn, verifyClean } from './check-image.ts'
import { differenceOf, isSameState } from './expected-store.ts'
import { NumberedHistory } from './numbered-history.ts'
import type { Said } from './real-faults-child.ts'
import { openOnDisk, SHAPES, stateOf } from './store-under-test.ts'
import { during, Violation } from './violation.ts'

export interface RealFault {
  readonly call: 'fdatasync' | 'fsync' | 'msync' | 'fallocate' | 'ftruncate' | 'mmap' | 'pwrite64'
  readonly errno: 'EIO' | 'ENOSPC' | 'ENOMEM'
  /** Which call fails, from 1. */
  readonly at: number
}

export interface RealFaultRun {
  /** How many calls were made to fail. */
  readonly failed: number
  readonly isPoisoned: boolean
  readonly codes: readonly string[]
}

/** Why strace will not work here; undefined where it does. */
export function whyNoStrace(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-strace-'))
  const log = join(folder, 'log')
  const inject = ['-e', 'inject=sync:error=EIO:when=1']
  try {
    execFileSync('strace', ['-f', '-o', log, ...inject, 'true'], { stdio: ['ignore', 'ignore', 'pipe'] })
    return undefined
  } catch (error) {
    const { code, stderr, message } = error as { code?: string; stderr?: Buffer; message: string }
    if (code === 'ENOENT') return 'there is no strace'
    return `strace may not trace: ${(stderr?.toString() || message).trim().split('\n')[0]}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param child bundle of real-faults-child.ts @throws Violation that says how to repeat it */
export async function runWithRealFault(
  fault: RealFault,
  { folder, child, seed }: { readonly folder: string; readonly child: string; readonly seed: number },
): Promise<RealFaultRun> {
  const { call, errno, at } = fault
  const inject = `inject=${call}:error=${errno}:when=${at}`
  return during(`${inject}, seed ${seed}`, async () => {
    const place = join(folder, `${call}-${errno}-${at}`)
    const path = join(place, 'x.stride')
    mkdirSync(place)
    const log = join(folder, `${call}-${errno}-${at}.log`)
    const paths = [path, `${path}-journal`, place].flatMap(each => ['-P', each])
    const options = ['-f', '-o', log, ...paths, '-e', `trace=${call}`, '-e', inject]
    const said = await runChild('strace', [...options, process.execPath, child, path, String(seed)])
    const failed = readFileSync(log, 'utf8')
      .split('\n')
      .filter(line => line.includes('(INJECTED)')).length
    const codes = said.flatMap(each => (each.kind === 'refused' ? [each.code] : []))
    for (const each of said) if (each.kind === 'broken') throw new Violation(each.what)
    const isPoisoned = said.some(each => each.kind === 'done' && each.isPoisoned)
    const beforeOrAfter = said.some(
      each => each.kind === 'refused' && (each.what === 'open' || each.what === 'close'),
    )
    if (call === 'fdatasync' && failed > 0 && !isPoisoned && !beforeOrAfter)
      throw new Violation(`a sync failed and the store is not poisoned: ${JSON.stringify(said.slice(-6))}`)
    await reopen(path, new NumberedHistory(seed), said)
    return { failed, isPoisoned, codes }
  })
}

async function runChild(command: string, args: readonly string[]): Promise<readonly Said[]> {
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const out = await new Promise<string>((resolve, reject) => {
    execFile(command, args, { env, timeout: 30_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Violation(`the process ended with ${error.signal ?? error.code}: ${stderr || stdout}`))
    })
  })
  const lines = out.trim().split('\n')
  const said = lines.map(line => JSON.parse(line) as Said)
  if (said.at(-1)?.kind !== 'done') throw new Violation(`the process ended early: ${lines.slice(-3).join(' ')}`)
  return said
}

async function reopen(path: string, history: NumberedHistory, said: readonly Said[]): Promise<void> {
  const last = (kind: 'begun' | 'acknowledged'): number =>
    Math.max(0, ...said.map(each => (each.kind === kind ? each.commit : 0)))
  const acknowledged = last('acknowledged')
  if (!existsSync(path) && acknowledged === 0) return
  await during('reopening', async () => {
    const store = openOnDisk(path, 'small', { backend: 'mapped', create: false })
    try {
      const { commitNumber } = store
      if (commitNumber < acknowledged || commitNumber > last('begun'))
        throw new Violation(
          `commit ${commitNumber} is there, ${acknowledged} was acknowledged, ${last('begun')} begun`,
        )
      const found = stateOf(store)
      const expected = history.stateAfter(commitNumber)
      if (!isSameState(found, expected))
        throw new Violation(`commit ${commitNumber} is not whole: ${differenceOf(found, expected)}`)
      await verifyClean(store)
      goOn(store, [...found], SHAPES.small.fillBytes)
    } finally {
      store.close()
    }
  })
}
