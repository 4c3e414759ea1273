import type { Operation } from './history.ts'

/** The guarantees that the checker checks, in short. README.md says which is which. */
export type Rule =
  | 'one valid token'
  | 'invalid at once'
  | 'no token without a row'
  | 'fail closed'
  | 'atomic writes'
  | 'stored in real-time order'
  | 'stays given up'

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
  const result = typeof outcome === 'string' ? outcome : JSON.stringify(outcome)
  return `${kind} ${id} at node ${node} from ${start.toFixed(1)} to ${end.toFixed(1)} ms (${result})`
}
