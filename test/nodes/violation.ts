import type { Operation } from './history.ts'

/** The promises, shortest. */
export type Rule =
  | 'one valid token'
  | 'dead at once'
  | 'no token without a row'
  | 'no row without a token'
  | 'a change is whole'
  | 'stored in real-time order'

export interface Violation {
  rule: Rule
  message: string
}

export function violation (rule: Rule, message: string): Violation {
  return { rule, message }
}

export function describe (operation: Operation | undefined): string {
  if (operation === undefined) return 'an operation that no client sent'
  const { id, kind, node, outcome, start, end } = operation
  const answer = typeof outcome === 'string' ? outcome : JSON.stringify(outcome)
  return `${kind} ${id} at node ${node} from ${start.toFixed(1)} to ${end.toFixed(1)} ms (${answer})`
}
