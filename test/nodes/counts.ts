import { findLateWrites } from './late-writes.ts'
import type { History } from './history.ts'

/** Counts the operations by kind and outcome, and the given-up writes by what became of them. */
export function countOperations (history: History): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind, outcome } of history.operations) {
    const name = `${kind}: ${typeof outcome === 'string' ? outcome : 'returned'}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  const givenUp = new Set(history.operations.filter(({ outcome }) => outcome === 'given up').map(({ id }) => id))
  return {
    ...counts,
    'writes given up': givenUp.size,
    '... that took effect': history.changes.filter(({ operation }) => givenUp.has(operation)).length,
    '... after a later confirmed write': findLateWrites(history).length
  }
}
