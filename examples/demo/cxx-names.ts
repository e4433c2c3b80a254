/**
 * What a C++ symbol is called by people, as far as that is easy.
 *
 * Reads the plain and nested names of the Itanium C++ ABI (section 5.1.2: `_ZN2v88internal4Heap7CollectE…`) and
 * stops, with an ellipsis, at the first template, substitution or operator. Other names pass unchanged.
 */

export function readableName(symbol: string): string {
  const match = /^_ZN?[rVK]*[RO]?(St)?/.exec(symbol)
  if (match === null) return symbol
  const parts = match[1] === undefined ? [] : ['std']
  const isNested = symbol.startsWith('_ZN')
  let at = match[0].length
  for (;;) {
    const length = /^L?(\d+)/.exec(symbol.slice(at, at + 5))
    if (length === null) break
    const start = at + length[0].length
    at = start + Number(length[1])
    const part = symbol.slice(start, at)
    parts.push(part.startsWith('_GLOBAL__N') ? '(anonymous)' : part)
    if (!isNested) break
  }
  const last = parts.at(-1)
  if (last === undefined) return symbol
  const rest = symbol.slice(at)
  if (/^C[1-3]/.test(rest)) parts.push(last)
  else if (/^D[0-2]/.test(rest)) parts.push(`~${last}`)
  else if (isNested && !rest.startsWith('E')) parts.push('…')
  return parts.join('::')
}
