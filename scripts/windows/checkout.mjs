/**
 * A copy of the checkout with the packages' builds for Windows.
 */

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Brings `folder` to the state of the checkout; packages are fetched again where the lock file has changed. */
export function copyCheckout(checkout, folder) {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: checkout,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  for (const name of ['src', 'test', 'examples', 'bench', 'scripts', 'docs', 'dist'])
    rmSync(join(folder, name), { recursive: true, force: true })
  for (const name of [...listed.split('\0').filter(name => name !== ''), 'dist']) {
    const source = join(checkout, name)
    if (name === 'node_modules' || !existsSync(source)) continue
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    cpSync(source, join(folder, name), { recursive: true })
  }
  const lock = readFileSync(join(checkout, 'package-lock.json'))
  const marker = join(folder, 'node_modules', '.lock-used')
  if (existsSync(marker) && readFileSync(marker).equals(lock)) return
  // Not `npm ci`: a lock file written on one system may lack what a package offers only on others, and that is refused.
  const args = [
    'install',
    '--os=win32',
    '--cpu=x64',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  writeFileSync(marker, lock)
}
