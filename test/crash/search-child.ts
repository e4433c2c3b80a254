/**
 * The search for harmful power cuts as a process of its own: arguments seed, images, whether syncs fail ('sound' or 'failing')
 * and, as JSON, a workload if only one is to be looked at; answers in one line of JSON.
 */

import { searchPowerCuts } from './search.ts'
import { Violation } from './violation.ts'
import type { Workload } from './workload.ts'

export type SearchAnswer = { readonly images: number } | { readonly violation: string }

const [seed = '', images = '', syncs = '', given] = process.argv.slice(2)
const only = given === undefined ? {} : { workload: JSON.parse(given) as Workload }
let answer: SearchAnswer
try {
  const search = { seed: Number(seed), images: Number(images), failingSyncs: syncs === 'failing' }
  answer = { images: (await searchPowerCuts({ ...search, kind: 'small', ...only })).images }
} catch (error) {
  if (!(error instanceof Violation)) throw error
  answer = { violation: error.message }
}
console.log(JSON.stringify(answer))
