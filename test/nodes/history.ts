/** What the store holds at one moment. */
export interface State {
  /** The hash of the one token, if one has been generated. */
  hash: string | null
  enabled: boolean
}

/** A state of the database and the operation whose write led to it. */
export interface Change extends State {
  operation: number
}

/** A row of the store's own audit table: a token or a switch, and null for the other. */
export interface AuditRow {
  operation: number
  hash: string | null
  enabled: boolean | null
}

/**
 * How a write ended for its client:
 *
 * - `stored`: 200
 * - `given up`: a 503 that says that the write may have been stored, or no response because the node exited
 * - `client left`: the client disconnected before the response; the node may still be writing
 * - `unchanged`: an error response that says that nothing was changed
 */
export type WriteOutcome = 'stored' | 'given up' | 'client left' | 'unchanged'

type Generate = { kind: 'generate' } & ({ outcome: 'stored', hash: string } | { outcome: Exclude<WriteOutcome, 'stored'> })
type SetEnabled = { kind: 'setEnabled', enabled: boolean, outcome: WriteOutcome }
type Verify = { kind: 'verify', hash: string, outcome: 'accepted' | 'rejected' | 'unknown' }
type GetSettings = { kind: 'getSettings', outcome: { enabled: boolean, hasToken: boolean } | 'unknown' }

/** A request and its outcome. */
export type Event = Generate | SetEnabled | Verify | GetSettings

/** The two kinds of writes. Each has its own order: a new token does not overtake a disable. */
export type WriteKind = 'generate' | 'setEnabled'

/** An event at a node, from before the first byte was sent until the last one was received. */
export type Operation = Event & {
  id: number
  node: number
  /** Milliseconds on the clock of the process that runs all clients. */
  start: number
  end: number
}

export type Write = Extract<Operation, { kind: WriteKind }>

/** Everything that the clients saw, and what the database says happened. */
export interface History {
  operations: Operation[]
  initial: State
  /** In the order in which the database made them. */
  changes: Change[]
  /** In the order of the audit's ids. */
  audit: AuditRow[]
  final: State
}

export function isWrite (operation: Operation): operation is Write {
  return operation.kind === 'generate' || operation.kind === 'setEnabled'
}

/** Whether the client cannot tell if the write was stored. */
export function isUnknown ({ outcome }: Operation): boolean {
  return outcome === 'given up' || outcome === 'client left'
}
