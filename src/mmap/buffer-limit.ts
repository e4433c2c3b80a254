/**
 * How long one buffer may be.
 */

import { constants } from 'node:buffer'

/** Node 20 allows 4 GiB and aborts the process beyond; 1 TiB is the most that was tried on later ones. */
export const BUFFER_BYTES_MAX = Math.min(constants.MAX_LENGTH, 2 ** 40)
