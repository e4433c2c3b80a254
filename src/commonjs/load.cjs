/**
 * How does a CommonJS loader that cannot load ES modules get the library? Jest on Node below 24.9 is one.
 *
 * The package ships its code once, as ES modules. Node requires those itself (condition `module-sync` of package.json), and bundlers
 * bundle them (`module`). Jest knows neither condition and comes here by `node-addons`. This file relies on the form in which
 * scripts/bundle.mjs writes modules: imports and exports are statements that begin a line, nothing is exported by default, and no
 * import is circular.
 *
 *   CJ1  each module runs once for each copy of this file, so that the entries share their classes.
 *   CJ2  the code runs in the realm that required it. Error stacks name its files, with line numbers two higher than in the file.
 */

'use strict'

const { readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { pathToFileURL } = require('node:url')

const IMPORT = /^import (?:(?:\{([^}]*)\}|\* as ([\w$]+)|([\w$]+)) from )?"([^"]+)";$/gm
const EXPORT = /^export \{([^}]*)\};$/gm
const loaded = new Map()

/** The exports of a module of the package, by its path. */
function load(path) {
  let exported = loaded.get(path)
  if (exported === undefined) loaded.set(path, (exported = run(path)))
  return exported
}

function run(path) {
  const imports = []
  const code = readFileSync(path, 'utf8')
    .replace(/^#!.*/, '')
    .replace(IMPORT, (statement, names, all, fallback, from) => {
      const module = `__load(${JSON.stringify(from)})`
      if (names !== undefined)
        imports.push(`const {${names.replace(/ as /g, ': ').replace(/\s+/g, ' ')}} = ${module}`)
      else if (all ?? fallback) imports.push(`const ${all ?? fallback} = ${module}`)
      else imports.push(module)
      return blank(statement)
    })
    .replace(EXPORT, (_, names) => `return {${names.replace(/([\w$]+) as ([\w$]+)/g, '$2: $1')}};`)
    .replace(/\bimport\.meta\.url\b/g, '__url')
  const source = `'use strict'; ${imports.join('; ')};${code}\n//# sourceURL=${pathToFileURL(path)}`
  const importing = from => (from.startsWith('.') ? load(join(dirname(path), from)) : require(from))
  return new Function('__load', '__url', source)(importing, pathToFileURL(path).href)
}

/** As many empty lines as the statement had. */
function blank(statement) {
  return statement.replace(/[^\n]/g, '')
}

module.exports = entry =>
  Object.assign(Object.defineProperty({}, '__esModule', { value: true }), load(join(__dirname, '..', entry)))
