#!/usr/bin/env node
/**
 * What does the `stridedb` command do? It has no commands yet; this file reserves its name.
 */

import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string
}
const [argument] = process.argv.slice(2)
if (argument === '--version') {
  console.log(version)
} else if (argument === undefined || argument === '--help') {
  console.log(`stridedb ${version}\n\nUsage: stridedb --version | --help\nThere are no commands yet.`)
} else {
  console.error(`stridedb has no command '${argument}' yet; see --help`)
  process.exitCode = 2
}
