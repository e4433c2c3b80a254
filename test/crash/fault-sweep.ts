/**
 * Every call of a scenario fails once, in every way, and from then on for ever.
 */

import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import type { Version } from './expected-store.ts'
import { canFail, type Fault } from './failing-platform.ts'
import { type Place, runWithFault } from './fault-run.ts'
import type { Scenario } from './fault-scenarios.ts'
import { Subject } from './fault-subject.ts'
import { beginning } from './run-workload.ts'
import { during, Violation } from './violation.ts'

export interface SweepTally {
  runs: number
  poisoned: number
  /** Runs in which nothing was thrown although a call failed. */
  unnoticed: number
  readonly codes: Set<string>
}

/** How many ways to break are told of one scenario. */
const SHOWN_MAX = 6

/** @param placeWith a new place with these files; its path is the store's */
export async function sweep(
  scenario: Scenario,
  placeWith: (files: ReadonlyMap<string, Uint8Array>, start: Version) => Place,
  faults: readonly Fault[],
): Promise<SweepTally> {
  const { files, version } = await beginningOf(scenario)
  const tally: SweepTally = { runs: 0, poisoned: 0, unnoticed: 0, codes: new Set() }
  const { calls, failed, codes } = await during(`${scenario.name}, nothing failing`, () =>
    runWithFault(scenario, placeWith(files, version)),
  )
  if (failed.length + codes.length > 0)
    throw new Violation(`${scenario.name} fails by itself: ${codes.join(', ')}`)
  const violations = new Map<string, string[]>()
  for (const [index, call] of calls.entries()) {
    for (const fault of faults) {
      if (!canFail(call.name, fault)) continue
      for (const forever of [false, true]) {
        const what = `${scenario.name}, call ${index + 1} of ${calls.length} (${call.name} of ${call.path}) fails with ${fault}${forever ? ' for ever' : ''}`
        const plan = { at: index + 1, fault, forever }
        tally.runs++
        const run = await runOrViolation(what, () => runWithFault(scenario, placeWith(files, version), plan))
        if (run instanceof Violation) {
          note(violations, what, run.message)
          continue
        }
        if (run.isPoisoned) tally.poisoned++
        if (run.codes.length === 0) tally.unnoticed++
        for (const code of run.codes) tally.codes.add(code)
      }
    }
  }
  if (violations.size === 0) return tally
  const broken = [...violations.values()].reduce((sum, runs) => sum + runs.length, 0)
  const list = [...violations].map(
    ([message, runs]) => `${runs.length} times ${message}\n    first when ${runs[0]}`,
  )
  const shown = list.slice(0, SHOWN_MAX).join('\n')
  throw new Violation(`${broken} of ${tally.runs} runs broke a promise, in ${list.length} ways:\n${shown}`)
}

/** Keeps what was broken once, with the runs that broke it. */
function note(violations: Map<string, string[]>, what: string, message: string): void {
  // Numbers of handles and names of folders differ from run to run.
  const kind = message.slice(what.length + 2).replaceAll(/(\d+: )?\/\S*\//g, '')
  violations.set(kind, [...(violations.get(kind) ?? []), what])
}

async function runOrViolation<T>(what: string, run: () => Promise<T>): Promise<T | Violation> {
  try {
    return await during(what, run)
  } catch (error) {
    if (error instanceof Violation) return error
    throw error
  }
}

/** The files that a scenario begins with, by name, and what the store in them holds. */
export async function beginningOf({
  start,
  shape = 'small',
}: Scenario): Promise<{ files: ReadonlyMap<string, Uint8Array>; version: Version }> {
  if (start !== 'crashed') return beginning(shape, start)
  const { files, version } = await beginning(shape, 'holes')
  const platform = createSimulatedPlatform({ files })
  const [path] = [...files.keys()].filter(name => name.endsWith('.stride'))
  const subject = new Subject(platform, path as string, shape, version)
  subject.open()
  await subject.commit([{ kind: 'append' }, { kind: 'update', at: 1 }])
  await subject.commit([
    { kind: 'delete', at: 2 },
    { kind: 'put', at: 0 },
  ])
  const crashed = platform.files()
  subject.close()
  return { files: crashed, version: subject.expected.newest }
}
