/**
 * When does this turn of the event loop end? One immediate serves all callers in the process.
 *
 * A check at the start of a turn, of a file's size for example, is valid until the end of the turn (S6). Without callers nothing is
 * scheduled, so that an idle process may end.
 */

// Taken when this file is loaded, since fake timers of a test would keep a turn open for ever.
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
