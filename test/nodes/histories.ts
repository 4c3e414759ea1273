import fc from 'fast-check'
import { auditRowOf } from './checker.ts'
import type { Change, Event, History, Operation, State } from './history.ts'

/** What one client may do in a simulated history, and when it takes effect. */
const steps = fc.record({
  kind: fc.constantFrom('generate', 'generate', 'verify', 'verify', 'verify', 'setEnabled', 'getSettings'),
  start: fc.nat(200),
  duration: fc.nat(30),
  /** When it takes effect, as a fraction of its duration. */
  moment: fc.double({ min: 0, max: 1, noNaN: true }),
  /** `late` takes effect long after its client has left or has been told that it was given up. */
  fate: fc.constantFrom('stored', 'stored', 'stored', 'not stored', 'response lost', 'late', 'rejected'),
  clientLeft: fc.boolean(),
  enabled: fc.boolean(),
  /** A verify sends the token of this step, as a fraction of all steps. */
  token: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
})

/** Histories of a store that keeps all guarantees, with clients that overlap and responses that are lost. */
export const correctHistories: fc.Arbitrary<History> = fc.array(steps, { minLength: 2, maxLength: 40 }).map((all) => {
  const initial: State = { hash: null, enabled: true }
  const operations: Operation[] = []
  const changes: Change[] = []
  let state: State = initial
  /** When the newest confirmed write of each kind began. */
  const newest = { generate: -Infinity, setEnabled: -Infinity }

  const planned = all
    .map((step, id) => ({ ...step, id, changes: step.kind === 'generate' || step.kind === 'setEnabled' }))
    .map((step) => ({ ...step, at: step.start + step.duration * step.moment + (step.changes && step.fate === 'late' ? 100 : 0) }))
    .sort((one, other) => one.at - other.at)
  for (const step of planned) {
    const { id, kind, start, fate } = step
    const operation = { id, node: 0, start, end: start + step.duration }
    if (kind === 'generate' || kind === 'setEnabled') {
      const outcome = fate === 'stored' ? 'stored' : fate === 'rejected' ? 'unchanged' : step.clientLeft ? 'client left' : 'given up'
      const next = kind === 'generate' ? { ...state, hash: `hash ${id}` } : { ...state, enabled: step.enabled }
      const isOvertaken = outcome === 'given up' && operation.end < newest[kind]
      if (fate !== 'not stored' && fate !== 'rejected' && !isOvertaken) {
        if (outcome === 'stored') newest[kind] = Math.max(newest[kind], start)
        state = next
        changes.push({ operation: id, ...state })
      }
      operations.push({ ...operation, kind, outcome, enabled: step.enabled, hash: `hash ${id}` })
    } else {
      const hash = `hash ${Math.floor(step.token * all.length)}`
      operations.push({ ...operation, ...read(kind, hash, state) })
    }
  }
  const byId = new Map(operations.map((operation) => [operation.id, operation]))
  const audit = changes.map((change) => auditRowOf(change, byId.get(change.operation)))
  return { initial, operations, changes, audit, final: { ...state } }
})

function read (kind: 'verify' | 'getSettings', hash: string, state: State): Event {
  return kind === 'getSettings'
    ? { kind, outcome: { enabled: state.enabled, hasToken: state.hash !== null } }
    : { kind, hash, outcome: state.enabled && state.hash === hash ? 'accepted' : 'rejected' }
}

const spans = fc.tuple(fc.nat(7), fc.nat(3)).map(([start, length]) => ({ node: 0, start, end: start + length }))

/** Three tokens, one after the other, and a few verifications with random outcomes. */
export function smallHistories (outcomes: ('accepted' | 'rejected')[]): fc.Arbitrary<History> {
  const verifications = fc.array(fc.tuple(spans, fc.nat(2), fc.constantFrom(...outcomes)), { maxLength: 4 })
  return fc.tuple(fc.tuple(spans, spans, spans), verifications).map(([generates, reads]) => {
    const changes = generates.map((_span, operation) => ({ operation, hash: `hash ${operation}`, enabled: true }))
    return {
      initial: { hash: null, enabled: true },
      operations: [
        ...generates.map((span, id): Operation => ({ ...span, id, kind: 'generate', outcome: 'stored', hash: `hash ${id}` })),
        ...reads.map(([span, token, outcome], i): Operation => ({ ...span, id: 3 + i, kind: 'verify', hash: `hash ${token}`, outcome }))
      ],
      changes,
      audit: changes.map((change) => ({ ...change, enabled: null })),
      final: { hash: 'hash 2', enabled: true }
    }
  })
}

/** Whether there are moments for the three tokens that agree with all outcomes: tries every one. */
export function isLinearizable ({ operations }: History): boolean {
  const moments = [...new Set(operations.flatMap(({ start, end }) => [start, (start + end) / 2, end]))].sort((a, b) => a - b)
  return moments.some((a) => moments.some((b) => moments.some((c) => {
    const begins = [-Infinity, a, b, c, Infinity]
    if (a > b || b > c) return false
    return operations.every((operation, i) => {
      const { start, end } = operation
      if (operation.kind === 'generate') return begins[i + 1]! >= start && begins[i + 1]! <= end
      if (operation.kind !== 'verify') return false
      return [0, 1, 2, 3].some((state) => begins[state]! <= end && begins[state + 1]! >= start &&
        (operation.outcome === 'accepted') === (operation.hash === `hash ${state - 1}`))
    })
  })))
}
