import type { Event, Operation } from './history.ts'

/** Takes down what the clients of a run see. */
export interface Recorder {
  operations: Operation[]
  /** What an answer should not have been, whatever the store holds. */
  complaints: string[]
  /** Operations without an answer, although their client waited for it. */
  lost: Set<number>
  /** Numbers an operation, runs it, and records what came of it. */
  record (node: number, run: (id: number) => Promise<Event>): Promise<Operation>
  complain (complaint: string): void
  /** Waits for what has not been answered yet. */
  settled (): Promise<void>
}

export function startRecorder (): Recorder {
  const operations: Operation[] = []
  const complaints: string[] = []
  const pending = new Set<Promise<Event>>()
  let next = 1
  return {
    operations,
    complaints,
    lost: new Set(),
    complain: (complaint) => { complaints.push(`${(performance.now() / 1000).toFixed(3)} s: ${complaint}`) },
    async settled () { await Promise.all(pending) },
    async record (node, run) {
      const id = next++
      const start = performance.now()
      const running = run(id)
      pending.add(running)
      const event = await running
      pending.delete(running)
      const operation = { ...event, id, node, start, end: performance.now() }
      operations.push(operation)
      return operation
    }
  }
}
