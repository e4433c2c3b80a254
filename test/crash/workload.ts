/**
 * What a store is put through: a list of steps, each of them drawn from one alphabet.
 *
 * ONE_STEP holds each kind of step once: workloads of one to three of them are the small ones of which every crash
 * point is looked at. Longer ones are drawn by seed. How they are carried out: run-workload.ts.
 */

import type { Random } from './random.ts'
import type { Durability, Shape } from './store-under-test.ts'

export type Change =
  | { readonly kind: 'append' }
  | { readonly kind: 'appendMany'; readonly count: number }
  /** `at` chooses among the live records. */
  | { readonly kind: 'update' | 'put' | 'delete'; readonly at: number }

/** 'begin': by a transaction of `begin()`, of which another one with changes is dropped. */
export type CommitHow = 'async' | 'sync' | 'process' | 'transaction' | 'begin'

export type Step =
  | { readonly kind: 'commit'; readonly changes: readonly Change[]; readonly how: CommitHow }
  /** Several commits asked for in one turn of the event loop. */
  | { readonly kind: 'together'; readonly commits: readonly (readonly Change[])[] }
  | { readonly kind: 'rollback'; readonly changes: readonly Change[] }
  /** Commits that go on while a checkpoint runs. */
  | { readonly kind: 'checkpoint'; readonly meanwhile: readonly (readonly Change[])[] }
  | { readonly kind: 'backup'; readonly meanwhile: readonly (readonly Change[])[] }
  | { readonly kind: 'compact' }
  /** Creates one more index, or drops it where it is there. */
  | { readonly kind: 'index'; readonly meanwhile: readonly (readonly Change[])[] }
  /** Gives pending index entries the turns to get into the pages; commits go on meanwhile. */
  | { readonly kind: 'fold'; readonly meanwhile: readonly (readonly Change[])[] }
  | { readonly kind: 'flush' }
  | { readonly kind: 'reopen' }

/** Which files there are at first: none, a closed store of a few records, or one with some of them deleted. */
export type Start = 'nothing' | 'records' | 'holes'

export interface Workload {
  readonly shape: Shape
  readonly start: Start
  readonly reuseNumbers: boolean
  readonly durability: Durability
  /** Steps at first during which the power is not cut: what comes then finds a journal in use. */
  readonly prelude: readonly Step[]
  readonly steps: readonly Step[]
}

const append: Change = { kind: 'append' }
const update: Change = { kind: 'update', at: 1 }
const put: Change = { kind: 'put', at: 2 }
const remove: Change = { kind: 'delete', at: 0 }
/** More than the capacity that a store begins with. */
const grow: Change = { kind: 'appendMany', count: 9 }

/** The alphabet of small workloads. */
export const ONE_STEP: readonly Step[] = [
  { kind: 'commit', changes: [append], how: 'async' },
  { kind: 'commit', changes: [append, update], how: 'sync' },
  { kind: 'commit', changes: [update, put], how: 'async' },
  { kind: 'commit', changes: [remove], how: 'async' },
  { kind: 'commit', changes: [remove, append, update], how: 'transaction' },
  { kind: 'commit', changes: [update, append], how: 'process' },
  { kind: 'commit', changes: [remove, append, update], how: 'begin' },
  { kind: 'commit', changes: [grow], how: 'async' },
  { kind: 'commit', changes: [remove, grow, put], how: 'sync' },
  { kind: 'together', commits: [[append], [update, remove], [put]] },
  { kind: 'rollback', changes: [append, update, remove] },
  { kind: 'checkpoint', meanwhile: [] },
  { kind: 'checkpoint', meanwhile: [[update], [append, remove]] },
  { kind: 'compact' },
  { kind: 'index', meanwhile: [] },
  { kind: 'index', meanwhile: [[update], [append, remove]] },
  { kind: 'backup', meanwhile: [[update, append]] },
  { kind: 'fold', meanwhile: [] },
  { kind: 'fold', meanwhile: [[update], [append, remove]] },
  { kind: 'flush' },
  { kind: 'reopen' },
]

/** A batch that fills the staged tail and is stored in place before its frame. */
export const SPILL: Step = {
  kind: 'commit',
  changes: [update, { kind: 'appendMany', count: 24 }],
  how: 'async',
}

const STARTS: readonly Start[] = ['nothing', 'records', 'holes']
/** What most workloads are. */
export const PLAIN = { shape: 'small', reuseNumbers: true, durability: 'full', prelude: [] } as const

/** Leaves commits in the journal that are not checkpointed, and live bits. */
export const BUSY: readonly Step[] = [
  { kind: 'commit', changes: [update, append, append], how: 'async' },
  { kind: 'commit', changes: [{ kind: 'delete', at: 2 }, put], how: 'sync' },
]
/** So many commits that the next ones fall into the other segment. */
const ROUND: readonly Step[] = [
  { kind: 'together', commits: [[append], [update]] },
  ...Array.from(
    { length: 14 },
    (_, at): Step => ({ kind: 'commit', changes: [{ kind: 'update', at }], how: 'sync' }),
  ),
]
const MANY: Step = { kind: 'together', commits: Array.from({ length: 8 }, (_, at) => [{ kind: 'update', at }]) }
const FEW: Step = { kind: 'commit', changes: [update], how: 'sync' }

