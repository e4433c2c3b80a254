/**
 * How does a CommonJS loader get the library that cannot load ES modules: Jest on Node below 24.9?
 *
 * The package ships its code once, as ES modules. Node requires those itself (condition `module-sync` of package.json) and bundlers
 * bundle them (`module`). Jest knows neither, and comes here by `node-addons`. The modules are as scripts/bundle.mjs writes them: imports and exports are
 * statements of their own that begin a line, nothing is exported by default, and no import runs in circles.
 *
 *   CJ1  each module runs once for each copy of this file, so that the entries share their classes.
 *   CJ2  the code runs in the realm that required it; stacks name its files, with lines two higher than in the file.
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

/** As many lines as there were. */
function blank(statement) {
  return statement.replace(/[^\n]/g, '')
}

module.exports = entry =>
  Object.assign(Object.defineProperty({}, '__esModule', { value: true }), load(join(__dirname, '..', entry)))
