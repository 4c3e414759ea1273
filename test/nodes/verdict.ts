import { check } from './checker.ts'
import type { Cluster } from './cluster.ts'
import type { History } from './history.ts'
import { scanLogs } from './logs.ts'
import type { Recorder } from './recorder.ts'

export interface Verdict {
  history: History
  /** One line each. The trial fails on the first. */
  violations: string[]
}

/** Stops the nodes once every client has its response, then checks responses, database and logs. */
export async function reachVerdict (cluster: Cluster, recorder: Recorder, logFolder: string): Promise<Verdict> {
  await recorder.settled()
  await cluster.stopNodes()
  const history = { initial: { hash: null, enabled: true }, operations: recorder.operations, ...await cluster.database.readTruth() }
  const violations = check(history).map(({ rule, message }) => `${rule}: ${message}`)
  return { history, violations: [...recorder.problems, ...violations, ...await scanLogs(logFolder)] }
}
