/**
 * How long may one buffer be?
 */

import { constants } from 'node:buffer'

/** Node 20 allows 4 GiB, and aborts the process beyond that. On later versions 1 TiB was tried. */
export const BUFFER_BYTES_MAX = Math.min(constants.MAX_LENGTH, 2 ** 40)