/** Those that every run looks at: creation, first commits, each kind of step with a journal in use, the journal's ends. */
const FIXED: readonly Workload[] = [
  { ...PLAIN, start: 'nothing', steps: [] },
  { ...PLAIN, start: 'records', steps: [{ kind: 'commit', changes: [append, update], how: 'async' }] },
  {
    ...PLAIN,
    start: 'holes',
    steps: [{ kind: 'commit', changes: [remove, append], how: 'sync' }, { kind: 'reopen' }],
  },
  ...ONE_STEP.map((step): Workload => ({ ...PLAIN, start: 'records', prelude: BUSY, steps: [step] })),
  { ...PLAIN, start: 'records', prelude: [...BUSY, ...ROUND], steps: [FEW, FEW, FEW] },
  { ...PLAIN, start: 'records', prelude: [...BUSY, ...ROUND, ...ROUND], steps: [MANY, MANY] },
  {
    ...PLAIN,
    start: 'holes',
    prelude: ROUND,
    steps: [{ kind: 'checkpoint', meanwhile: [[update], [append]] }, MANY],
  },
  { ...PLAIN, shape: 'wide', start: 'records', steps: [SPILL] },
  ...(['compact', 'index'] as const).map(
    (kind): Workload => ({
      ...PLAIN,
      start: 'records',
      prelude: BUSY,
      steps: [
        { kind: 'index', meanwhile: [[update]] },
        kind === 'compact' ? { kind } : { kind, meanwhile: [[put]] },
        FEW,
      ],
    }),
  ),
]

/** Every other one is a fixed one, in turn from a place that the seed says; those between have two or three steps. */
export function smallWorkload(index: number, seed: number, random: Random): Workload {
  if (index % 2 === 0) return FIXED[(seed + index / 2) % FIXED.length] as Workload
  const prelude = random.chance(0.9) ? BUSY : []
  if (random.chance(0.03)) return { ...PLAIN, ...settings(random), shape: 'wide', prelude, steps: [SPILL] }
  const steps = Array.from({ length: random.chance(0.5) ? 2 : 3 }, () => random.pick(ONE_STEP))
  return {
    ...PLAIN,
    ...settings(random),
    prelude: random.chance(0.15) ? [...prelude, ...ROUND] : prelude,
    steps,
  }
}

/** A longer workload by chance. */
export function randomWorkload(random: Random): Workload {
  const shape = random.chance(0.05) ? 'wide' : 'small'
  const length = 4 + random.below(shape === 'wide' ? 4 : 12)
  return {
    ...settings(random),
    shape,
    prelude: [],
    steps: Array.from({ length }, () => randomStep(random, shape)),
  }
}

function settings(random: Random): Pick<Workload, 'start' | 'reuseNumbers' | 'durability'> {
  return {
    start: random.pick(STARTS),
    reuseNumbers: random.chance(0.5),
    durability: random.chance(0.2) ? 'process' : 'full',
  }
}

function randomStep(random: Random, shape: Shape): Step {
  const changes = (): Change[] => Array.from({ length: 1 + random.below(5) }, () => randomChange(random, shape))
  const several = (most: number): Change[][] => Array.from({ length: random.below(most + 1) }, changes)
  const roll = random.below(23)
  if (roll < 10)
    return {
      kind: 'commit',
      changes: changes(),
      how: random.pick(['async', 'async', 'sync', 'process', 'transaction', 'begin']),
    }
  if (roll < 12) return { kind: 'together', commits: [changes(), ...several(5)] }
  if (roll < 13) return { kind: 'rollback', changes: changes() }
  if (roll < 15) return { kind: 'checkpoint', meanwhile: several(4) }
  if (roll < 16) return { kind: 'backup', meanwhile: several(2) }
  if (roll < 17) return { kind: 'compact' }
  if (roll < 18) return { kind: 'flush' }
  if (roll < 19) return { kind: 'index', meanwhile: several(2) }
  if (roll < 21) return { kind: 'fold', meanwhile: several(3) }
  return { kind: 'reopen' }
}

function randomChange(random: Random, shape: Shape): Change {
  const roll = random.below(12)
  const at = random.below(1000)
  if (roll < 4) return { kind: 'append' }
  if (roll < 5) return { kind: 'appendMany', count: shape === 'wide' ? 5 + random.below(25) : random.below(40) }
  if (roll < 8) return { kind: 'update', at }
  if (roll < 10) return { kind: 'put', at }
  return { kind: 'delete', at }
}

/** A workload in a line, for messages. */
export function describeWorkload({ steps, prelude, ...settings }: Workload): string {
  const change = (each: Change): string => {
    if (each.kind === 'append') return 'append'
    return each.kind === 'appendMany' ? `append ${each.count}` : `${each.kind} ${each.at}`
  }
  const changes = (list: readonly Change[]): string => `[${list.map(change).join(', ')}]`
  const step = (each: Step): string => {
    if (each.kind === 'commit') return `commit(${each.how}) ${changes(each.changes)}`
    if (each.kind === 'together') return `together ${each.commits.map(changes).join(' ')}`
    if (each.kind === 'rollback') return `rollback ${changes(each.changes)}`
    if ('meanwhile' in each) {
      return each.meanwhile.length === 0
        ? each.kind
        : `${each.kind} during ${each.meanwhile.map(changes).join(' ')}`
    }
    return each.kind
  }
  const { shape, start, reuseNumbers, durability } = settings
  const reuse = reuseNumbers ? ', numbers reused' : ''
  return `${shape} records, from ${start}${reuse}, durability ${durability}, ${prelude.length} steps before: ${steps.map(step).join('; ')}`
}
