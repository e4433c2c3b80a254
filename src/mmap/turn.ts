/**
 * When does this turn of the event loop end? One immediate for everything in the process that asks.
 *
 * What was checked at the start of a turn (a file's size) is trusted until its end, and no longer (S6). Nothing
 * is scheduled while nobody asks, so an idle process may end.
 */

// Taken at once: a test's fake timers would otherwise keep a turn open for ever.
const schedule = setImmediate

export interface TurnBound {
  endTurn(): void
}

let waiting: TurnBound[] = []

/** Calls `bound.endTurn()` once, when this turn of the event loop has ended. */
export function atTurnEnd(bound: TurnBound): void {
  if (waiting.push(bound) === 1) schedule(endTurn)
}

function endTurn(): void {
  const ending = waiting
  waiting = []
  for (const bound of ending) bound.endTurn()
}
