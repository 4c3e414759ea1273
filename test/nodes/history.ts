/** What the store holds at one moment. */
export interface State {
  /** The hash of the one token, if there has been any. */
  hash: string | null
  enabled: boolean
}

/** A state that the database went into, and the operation that made it. */
export interface Change extends State {
  operation: number
}

/** A row of the store's own audit. */
export interface AuditRow {
  operation: number
  hash: string
}

/**
 * `stored`: answered 200. `unknown`: the answer said so, or there was none. `unchanged`: the answer
 * promised that nothing was changed.
 */
export type Outcome = 'stored' | 'unknown' | 'unchanged'

type Generate = { kind: 'generate' } & ({ outcome: 'stored', hash: string } | { outcome: Exclude<Outcome, 'stored'> })
type Switch = { kind: 'switch', enabled: boolean, outcome: Outcome }
type Verify = { kind: 'verify', hash: string, outcome: 'accepted' | 'refused' | 'unknown' }
type Look = { kind: 'look', outcome: { enabled: boolean, hasToken: boolean } | 'unknown' }

/** What was asked and what came of it. */
export type Event = Generate | Switch | Verify | Look

/** An event at a node, from before the first byte was sent until the last one was received. */
export type Operation = Event & {
  id: number
  node: number
  /** Milliseconds on the one clock of the process that runs all clients. */
  start: number
  end: number
}

/** All that the clients saw, and all that the database says happened. */
export interface History {
  operations: Operation[]
  initial: State
  /** In the order in which the database made them. */
  changes: Change[]
  /** In the order of the audit's ids. */
  audit: AuditRow[]
  final: State
}
