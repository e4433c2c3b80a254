/**
 * The matrix within one process, as a program: `node matrix-run.mjs PATH SEED TIMES OPERATIONS`, the last as JSON. It answers
 * with a line of JSON. For engines that were changed on purpose.
 */

import { matrixInProcess } from './matrix.ts'
import type { OperationName } from './operations.ts'

const [path = '', seed, times, names = ''] = process.argv.slice(2)
const operations = JSON.parse(names) as readonly OperationName[]
const run = matrixInProcess({ path, seed: Number(seed), times: Number(times), verifyEvery: 1, operations })
const answer = await run.catch((error: Error) => ({ violation: error.message }))
process.stdout.write(`${JSON.stringify(answer)}\n`)
process.exit()
