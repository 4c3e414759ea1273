import { check } from './checker.ts'
import type { Cluster } from './cluster.ts'
import type { History } from './history.ts'
import { scanLogs } from './logs.ts'
import type { Recorder } from './recorder.ts'

export interface Verdict {
  history: History
  /** What was not as promised. */
  violations: string[]
}

/** Stops the nodes once all clients are done, and checks what was seen, stored and logged. */
export async function reachVerdict (cluster: Cluster, recorder: Recorder, logFolder: string): Promise<Verdict> {
  await recorder.settled()
  await cluster.stopNodes()
  const history = { initial: { hash: null, enabled: true }, operations: recorder.operations, ...await cluster.database.truth() }
  const violations = check(history).map(({ rule, message }) => `${rule}: ${message}`)
  return { history, violations: [...recorder.complaints, ...violations, ...await scanLogs(logFolder)] }
}
