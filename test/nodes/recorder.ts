import type { Event, Operation } from './history.ts'
import { until } from './until.ts'

/** Records what the clients of a run see. */
export interface Recorder {
  operations: Operation[]
  /** Responses and exits that are wrong whatever the store holds. */
  problems: string[]
  /** Operations without a response although their client waited for it. */
  lost: Set<number>
  /** Numbers an operation, runs it and records its outcome. */
  record (node: number, run: (id: number) => Promise<Event>): Promise<Operation>
  addProblem (problem: string): void
  /** Waits until an operation has ended. */
  ended (id: number): Promise<Operation>
  /** Waits until all operations have ended. */
  settled (): Promise<void>
}

export function startRecorder (): Recorder {
  const operations: Operation[] = []
  const problems: string[] = []
  const pending = new Set<Promise<Event>>()
  let next = 1
  return {
    operations,
    problems,
    lost: new Set(),
    addProblem: (problem) => { problems.push(`${(performance.now() / 1000).toFixed(3)} s: ${problem}`) },
    async ended (id) {
      const find = () => operations.findLast((operation) => operation.id === id)
      await until(`operation ${id} has ended`, () => find() !== undefined)
      return find()!
    },
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
