/**
 * The npm package geoip-lite: where its data lies, and what it answers itself.
 *
 * Its own loader reads all its files into memory when it is required.
 */

import { createRequire } from 'node:module'
import { duration, fact, timed } from './terminal.ts'

const require = createRequire(import.meta.url)

/** What `geoip.lookup` answers, as far as the demo compares it. */
export interface Lookup {
  readonly range: readonly [number, number]
  readonly country: string
  readonly region: string
  readonly timezone: string
  readonly city: string
  readonly ll: readonly [number | null, number | null]
}

export interface GeoipLite {
  lookup(address: number | string): Lookup | null
}

/** The two files the demo opens in place. @throws where the package is not installed */
export function geoipFiles(): { readonly ranges: string; readonly names: string } {
  return {
    ranges: require.resolve('geoip-lite/data/geoip-city.dat'),
    names: require.resolve('geoip-lite/data/geoip-city-names.dat'),
  }
}

/**
 * The package itself, to compare with. It declares Node 24 and later; 2.0.3 uses nothing that Node 20 lacks.
 * @throws an Error that says so, where that should have changed
 */
export function loadGeoipLite(): GeoipLite {
  try {
    const { answer, ms } = timed(() => require('geoip-lite') as GeoipLite)
    const { version, engines } = require('geoip-lite/package.json') as {
      readonly version: string
      readonly engines: { readonly node: string }
    }
    const memory = `loaded in ${duration(ms)} (all of its files into memory)`
    fact('geoip-lite', `${version}, ${memory}; declares node ${engines.node}, runs on ${process.version}`)
    return answer
  } catch (cause) {
    throw new Error(
      `geoip-lite cannot be loaded on Node ${process.version}, so nothing can be compared with it`,
      {
        cause,
      },
    )
  }
}
