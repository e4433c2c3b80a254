/**
 * The search for harmful power cuts as a process of its own: arguments seed and images; answers in one line of JSON.
 */

import { searchPowerCuts } from './search.ts'
import { Violation } from './violation.ts'

export type SearchAnswer = { readonly images: number } | { readonly violation: string }

const [seed = 0, images = 0] = process.argv.slice(2).map(Number)
let answer: SearchAnswer
try {
  answer = { images: (await searchPowerCuts({ seed, kind: 'small', images })).images }
} catch (error) {
  if (!(error instanceof Violation)) throw error
  answer = { violation: error.message }
}
console.log(JSON.stringify(answer))
