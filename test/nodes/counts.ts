import type { History, Operation } from './history.ts'

/** How many operations of each kind came out how. */
export function countOperations ({ operations, changes }: History): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind, outcome } of operations) {
    const name = `${kind} ${typeof outcome === 'string' ? outcome : 'answered'}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return { ...counts, 'made after a newer 200': countLate(operations, changes) }
}

/**
 * Changes of unknown outcome that were made after a newer one that was answered 200: one that was
 * asked for when the answer to the older was there.
 */
function countLate (operations: Operation[], changes: History['changes']): number {
  const makers = new Map(operations.map((operation) => [operation.id, operation]))
  let latestStart = 0
  return changes.filter(({ operation }) => {
    const maker = makers.get(operation)
    const isLate = maker?.outcome === 'unknown' && maker.end < latestStart
    if (maker?.outcome === 'stored') latestStart = Math.max(latestStart, maker.start)
    return isLate
  }).length
}
