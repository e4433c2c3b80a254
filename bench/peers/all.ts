/** Every store that is compared with ours. */

import { levelPeers } from './level.ts'
import { lmdbPeers } from './lmdb.ts'
import type { Peer } from './peer.ts'
import { sqlitePeers } from './sqlite.ts'

export const PEERS: readonly Peer[] = [...lmdbPeers, ...sqlitePeers, ...levelPeers]
