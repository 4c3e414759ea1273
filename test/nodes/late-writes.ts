import { isWrite, type History, type Write, type WriteKind } from './history.ts'

/** A write that took effect although it had been given up before a newer one began, which was confirmed. */
export interface LateWrite {
  givenUp: Write
  confirmed: Write
}

/**
 * Returns the given-up writes that took effect after a later confirmed write of their kind.
 *
 * A confirmed write is later if its request began after the response to the given-up one had ended.
 * The order in which they took effect is that of the database.
 */
export function findLateWrites ({ operations, changes }: History): LateWrite[] {
  const writes = new Map(operations.filter(isWrite).map((write) => [write.id, write]))
  const newest = new Map<WriteKind, Write>()
  return changes.flatMap(({ operation }) => {
    const write = writes.get(operation)
    if (write === undefined) return []
    const confirmed = newest.get(write.kind)
    if (write.outcome === 'stored' && write.start > (confirmed?.start ?? -Infinity)) newest.set(write.kind, write)
    return write.outcome === 'given up' && confirmed !== undefined && write.end < confirmed.start ? [{ givenUp: write, confirmed }] : []
  })
}
