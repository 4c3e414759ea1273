import type { History, Operation } from './history.ts'

/** How many operations of each kind came out how. */
export function countOperations ({ operations, changes }: History): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind, outcome } of operations) {
    const name = `${kind} ${typeof outcome === 'string' ? outcome : 'answered'}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return { ...counts, 'stored after a 503': countLate(operations, changes) }
}

/** Changes of unknown outcome that were made after one that was asked for when they had been answered. */
function countLate (operations: Operation[], changes: History['changes']): number {
  const makers = new Map(operations.map((operation) => [operation.id, operation]))
  let latestStart = 0
  return changes.filter(({ operation }) => {
    const maker = makers.get(operation)
    const isLate = maker?.outcome === 'unknown' && maker.end < latestStart
    latestStart = Math.max(latestStart, maker?.start ?? 0)
    return isLate
  }).length
}
