/**
 * Looks for a crash that breaks a promise: workload after workload, until enough images were looked at.
 */

import { cutEverywhere, newTally, type Tally } from './power-cut.ts'
import { seededRandom } from './random.ts'
import { runWorkload } from './run-workload.ts'
import { during } from './violation.ts'
import { randomWorkload, smallWorkload, type Workload } from './workload.ts'

export interface Search {
  readonly seed: number
  /** Small workloads, of which every crash point is looked at closely; longer ones by chance; or each in turn. */
  readonly kind: 'small' | 'long' | 'both'
  /** Whether a sync of each workload fails: of each a few. */
  readonly failingSyncs?: boolean
  readonly images: number
  /** The workload to begin with, for repeating what was reported. */
  readonly from?: number
  /** This one again and again instead of those of the kind, with other choices each time. */
  readonly workload?: Workload
  /** Called after each image. */
  readonly progress?: (tally: Tally, workloads: number) => void
  /** Asked before each workload: whether the search ends here. */
  readonly isOver?: () => boolean
}

/** Seeded mixtures at each crash point: many for workloads whose crash points are few. */
const SYSTEMATIC = { small: 1, long: 0.1, wide: 0.2 } as const
const MIXTURES = { small: 32, long: 6, wide: 3 } as const
const FAILURES_A_WORKLOAD = 4
const SECOND_LIVES = { small: 0.004, long: 0.01, wide: 0.002 } as const

/** @throws Violation that says how to repeat it */
export async function searchPowerCuts(search: Search): Promise<Tally> {
  const { seed, kind, images, from = 0 } = search
  const tally = newTally()
  for (let index = from; tally.images < images && search.isOver?.() !== true; index++) {
    const random = seededRandom(seed, index)
    const isSmall = kind === 'small' || (kind === 'both' && index % 2 === 0)
    const workload: Workload =
      search.workload ??
      (isSmall ? smallWorkload(kind === 'both' ? index / 2 : index, seed, random) : randomWorkload(random))
    const size = workload.shape === 'wide' ? 'wide' : isSmall ? 'small' : 'long'
    await during(`seed ${seed}, ${kind} workload ${index}; ${howToRepeat(search, index)}`, async () => {
      const options = {
        random,
        systematic: SYSTEMATIC[size],
        mixtures: MIXTURES[size],
        secondLives: SECOND_LIVES[size],
        imagesMax: images,
        looked: () => search.progress?.(tally, index),
      }
      if (search.failingSyncs !== true) {
        await cutEverywhere(await runWorkload(workload), tally, options)
        return
      }
      const { syncs } = await runWorkload(workload, Number.POSITIVE_INFINITY)
      for (let i = 0; i < FAILURES_A_WORKLOAD && syncs > 0; i++) {
        await cutEverywhere(await runWorkload(workload, 1 + random.below(syncs)), tally, options)
      }
    })
  }
  return tally
}

function howToRepeat({ seed, kind, images, failingSyncs }: Search, index: number): string {
  const failing = ` --syncs ${failingSyncs === true ? 'failing' : 'sound'}`
  return `to repeat: npm run torture -- --seed ${seed} --kind ${kind}${failing} --from ${index} --images ${images} --only images`
}
