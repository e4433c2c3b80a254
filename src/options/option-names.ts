/**
 * Which name did a program mean? The known name that is nearest to a misspelt option, field or index.
 */

/** The only known name that begins with this one, or the one with the smallest edit distance if it is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const longer = known.filter(candidate => candidate.toLowerCase().startsWith(name.toLowerCase()))
  if (longer.length === 1 && name.length >= PREFIX_LENGTH_MIN) return longer[0]
  let best: string | undefined
  let bestDistance = Math.min(name.length, Math.max(2, Math.floor(name.length / 2)) + 1)
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

const PREFIX_LENGTH_MIN = 3

/** Levenshtein's distance, by rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(substitution, (previous[j] as number) + 1, (row[j - 1] as number) + 1))
    }
    previous = row
  }
  return previous[b.length] as number
}
